#pragma once
// The dispatcher: follows the log and keeps the consume queues up with it, mqd-store(5), DISPATCH.
// A message can be read once its unit is there, and only then are waiting readers told.
//
// Threads: one of its own (mqd-dispatch), which works in rounds; while it sleeps, somebody who has
//          appended what a reader waits for may do a small round himself and save that reader a
//          change of threads. ring() and the marks from any.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/bell.h"
#include "store/log/log_walker.h"
#include "store/log/milestone.h"
#include "store/queue/queue_writer.h"
#include "store/store.h"
#include "store/waiters.h"

namespace mqd::store {

class Dispatcher {
public:
    /// Starts at `from` and follows the log's shown(). `progressed` is called, one call at a time,
    /// whenever dispatched() has moved and arrivals have been told; all units up to there have been
    /// written.
    Dispatcher(CommitLog& log, QueueWriter& writer, Lateness& lateness, CommitLog::Mark from,
               std::function<void(const Milestone&)> progressed);
    ~Dispatcher() { stop(false); }

    /// There may be more to follow.
    void ring() { bell_.ring(); }
    /// The same from a caller that has appended and holds nothing; dispatched by the time this
    /// returns if that was quickly done.
    void ring_awaited();
    /// Store::when_dispatched().
    void when_dispatched(std::int64_t at, std::int64_t timeout_ms, std::function<void(bool)> done) {
        waiters_.add(at, timeout_ms, std::move(done));
    }
    Waiters& waiters() { return waiters_; }
    /// Before the first queue is watched.
    void on_arrival(std::function<void(std::span<const Arrival>)> listener) {
        listener_ = std::move(listener);
    }
    /// Ends the thread, at the end of the log if `finish` and the disk lets it; who still waits is
    /// told false.
    void stop(bool finish);

    std::int64_t dispatched() const { return dispatched_.load(std::memory_order_acquire); }
    std::int64_t dispatched_ts_ms() const { return dispatched_ts_ms_.load(); }
    /// All that is shown is in the queues; after stop().
    bool is_done() {
        const Lock lock(round_);
        return !collected_ && is_done_to(log_.shown());
    }
    bool failing() const { return failing_.load(); }  ///< units cannot be written at present

    /// Queues written to since the last call.
    std::vector<StoredQueue*> take_dirty();
    /// Keeps the dispatcher from writing queues; for the deletion of a topic.
    Mutex& writing() { return writing_; }

private:
    using Pins = std::vector<std::shared_ptr<const LogFile>>;
    enum class Round { moved, idle, failing };
    void run();
    Round round();
    Round round_alone();
    bool small_round();
    bool is_done_to(std::int64_t to) const REQUIRES(round_) {
        return walker_.at() >= to || to == short_of_;
    }
    bool is_cut_at(std::int64_t to) const REQUIRES(round_);
    void collect(std::int64_t limit) REQUIRES(round_);
    bool write() REQUIRES(round_, writing_);
    void finish() REQUIRES(round_);
    void announce() REQUIRES(round_);
    void add_arrivals(StoredQueue& queue, std::vector<Arrival>& out, Pins& pins) REQUIRES(round_);

    CommitLog& log_;
    // Held over a round, listeners and all; whoever does not have a thread for it only tries.
    Mutex round_;
    QueueWriter& writer_ GUARDED_BY(round_);
    LogWalker walker_ GUARDED_BY(round_);
    bool collected_ GUARDED_BY(round_) = false;      ///< in writer_, and not all of it written
    std::int64_t short_of_ GUARDED_BY(round_) = -1;  ///< a limit within the next record
    const std::function<void(const Milestone&)> progressed_;
    std::function<void(std::span<const Arrival>)> listener_;
    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> finish_ = false;
    std::atomic<bool> failing_ = false;
    std::atomic<std::int64_t> dispatched_;
    std::atomic<std::int64_t> dispatched_ts_ms_;
    std::int64_t newest_ts_ms_ GUARDED_BY(round_);
    std::int64_t newest_at_ GUARDED_BY(round_) = -1;
    Pins pins_ GUARDED_BY(round_);
    std::vector<Arrival> arrivals_ GUARDED_BY(round_);
    Mutex writing_;
    Mutex dirty_lock_;
    std::vector<StoredQueue*> dirty_ GUARDED_BY(dirty_lock_);
    Waiters waiters_;
    std::thread thread_;
};

}  // namespace mqd::store
