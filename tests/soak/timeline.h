#pragma once
// When what happened, by a clock that counts its own short naps: a machine that stands still or has
// no time for anybody takes no time by it, so "the broker had two seconds for that" holds anywhere.
//
// Threads: any.
// Owner:   main; everything else is gone before it.

#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace mqd::soak {

/// The broker was not there, or not for certain.
struct Outage {
    std::int64_t from_ms = 0;
    std::int64_t to_ms = std::numeric_limits<std::int64_t>::max();  ///< not back yet
};

class Timeline {
public:
    Timeline();
    ~Timeline();
    Timeline(const Timeline&) = delete;
    Timeline& operator=(const Timeline&) = delete;

    std::int64_t now_ms() const { return now_ms_.load(std::memory_order_relaxed); }

    /// Before the broker is killed.
    void broker_goes();
    /// Once it answers.
    void broker_is_back();
    std::vector<Outage> outages() const;
    /// Changes with each of the two; even while the broker is there.
    int life() const { return life_.load(std::memory_order_acquire); }
    bool broker_is_there() const { return life() % 2 == 0; }

private:
    std::atomic<std::int64_t> now_ms_ = 0;
    std::atomic<int> life_ = 0;
    std::atomic<bool> stops_ = false;
    mutable Mutex lock_;
    std::vector<Outage> outages_ GUARDED_BY(lock_);
    std::thread thread_;
};

}  // namespace mqd::soak
