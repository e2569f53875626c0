#pragma once
// Bell: wakes one thread that has nothing to do. A ring while it works costs two atomic
// operations; a ring before it waits is not lost.
//
// Threads: ring() from any, wait() from one.

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/mutex.h"

namespace mqd {

class Bell {
public:
    void ring() {
        rung_.store(true);
        if (!sleeping_.load()) return;
        const Lock lock(mutex_);
        condition_.notify_one();
    }

    /// Somebody waits, or has just been rung for.
    bool is_waited_for() const { return sleeping_.load(); }

    /// Returns when rung since the last wait, or when `ms` have passed (negative: never).
    void wait(std::int64_t ms = -1) {
        if (rung_.exchange(false)) return;
        const Lock lock(mutex_);
        sleeping_.store(true);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
        while (!rung_.exchange(false)) {
            if (ms < 0) {
                condition_.wait(mutex_);
                continue;
            }
            const auto left = deadline - std::chrono::steady_clock::now();
            if (left <= left.zero()) break;
            condition_.wait_for(mutex_, left);
        }
        sleeping_.store(false);
    }

private:
    Mutex mutex_;
    Condition condition_;
    std::atomic<bool> rung_ = false;
    std::atomic<bool> sleeping_ = false;
};

}  // namespace mqd
