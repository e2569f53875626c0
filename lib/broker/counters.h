#pragma once
// How much came and went: totals, rates over 10 s, 1 min and 10 min, and what midnight saw
// (mqd-remoting(7), COUNTERS and RUNTIME VALUES).
//
// Threads: the totals from any; sample() from the broker's housekeeping thread.
// Owner:   Broker.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>

#include "base/clock.h"
#include "base/mutex.h"
#include "broker/latencies.h"
#include "broker/traffic.h"

namespace mqd::broker {

class Counters {
public:
    explicit Counters(const Clock& clock);

    /// What one append took in, into however many queues: those count for themselves.
    void put(std::int64_t messages, std::int64_t bytes) {
        put_messages_.fetch_add(messages, std::memory_order_relaxed);
        put_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }
    /// The same of one queue, which is counted too; behind a lock.
    void put(const store::Queue& queue, std::int64_t messages, std::int64_t bytes) {
        put(messages, bytes);
        traffic_.puts(queue)->add(messages, bytes, 0);
    }
    void timers(std::int64_t taken_in, std::int64_t delivered) {
        timers_in_.fetch_add(taken_in, std::memory_order_relaxed);
        timers_out_.fetch_add(delivered, std::memory_order_relaxed);
    }
    void put_failed() { put_failed_.fetch_add(1, std::memory_order_relaxed); }
    void got(std::int64_t messages) {
        gets_found_.fetch_add(1, std::memory_order_relaxed);
        got_messages_.fetch_add(messages, std::memory_order_relaxed);
    }
    void missed() { gets_missed_.fetch_add(1, std::memory_order_relaxed); }

    struct Totals {
        std::int64_t put_messages = 0, put_bytes = 0, put_failed = 0;
        std::int64_t got_messages = 0, gets_found = 0, gets_missed = 0;
        std::int64_t timers_in = 0, timers_out = 0;
    };
    Totals totals() const;

    /// Once a second.
    void sample();
    /// A second's count of a total over the last 10 s, 1 min and 10 min, or since the start.
    std::array<double, 3> rates(std::int64_t Totals::*of) const;

    struct Day {
        Totals yesterday_morning, today_morning;
    };
    Day day() const;
    std::int64_t boot_ms() const { return boot_ms_; }

    Traffic& traffic() { return traffic_; }
    Latencies& put_times() { return put_times_; }  ///< of a send, until it is in the log
    Latencies& get_times() { return get_times_; }  ///< of a pull that found something

private:
    struct Sample {
        std::int64_t at_ms = 0;
        Totals totals;
    };
    const Clock& clock_;
    const std::int64_t boot_ms_;
    std::atomic<std::int64_t> put_messages_ = 0, put_bytes_ = 0, put_failed_ = 0;
    std::atomic<std::int64_t> got_messages_ = 0, gets_found_ = 0, gets_missed_ = 0;
    std::atomic<std::int64_t> timers_in_ = 0, timers_out_ = 0;
    Traffic traffic_;
    Latencies put_times_, get_times_;

    mutable Mutex mutex_;
    std::deque<Sample> samples_ GUARDED_BY(mutex_);
    Day day_ GUARDED_BY(mutex_);
    int today_ GUARDED_BY(mutex_) = -1;  // day of the year
};

}  // namespace mqd::broker
