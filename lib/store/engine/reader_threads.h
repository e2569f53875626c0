#pragma once
// Threads for what may have to wait for the disk, so that connections need not: pulls far behind
// the end of the log, look-ups by id, key and time.
//
// Threads: run() from any; a job runs on one of ours (mqd-read-N).
// Owner:   the broker; the store outlives it.

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace mqd::store {

class ReaderThreads {
public:
    explicit ReaderThreads(std::size_t count);
    ~ReaderThreads() { stop(); }

    /// In turn. Jobs that have not begun when stop() is called are dropped.
    void run(std::function<void()> job);
    void stop();

private:
    void work();

    Mutex lock_;
    Condition changed_;
    std::deque<std::function<void()>> jobs_ GUARDED_BY(lock_);
    bool stopping_ GUARDED_BY(lock_) = false;
    std::vector<std::thread> threads_;
};

}  // namespace mqd::store
