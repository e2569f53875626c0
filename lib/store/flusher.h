#pragma once
// The flusher: brings the log to disk, mqd-store(5), FLUSHING. Asynchronously every interval; at
// once when somebody waits or nothing may be seen before it is on disk, all who wait by then
// together.
//
// Threads: two of its own, mqd-flush and, for those who wait while that one or any other hangs in
//          a sync, mqd-late; the functions from any.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/bell.h"
#include "store/commit_log.h"

namespace mqd::store {

class Flusher {
public:
    struct Timing {
        bool at_once = false;  ///< SYNC_FLUSH
        std::int64_t interval_ms = 500;
        std::int64_t thorough_ms = 10'000;
    };
    /// `progressed` is called from the thread whenever synced() has moved.
    Flusher(CommitLog& log, Timing timing, std::function<void()> progressed);
    ~Flusher() { stop(); }

    /// After every append.
    void appended();
    /// Store::when_synced().
    void when_synced(std::int64_t at, std::int64_t timeout_ms, std::function<void(bool)> done);
    /// Ends the threads; who still waits is told false.
    void stop();
    /// Store time of the newest record known to be on disk.
    std::int64_t synced_ts_ms() const { return synced_ts_ms_.load(); }

private:
    static constexpr std::int64_t least_bytes = 4 * 4096;
    struct Waiter {
        std::int64_t at = 0;
        std::int64_t deadline_ms = 0;
        std::function<void(bool)> done;
    };

    void run();
    void run_late();
    std::int64_t plan_expiry();
    bool due() const;
    void rest();
    void release(bool nothing_more);

    CommitLog& log_;
    const Timing timing_;
    const std::function<void()> progressed_;
    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> idle_ = false;  // sleeps until an append
    std::atomic<std::int64_t> synced_ts_ms_ = 0;
    std::int64_t last_sync_ms_ = 0;
    mutable Mutex lock_;  // held to add to or take from the waiters
    std::vector<Waiter> waiters_ GUARDED_BY(lock_);
    std::int64_t expires_at_ms_ GUARDED_BY(lock_) = INT64_MAX;  ///< mqd-late sleeps until then
    bool closed_ GUARDED_BY(lock_) = false;
    Bell late_bell_;
    std::thread thread_, late_thread_;
};

}  // namespace mqd::store
