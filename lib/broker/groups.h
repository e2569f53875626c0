#pragma once
// The consumer groups' settings, R/config/subscriptionGroup.json (mqd-store(5), GROUPS).
//
// Threads: any; values and shared const groups come out.
// Owner:   Broker.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/settings.h"
#include "broker/table_file.h"

namespace mqd::broker {

/// One group's object, whole (members that we do not know too), and what the broker asks of it.
class Group {
public:
    /// Missing members get their defaults. invalid: no name.
    static Result<Group> from_json(const json::Value& value);
    static Group of_name(std::string_view name);

    const std::string& name() const { return name_; }
    const json::Value& json() const { return json_; }
    bool consume_enabled() const { return consume_enabled_; }
    bool broadcast_enabled() const { return broadcast_enabled_; }
    bool notify_members() const { return notify_members_; }
    std::int32_t retry_queues() const { return retry_queues_; }
    std::int32_t retry_max() const { return retry_max_; }
    std::int32_t sys_flag() const { return sys_flag_; }

private:
    std::string name_;
    json::Value json_;
    bool consume_enabled_ = true, broadcast_enabled_ = true, notify_members_ = true;
    std::int32_t retry_queues_ = 1, retry_max_ = 16, sys_flag_ = 0;
};

using GroupRef = std::shared_ptr<const Group>;

class Groups {
public:
    /// Loads the file and makes the system groups. corrupt, io: the file.
    static Result<std::unique_ptr<Groups>> open(store::Files& files, const Clock& clock,
                                                const Settings& settings);

    GroupRef find(std::string_view name) const;
    /// Made with defaults when groups may be made by themselves, else null; null too for a name
    /// that is none.
    GroupRef find_or_create(std::string_view name);
    GroupRef put(Group group);
    bool remove(std::string_view name);

    /// What an operator has forbidden a group, topic by topic; the group need not exist.
    bool may_read(std::string_view group, std::string_view topic) const;
    void set_may_read(std::string_view group, std::string_view topic, bool may);

    std::vector<GroupRef> all() const;
    DataVersion data_version() const;
    /// The table as the file and request 201 have it.
    json::Value to_json() const;

    /// Writes the file if something changed since the last time. Called by one thread.
    Result<> save();
    bool dirty() const;

private:
    Groups(store::Files& files, const Clock& clock, const Settings& settings);
    Result<> load();
    GroupRef put_locked(Group group) REQUIRES(mutex_);

    store::Files& files_;
    const Clock& clock_;
    const Settings& settings_;
    const std::filesystem::path path_;

    mutable Mutex mutex_;
    ByName<GroupRef> groups_ GUARDED_BY(mutex_);
    DataVersion data_version_ GUARDED_BY(mutex_);
    json::Value other_ GUARDED_BY(mutex_);
    ByName<ByName<std::int64_t>> forbidden_ GUARDED_BY(mutex_);  // group -> topic -> bits
    std::atomic<bool> any_forbidden_ = false;  ///< set under mutex_; without it no pull looks
    std::atomic<bool> dirty_ = false;          ///< set with the change, under mutex_
};

}  // namespace mqd::broker
