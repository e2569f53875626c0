#pragma once
// QueueMender: holds queues against the log, and makes those that do not fit whole again from it,
// as many as are known by one walk. A record says its own number, so numbers stay as they are;
// what the log has lost meanwhile keeps its place.
//
// Threads: add() and wait_for() from whoever uses a queue first. mqd-check looks at all queues,
//          once, at low priority, and ends. mqd-mend walks the log while queues wait for it, and
//          ends.
// Owner:   the store.

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "store/log/commit_log.h"
#include "store/queue/delay_levels.h"
#include "store/queue/queue_changes.h"
#include "store/queue/stored_queue.h"
#include "store/table/topic_names.h"

namespace mqd::store {

class QueueTable;
class QueueWriter;

class QueueMender {
public:
    QueueMender(CommitLog& log, DelayLevels levels, QueueChanges& changes)
        : log_(log), levels_(std::move(levels)), changes_(changes) {}
    ~QueueMender() { stop(); }

    // ---- before all threads

    /// The log has more to say about where queues end, and it takes long: see counted(). A queue of
    /// these topics that has no files may have lost them. `topics` outlives this.
    void count_first(const TopicNames& topics);
    /// Recovery is over: queues are looked at before they are served.
    void serve(QueueTable& queues);

    // ---- any thread

    bool serving() const { return serving_.load(std::memory_order_acquire); }
    /// The log may have more of a queue than its files, if it has records from `ignore_before` on.
    bool counting(std::int64_t ignore_before) const {
        return counting_.load(std::memory_order_acquire) && ignore_before < count_to_;
    }
    /// A queue of that topic without files may have had some; counted() tells.
    bool may_be_lost(std::string_view topic, std::int64_t ignore_before) const {
        return counting(ignore_before) && topics_->has(topic);
    }
    /// Every queue knows now where the log says that it ends.
    void counted();

    /// Why a queue waits whose files may lack their end: nothing else is wrong with it.
    static constexpr std::string_view not_counted = "the log has not been asked yet for its end";

    /// A queue that needs_mending(), for the next walk.
    void add(StoredQueue& queue, std::string why);
    /// Until it is usable, or broken, or the store stops; with `soon` up to a second after the walk
    /// began that everybody waits for. The caller holds nothing that the log or listeners need.
    void wait_for(const StoredQueue& queue, bool soon);

    /// Starts mqd-check: `first` runs before all; after `wait_ms`, which are the broker's to start
    /// in, every queue is looked at; `done` tells that it has not been stopped before the end.
    void check_all(std::function<void(const std::function<bool()>& stop)> first,
                   std::int64_t wait_ms, std::function<void()> done);
    /// Nothing is mended or waited for from here on; a walk ends where it is.
    void stop();

private:
    struct Misfit {
        StoredQueue* queue = nullptr;
        std::string why;
    };
    struct Patient {
        StoredQueue* queue = nullptr;
        MendPlan plan;
    };
    using ByTopic =
        std::unordered_map<std::string_view, std::unordered_map<std::int32_t, StoredQueue*>>;

    bool is_stopped_within(std::int64_t ms);
    void mend_waiting();
    void walk_for_all();
    void mend(const std::vector<Misfit>& misfits);
    static Result<std::optional<MendPlan>> plan_for(StoredQueue& queue, const std::string& why);
    Result<> replay(const std::vector<Patient>& patients);
    Result<> walk(const ByTopic& wanted, bool dispatched, std::int64_t from, std::int64_t to,
                  QueueWriter& writer);
    static void add_dispatched(const ByTopic& wanted, const message::RecordView& record,
                               QueueWriter& writer);
    void finish(Patient& patient, const Result<>& walked);

    CommitLog& log_;
    const DelayLevels levels_;
    QueueChanges& changes_;
    QueueTable* queues_ = nullptr;
    const TopicNames* topics_ = nullptr;
    std::int64_t count_to_ = 0;
    std::atomic<bool> counting_ = false;
    std::atomic<bool> serving_ = false;
    std::atomic<bool> stopping_ = false;

    Mutex lock_;
    Condition mended_;  // or stopping
    std::vector<Misfit> waiting_ GUARDED_BY(lock_);
    std::vector<Misfit> uncounted_ GUARDED_BY(lock_);  // of which counted() tells
    bool walking_ GUARDED_BY(lock_) = false;
    std::int64_t began_ms_ GUARDED_BY(lock_) = 0;  // the walk, or the count
    std::thread walker_ GUARDED_BY(lock_);
    std::thread checker_;
};

}  // namespace mqd::store
