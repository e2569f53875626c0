#pragma once
// How far each consumer group has come, R/config/consumerOffset.json (mqd-store(5), CONSUMER
// OFFSETS).
//
// What the file says is held against the queues (position.h), but a queue is read from the disk for
// that, so it happens when a position is first asked for, and for the others soon after the start.
//
// Threads: any.
// Owner:   Broker.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/position.h"
#include "broker/settings.h"
#include "broker/table_file.h"

namespace mqd::broker {

class Offsets {
public:
    /// corrupt, io: the file.
    static Result<std::unique_ptr<Offsets>> open(store::Files& files, const Clock& clock,
                                                 const Settings& settings);

    /// What a queue had when the store was opened; nothing: it cannot be read now.
    using Ranges =
        std::function<std::optional<QueueRange>(std::string_view topic, std::int32_t queue)>;
    /// Before traffic.
    void hold_against(Ranges ranges);
    /// Holds some of the positions that nobody has asked for yet; false when there are no more.
    /// Called by one thread.
    bool hold_some(std::size_t count);
    /// The queue has changed: no group is beyond its end.
    void queue_changed(std::string_view topic, std::int32_t queue, const QueueRange& range);

    /// The next message to consume; backwards is fine. On disk after the next save(). False, and
    /// nothing happens: a reset is pending, of which the group has not heard.
    bool commit(std::string_view group, std::string_view topic, std::int32_t queue,
                std::int64_t offset);
    /// The same where the group has none in the queue yet; else nothing happens.
    void commit_first(std::string_view group, std::string_view topic, std::int32_t queue,
                      std::int64_t offset);
    /// An operator's: committed, and pending until the group's next pull from the queue has been
    /// told (mqd-remoting(7), RESETTING OFFSETS). A restart forgets that it is pending.
    void reset(std::string_view group, std::string_view topic, std::int32_t queue,
               std::int64_t offset);
    /// The reset that is pending, and is no longer from here on.
    std::optional<std::int64_t> take_reset(std::string_view group, std::string_view topic,
                                           std::int32_t queue);
    /// `to` goes on in the topic where `from` has come to.
    void clone(std::string_view from, std::string_view to, std::string_view topic);
    std::optional<std::int64_t> find(std::string_view group, std::string_view topic,
                                     std::int32_t queue) const;
    /// What a pull was told to go on with: for the count of what is in flight, never saved.
    void pulled(std::string_view group, std::string_view topic, std::int32_t queue,
                std::int64_t next);
    /// A pull at `asked` was told that the queue begins after it: if the group had come to there,
    /// messages have gone before it has read them, which is logged.
    void gone(std::string_view group, std::string_view topic, std::int32_t queue,
              std::int64_t asked, const QueueRange& range);
    /// committed -1: only pulled. pulled -1: only committed.
    struct Place {
        std::int64_t committed = -1;
        std::int64_t pulled = -1;
        std::int64_t reset = -1;  ///< pending
        bool is_held = true;      ///< against the queue
    };
    std::map<std::int32_t, Place> places(std::string_view group, std::string_view topic) const;

    /// With a committed offset.
    std::vector<std::string> topics_of(std::string_view group) const;
    std::vector<std::string> groups_of(std::string_view topic) const;
    void remove_group(std::string_view group);
    /// `readers`: groups that may go on to ask for what they had come to. The next pull of each, of
    /// a new topic of that name, is told as after a reset to begin at 0, and no commit counts
    /// before.
    void remove_topic(std::string_view topic, const std::vector<std::string>& readers = {});
    /// Of a group without a member nobody has anything to be told.
    void members_gone(std::string_view group);

    json::Value to_json() const;
    /// Writes the file if something changed since the last time. Called by one thread.
    Result<> save();

private:
    using Queues = std::map<std::int32_t, Place>;
    Offsets(store::Files& files, const Clock& clock, const Settings& settings);
    Result<> load();
    using Groups = ByName<ByName<Queues>>;  // group -> topic -> queues
    static Place& place(Groups& groups, std::string_view group, std::string_view topic,
                        std::int32_t queue);
    const Place* find_place(std::string_view group, std::string_view topic,
                            std::int32_t queue) const REQUIRES(mutex_);
    void changed() const REQUIRES(mutex_);
    void forget(const Queues& queues) REQUIRES(mutex_);
    void hold(std::string_view group, std::string_view topic, std::int32_t queue) const;

    store::Files& files_;
    const Clock& clock_;
    const std::filesystem::path path_;

    struct Key {
        std::string group, topic;
        std::int32_t queue = 0;
    };
    Ranges ranges_;
    std::vector<Key> to_hold_;  // hold_some()'s

    mutable Mutex mutex_;
    mutable Groups groups_ GUARDED_BY(mutex_);  // a position is held when it is asked for
    mutable DataVersion data_version_ GUARDED_BY(mutex_);
    json::Value other_ GUARDED_BY(mutex_);     // top-level members that we do not know
    json::Value nameless_ GUARDED_BY(mutex_);  // entries that are not of a topic and a group
    mutable std::int64_t commits_ GUARDED_BY(mutex_) = 0;
    mutable std::atomic<bool> dirty_ = false;  ///< set with the change, under mutex_
    /// How many are pending; changed under mutex_. Almost always none, and then no pull looks.
    std::atomic<std::int64_t> resets_ = 0;
};

}  // namespace mqd::broker
