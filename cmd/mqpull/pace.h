#pragma once
// --rate: so many messages a second and no more, evenly, whatever the time before it was.
//
// Threads: a value type.

#include <algorithm>
#include <cstdint>
#include <optional>

namespace mqd::mqpull {

class Pace {
public:
    /// Nothing: any rate. Else at least 1.
    explicit Pace(std::optional<std::int64_t> rate) : rate_(rate) {}

    /// Whether the next message may go now. Times are monotonic.
    bool permits(std::int64_t now_us) const { return !rate_ || next_us_ <= now_us + ahead_us; }
    /// One has gone.
    void count(std::int64_t now_us) {
        if (!rate_) return;
        // Thousandths of a microsecond are carried on, for rates that do not divide a second.
        const std::int64_t step_ns = 1'000'000'000 / *rate_;
        if (next_us_ < now_us) next_us_ = now_us, rest_ns_ = 0;
        rest_ns_ += step_ns;
        next_us_ += rest_ns_ / 1000;
        rest_ns_ %= 1000;
    }
    /// When the next may go, in ms; -1: at any time.
    std::int64_t due_ms() const { return rate_ ? next_us_ / 1000 : -1; }

private:
    /// poll() waits for whole milliseconds: what falls due within the next ones goes together.
    static constexpr std::int64_t ahead_us = 2000;

    std::optional<std::int64_t> rate_;
    std::int64_t next_us_ = 0;
    std::int64_t rest_ns_ = 0;
};

}  // namespace mqd::mqpull
