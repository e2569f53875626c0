#pragma once
// The flusher: brings the log to disk, mqd-store(5), FLUSHING. Asynchronously every interval; at
// once when somebody waits or nothing may be seen before it is on disk, all who wait by then
// together.
//
// Threads: one of its own (mqd-flush); the functions from any. Waiters that time out while it hangs
//          in a sync are mqd-late's.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include "base/bell.h"
#include "store/log/commit_log.h"
#include "store/waiters.h"

namespace mqd::store {

class Flusher {
public:
    struct Timing {
        bool at_once = false;  ///< SYNC_FLUSH
        std::int64_t interval_ms = 500;
        std::int64_t thorough_ms = 10'000;
    };
    /// `progressed` is called from the thread whenever synced() has moved.
    Flusher(CommitLog& log, Lateness& lateness, Timing timing, std::function<void()> progressed);
    ~Flusher() { stop(); }

    /// After every append.
    void appended();
    /// Store::when_synced().
    void when_synced(std::int64_t at, std::int64_t timeout_ms, std::function<void(bool)> done);
    Waiters& waiters() { return waiters_; }
    /// Ends the thread; who still waits is told false.
    void stop();
    /// Store time of the newest record known to be on disk.
    std::int64_t synced_ts_ms() const { return synced_ts_ms_.load(); }

private:
    static constexpr std::int64_t least_bytes = 4 * 4096;

    void run();
    bool due() const;
    void rest();
    void tell_waiters();

    CommitLog& log_;
    const Timing timing_;
    const std::function<void()> progressed_;
    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> idle_ = false;  // sleeps until an append
    std::atomic<std::int64_t> synced_ts_ms_ = 0;
    std::int64_t last_sync_ms_ = 0;
    Waiters waiters_;
    std::thread thread_;
};

}  // namespace mqd::store
