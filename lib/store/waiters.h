#pragma once
// Waiters: those who wait until a mark of the log has passed an offset: synced() for the flusher,
// dispatched() for the dispatcher. Each is called once: when the mark is there, when its time is
// over, or when the mark moves no more.
//
// Whoever moves the mark calls reached(), which is one look at an atomic while nobody waits.
// Deadlines are a thread's own work (mqd-late), since those that move marks may hang on the disk.
//
// Threads: any. A waiter is called without a lock, by the one who moved the mark, by mqd-late or by
//          add() itself.
// Owner:   Waiters: the flusher, the dispatcher. Lateness: the store, which outlives both.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/bell.h"

namespace mqd::store {

class Waiters;

/// The thread that ends waits whose time is over.
class Lateness {
public:
    ~Lateness() { stop(); }
    /// Starts the thread, which looks after `all` until stop().
    void start(std::vector<Waiters*> all);
    void stop();

private:
    friend class Waiters;
    void run();

    std::vector<Waiters*> all_;
    Bell bell_;  // rung for a wait that ends earlier than the thread would look again
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

class Waiters {
public:
    using Done = std::function<void(bool)>;
    /// `mark` reads the mark. It and the one who stores it are sequentially consistent, or that one
    /// is woken after each add() and calls reached() then.
    Waiters(Lateness& lateness, std::function<std::int64_t()> mark)
        : lateness_(lateness), mark_(std::move(mark)) {}

    bool empty() const { return count_.load() == 0; }
    /// Calls done(true) once the mark is at or after `at`, at once if it already is; else
    /// done(false) after `timeout_ms`, or at once after close().
    void add(std::int64_t at, std::int64_t timeout_ms, Done done);
    /// The mark has moved.
    void reached() {
        if (!empty()) release(false);
    }
    /// The mark does not move any more: whoever waits for more is told false.
    void give_up() {
        if (!empty()) release(true);
    }
    /// The same, and nobody waits from now on.
    void close();

private:
    friend class Lateness;
    struct Waiter {
        std::int64_t at = 0;
        std::int64_t deadline_ms = 0;
        Done done;
    };
    void release(bool over);
    std::int64_t expire();

    Lateness& lateness_;
    const std::function<std::int64_t()> mark_;
    Mutex lock_;  // held to add to or take from the waiters
    std::vector<Waiter> waiters_ GUARDED_BY(lock_);
    std::int64_t expires_at_ms_ GUARDED_BY(lock_) = INT64_MAX;  // mqd-late comes by then
    bool closed_ GUARDED_BY(lock_) = false;
    std::atomic<std::size_t> count_ = 0;  // of waiters_
};

}  // namespace mqd::store
