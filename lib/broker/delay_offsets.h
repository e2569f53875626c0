#pragma once
// How far the delivery of each delay level has come, R/config/delayOffset.json (mqd-store(5), OTHER
// TABLES): level -> the next offset in SCHEDULE_TOPIC_XXXX, queue level-1.
//
// Threads: any.
// Owner:   Delay.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/due_bounds.h"
#include "broker/settings.h"
#include "broker/table_file.h"
#include "store/store.h"

namespace mqd::broker {

class DelayOffsets {
public:
    DelayOffsets(store::Files& files, const Clock& clock, store::Store& store,
                 const Settings& settings);
    /// corrupt, io: the file.
    Result<> load();

    std::optional<std::int64_t> find(std::int32_t level) const;
    /// On disk after the next save().
    void set(std::int32_t level, std::int64_t next);
    /// Of the level's messages: they outlive a restart, so that none of these makes a wait longer.
    DueBounds due_bounds(std::int32_t level) const;
    void set_due_bounds(std::int32_t level, DueBounds bounds);

    json::Value to_json() const;
    /// Writes the file if something changed since the last time, when all that was delivered so
    /// far is on disk: a power cut may deliver twice, but loses nothing. io: the log was not
    /// synced in time, or the file was not written. Called by one thread.
    Result<> save();

private:
    store::Files& files_;
    const Clock& clock_;
    store::Store& store_;
    const std::filesystem::path path_;

    mutable Mutex mutex_;
    std::map<std::int32_t, std::int64_t> next_ GUARDED_BY(mutex_);     // by level, from 1
    std::map<std::int32_t, DueBounds> due_bounds_ GUARDED_BY(mutex_);  // those that are not empty
    DataVersion data_version_ GUARDED_BY(mutex_);
    json::Value other_ GUARDED_BY(mutex_);
    std::int64_t updates_ GUARDED_BY(mutex_) = 0;
    bool dirty_ GUARDED_BY(mutex_) = false;
};

}  // namespace mqd::broker
