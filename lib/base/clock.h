#pragma once
// Time: milliseconds since the epoch as the protocol and the store have them, and a monotonic one
// for deadlines. The clock is a seam: tests hand in their own.

#include <cstdint>

namespace mqd {

class Clock {
public:
    virtual ~Clock() = default;
    virtual std::int64_t wall_ms() const = 0;       ///< since the Unix epoch, may jump
    virtual std::int64_t monotonic_ms() const = 0;  ///< for deadlines only, never goes back
};

/// The system's clocks, a vdso call each.
const Clock& system_clock();

std::int64_t wall_ms();
std::int64_t monotonic_ms();
std::int64_t monotonic_us();

}  // namespace mqd
