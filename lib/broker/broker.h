#pragma once
// What a broker is in any protocol: its tables, and the rules that tie them together. Front ends
// turn requests into calls on this.
//
// Threads: any. Its own thread `mqd-save` saves the tables, closes dead clients and samples the
//          counters; Arrivals, Delay, Timers and Transactions have theirs.
// Owner:   main; the Store outlives it, front ends do not.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/arrivals.h"
#include "broker/clients.h"
#include "broker/counters.h"
#include "broker/durability.h"
#include "broker/filters.h"
#include "broker/groups.h"
#include "broker/offsets.h"
#include "broker/queue_locks.h"
#include "broker/request_modes.h"
#include "broker/role.h"
#include "broker/settings.h"
#include "broker/topics.h"
#include "message/id.h"
#include "store/engine/reader_threads.h"
#include "store/store.h"

namespace mqd::broker {

class Broker {
public:
    /// Loads the tables and listens to the store's arrivals; it leads, or follows until lead().
    /// corrupt, io: a table's file.
    static Result<std::unique_ptr<Broker>> open(store::Files& files, const Clock& clock,
                                                store::Store& store, const Settings& settings,
                                                bool leads = true);
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    /// Stops the threads and saves the tables for the last time. io, refused: one was not saved.
    Result<> close();

    const Settings& settings() const { return settings_; }
    const Clock& clock() const { return clock_; }
    store::Store& store() { return store_; }
    Topics& topics() { return *topics_; }
    Groups& groups() { return *groups_; }
    Offsets& offsets() { return *offsets_; }
    Filters& filters() { return *filters_; }
    RequestModes& request_modes() { return *request_modes_; }
    Clients& clients() { return clients_; }
    QueueLocks& locks() { return locks_; }
    Arrivals& arrivals() { return *arrivals_; }
    Counters& counters() { return counters_; }
    store::ReaderThreads& readers() { return readers_; }
    Durability& durability() { return durability_; }

    /// Delayed messages, timers and transactions; null while the broker follows. A thread that
    /// appends holds the lease until the append is done.
    Lease leading() const { return role_->lease(); }
    /// Begins to lead, from the progress that is saved. corrupt, io: a file. One caller at a time.
    Result<> lead();
    /// When this returns, the broker accepts and delivers nothing more, and its progress is saved.
    /// io, refused: the progress could not be saved.
    Result<> follow();

    /// Before traffic: the address that its records carry.
    void set_store_host(const message::Host& host) { store_host_ = host; }
    const message::Host& store_host() const { return store_host_; }
    /// The properties that the broker adds to each message: region, trace and cluster.
    const std::string& stamp() const { return stamp_; }
    std::string unique_key() { return unique_keys_.next(); }

    /// Before traffic: told of each change of a topic; null for a removal.
    void on_topic_change(std::function<void(const std::string&, const TopicRef&)> listener) {
        topic_listener_ = std::move(listener);
    }

    /// What has changed in topics and groups is soon on disk; `done` is called afterwards from the
    /// housekeeping thread (many changes share one save).
    void save_soon(std::function<void(Result<>)> done = {});
    /// The same for the consumer groups' offsets, which are else saved every few seconds.
    void save_offsets_soon(std::function<void(Result<>)> done);

    /// The group, made where groups may be made by themselves and saved soon; else null.
    GroupRef find_or_create_group(std::string_view name);

    /// A client's heartbeat: its groups are made and their members told where that is due.
    void heartbeat(const PeerRef& peer, const ClientInfo& client, std::vector<Membership> consuming,
                   const std::vector<std::string>& producing);
    void leave_group(const Peer& peer, std::string_view group);
    /// Deleted by an administrator; members that are connected make it again.
    void delete_group(std::string_view group, bool with_offsets);
    /// The connection is gone.
    void disconnected(const Peer& peer);

    /// Made or changed, all of them or none, as Topics::put_all(); pulls that wait at a queue which
    /// is not to be read any more are told.
    Result<> put_topics(std::vector<TopicConfig> configs);
    /// The topic with its queues, its groups' offsets and locks, and its place in the table; pulls
    /// that wait there are told. False: there was none. io: as Store::delete_topic.
    Result<bool> delete_topic(std::string_view name);
    /// Since this run began, a topic of that name was deleted: whoever asks for what lies after
    /// the queue's end means that one.
    bool was_made_anew(const store::Queue& queue) const {
        return queue.since() > 0 && queue.since() >= opened_at_.value;
    }

    enum class Committed {
        yes,
        reset_pending,  ///< nothing happened: see Offsets::commit()
        beyond_end,     ///< nothing happened: the queue has not come so far, which is logged
    };
    /// A group's offset, from a client; `only_first`: as Offsets::commit_first().
    Committed commit(std::string_view group, const Topic& topic, std::int32_t queue,
                     std::int64_t offset, bool only_first = false);
    /// What the store has of topics that are in no table, with their offsets. io: as Store's.
    Result<> delete_unknown_topics();

private:
    Broker(store::Files& files, const Clock& clock, store::Store& store, const Settings& settings);
    Result<std::unique_ptr<Leading>> open_leading();
    void begin_leading(std::unique_ptr<Leading> leading);
    std::unique_ptr<Leading> stop();
    void tell_members(std::string_view group);
    std::vector<std::string> readers_of(std::string_view topic) const;
    void wake_unreadable(const Topic& before);
    void member_gone(std::string_view group);
    void run();
    Result<> save_tables();
    Result<> save_topics();
    void close_expired();

    store::Files& files_;
    const Settings& settings_;
    const Clock& clock_;
    store::Store& store_;
    const PhysicalOffset opened_at_;  // the end of the log
    message::Host store_host_;
    std::string stamp_;
    message::UniqueKeys unique_keys_;
    std::unique_ptr<Topics> topics_;
    std::unique_ptr<Groups> groups_;
    std::shared_ptr<Offsets> offsets_;  // the store's listener has a share
    std::unique_ptr<Filters> filters_;
    std::unique_ptr<RequestModes> request_modes_;
    Clients clients_;
    QueueLocks locks_;
    const std::shared_ptr<Arrivals> arrivals_;  // the store's listener has a share
    Counters counters_;
    Durability durability_;
    const std::shared_ptr<Role> role_;  // the store's listener has a share
    std::function<void(const std::string&, const TopicRef&)> topic_listener_;

    std::atomic<std::int64_t> refusal_logged_ms_ = 0;  // monotonic

    Mutex mutex_;
    Condition wake_;
    std::vector<std::function<void(Result<>)>> saved_ GUARDED_BY(mutex_);
    bool save_wanted_ GUARDED_BY(mutex_) = false;
    bool save_offsets_wanted_ GUARDED_BY(mutex_) = false;
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::int64_t next_topics_ms_ = 0;  // thread_'s own
    std::thread thread_;
    store::ReaderThreads readers_;  // their jobs use the rest
};

}  // namespace mqd::broker
