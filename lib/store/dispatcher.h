#pragma once
// The dispatcher: follows the log and keeps the consume queues up with it, spec store.md 4. A
// message can be read once its unit is there, and only then are waiting readers told.
//
// Threads: one of its own (mqd-dispatch); ring() and the marks from any.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/bell.h"
#include "store/log_walker.h"
#include "store/milestone.h"
#include "store/queue_writer.h"
#include "store/store.h"

namespace mqd::store {

class Dispatcher {
public:
    /// Starts at `from`. With `after_sync` it follows synced(), else end(). `progressed` is called
    /// from the thread whenever dispatched() has moved and arrivals have been told; all units up to
    /// there have been written.
    Dispatcher(CommitLog& log, QueueWriter& writer, CommitLog::Mark from, bool after_sync,
               std::function<void(const Milestone&)> progressed);
    ~Dispatcher() { stop(false); }

    void ring() { bell_.ring(); }
    /// Before the first queue is watched.
    void on_arrival(std::function<void(std::span<const Arrival>)> listener) {
        listener_ = std::move(listener);
    }
    /// Ends the thread, at the end of the log if `finish` and the disk lets it.
    void stop(bool finish);

    std::int64_t dispatched() const { return dispatched_.load(std::memory_order_acquire); }
    std::int64_t dispatched_ts_ms() const { return dispatched_ts_ms_.load(); }
    bool failing() const { return failing_.load(); }  ///< units cannot be written at present

    /// Queues written to since the last call.
    std::vector<StoredQueue*> take_dirty();
    /// Keeps the dispatcher from writing queues; for the deletion of a topic.
    Mutex& writing() { return writing_; }

private:
    void run();
    std::int64_t limit() const { return after_sync_ ? log_.synced() : log_.end(); }
    void collect(std::int64_t limit);
    bool write();
    void announce();
    void add_arrivals(StoredQueue& queue, std::vector<Arrival>& out);

    CommitLog& log_;
    QueueWriter& writer_;
    LogWalker walker_;
    const bool after_sync_;
    const std::function<void(const Milestone&)> progressed_;
    std::function<void(std::span<const Arrival>)> listener_;
    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> finish_ = false;
    std::atomic<bool> failing_ = false;
    std::atomic<std::int64_t> dispatched_;
    std::atomic<std::int64_t> dispatched_ts_ms_;
    std::int64_t newest_ts_ms_;
    std::int64_t newest_at_ = -1;
    std::vector<std::shared_ptr<const LogFile>> pins_;
    std::vector<Arrival> arrivals_;
    Mutex writing_;
    Mutex dirty_lock_;
    std::vector<StoredQueue*> dirty_ GUARDED_BY(dirty_lock_);
    std::thread thread_;
};

}  // namespace mqd::store
