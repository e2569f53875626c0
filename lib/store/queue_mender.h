#pragma once
// QueueMender: holds queues against the log, and makes those that do not fit whole again from it,
// as many as are known by one walk. A record says its own number, so numbers stay as they are;
// what the log has lost meanwhile keeps its place.
//
// Threads: add() and mend() from whoever uses a queue first; a thread of its own (mqd-check) that
//          looks at all of them once, at low priority, and ends.
// Owner:   the store.

#include <atomic>
#include <functional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "store/commit_log.h"
#include "store/delay_levels.h"
#include "store/queue_changes.h"
#include "store/stored_queue.h"

namespace mqd::store {

class QueueTable;
class QueueWriter;

class QueueMender {
public:
    QueueMender(CommitLog& log, DelayLevels levels, QueueChanges& changes)
        : log_(log), levels_(std::move(levels)), changes_(changes) {}
    ~QueueMender() { stop(); }

    /// Recovery is over: queues are looked at before they are served.
    void serve(QueueTable& queues) {
        queues_ = &queues;
        serving_.store(true, std::memory_order_release);
    }
    bool serving() const { return serving_.load(std::memory_order_acquire); }

    /// A queue that needs_mending(), for the next walk.
    void add(StoredQueue& queue);
    /// It is usable, or broken, when this returns. The caller holds nothing.
    void mend(StoredQueue& queue);

    /// Starts the thread: `first` runs before all, then every queue is looked at, `done` tells that
    /// it has not been stopped before the end.
    void check_all(std::function<void(const std::function<bool()>& stop)> first,
                   std::function<void()> done);
    void stop();

private:
    struct Patient {
        StoredQueue* queue = nullptr;
        MendPlan plan;
    };
    using ByTopic =
        std::unordered_map<std::string_view, std::unordered_map<std::int32_t, StoredQueue*>>;

    void mend_waiting() REQUIRES(mending_);
    Result<> replay(const std::vector<Patient>& patients) REQUIRES(mending_);
    Result<> walk(const ByTopic& wanted, bool dispatched, std::int64_t from, std::int64_t to,
                  QueueWriter& writer) REQUIRES(mending_);
    static void add_dispatched(const ByTopic& wanted, const message::RecordView& record,
                               QueueWriter& writer);
    void finish(Patient& patient, const Result<>& walked) REQUIRES(mending_);

    CommitLog& log_;
    const DelayLevels levels_;
    QueueChanges& changes_;
    QueueTable* queues_ = nullptr;
    std::atomic<bool> serving_ = false;
    std::atomic<bool> stopping_ = false;

    Mutex mending_;  // held over a walk
    Mutex lock_;
    std::vector<StoredQueue*> waiting_ GUARDED_BY(lock_);
    std::vector<QueueChange> told_ GUARDED_BY(mending_);
    std::thread thread_;
};

}  // namespace mqd::store
