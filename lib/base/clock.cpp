#include "base/clock.h"

#include <ctime>

namespace mqd {
namespace {

std::int64_t read_us(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

class SystemClock final : public Clock {
public:
    std::int64_t wall_ms() const override { return mqd::wall_ms(); }
    std::int64_t monotonic_ms() const override { return mqd::monotonic_ms(); }
};

}  // namespace

std::int64_t wall_ms() {
    return read_us(CLOCK_REALTIME) / 1000;
}
std::int64_t monotonic_ms() {
    return read_us(CLOCK_MONOTONIC) / 1000;
}
std::int64_t monotonic_us() {
    return read_us(CLOCK_MONOTONIC);
}

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

}  // namespace mqd
