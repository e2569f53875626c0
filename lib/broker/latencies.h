#pragma once
// How long something takes: a histogram with four steps an octave, from a microsecond to a minute.
//
// Threads: any, without a lock.
// Owner:   Counters.

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace mqd::broker {

class Latencies {
public:
    /// `count` of them took as long.
    void add(std::int64_t us, std::int64_t count = 1);

    std::int64_t max_us() const { return max_us_.load(std::memory_order_relaxed); }
    /// What `fraction` (0.99) of all are not above, at most a quarter too much; 0 for none.
    std::int64_t percentile_us(double fraction) const;
    /// `[<=0ms]:12 [0~10ms]:0 ...`, as RocketMQ shows it.
    std::string text() const;

private:
    static constexpr std::size_t steps_an_octave = 4;
    static constexpr std::size_t steps = 26 * steps_an_octave;
    static std::size_t step_of(std::int64_t us);
    /// The first value of the next step.
    static std::int64_t end_of(std::size_t step);

    std::array<std::atomic<std::int64_t>, steps> counts_{};
    std::array<std::atomic<std::int64_t>, 13> coarse_{};  // text()'s
    std::atomic<std::int64_t> max_us_ = 0;
};

}  // namespace mqd::broker
