#pragma once
// The SQL92 filters of consumer groups, R/config/consumerFilter.json (mqd-store(5), OTHER TABLES):
// what a group wanted when it was last connected, so that its pulls are answered after a restart
// before its members' heartbeats have come.
//
// Threads: any.
// Owner:   Broker.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/clients.h"
#include "broker/settings.h"
#include "broker/table_file.h"

namespace mqd::broker {

class Filters {
public:
    /// A file that cannot be read is said in the log, and written anew: heartbeats bring all of it
    /// back. io: the disk failed.
    static Result<std::unique_ptr<Filters>> open(store::Files& files, const Clock& clock,
                                                 const Settings& settings);

    /// What a member's heartbeat says. True: there is something new to save.
    bool heard(std::string_view group, std::span<const SubscriptionRef> subscriptions);
    /// The last member is gone.
    void left(std::string_view group);
    /// Null: none that can be used.
    SubscriptionRef find(std::string_view group, std::string_view topic) const;
    void remove_group(std::string_view group);
    void remove_topic(std::string_view topic);

    /// Writes the file if something changed since the last time, without what nobody has used for
    /// a day. Called by one thread.
    Result<> save();

private:
    struct Entry {
        SubscriptionRef subscription;
        std::int64_t born_ms = 0;
        std::int64_t dead_ms = 0;  ///< 0: in use
        json::Value bloom;         ///< as it was read; null: ours
        bool is_dead() const { return dead_ms >= born_ms; }
    };
    Filters(store::Files& files, const Clock& clock, const Settings& settings);
    Result<> take(const json::Value& content);
    void forget_old();
    json::Value to_json() const;

    store::Files& files_;
    const Clock& clock_;
    const std::filesystem::path path_;

    mutable Mutex mutex_;
    ByName<ByName<Entry>> groups_ GUARDED_BY(mutex_);  // group -> topic
    std::atomic<bool> dirty_ = false;                  ///< set with the change, under mutex_
};

}  // namespace mqd::broker
