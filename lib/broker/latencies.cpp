#include "broker/latencies.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace mqd::broker {
namespace {

constexpr std::int64_t ms = 1000;
// The first that does not belong, in microseconds.
constexpr std::pair<std::string_view, std::int64_t> classes[] = {
    {"[<=0ms]", 1 * ms},
    {"[0~10ms]", 10 * ms},
    {"[10~50ms]", 50 * ms},
    {"[50~100ms]", 100 * ms},
    {"[100~200ms]", 200 * ms},
    {"[200~500ms]", 500 * ms},
    {"[500ms~1s]", 1000 * ms},
    {"[1~2s]", 2000 * ms},
    {"[2~3s]", 3000 * ms},
    {"[3~4s]", 4000 * ms},
    {"[4~5s]", 5000 * ms},
    {"[5~10s]", 10'000 * ms},
    {"[10s~]", std::numeric_limits<std::int64_t>::max()}};

}  // namespace

// Below four microseconds a step each; from there on the two bits after the first one tell.
std::size_t Latencies::step_of(std::int64_t us) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0));
    if (value < steps_an_octave) return static_cast<std::size_t>(value);
    const auto octave = static_cast<std::size_t>(std::bit_width(value)) - 1;
    const auto quarter = static_cast<std::size_t>(value >> (octave - 2)) % steps_an_octave;
    return std::min((octave - 1) * steps_an_octave + quarter, steps - 1);
}

std::int64_t Latencies::end_of(std::size_t step) {
    if (step < steps_an_octave) return static_cast<std::int64_t>(step) + 1;
    const std::size_t octave = step / steps_an_octave + 1;
    const std::size_t quarter = step % steps_an_octave;
    return static_cast<std::int64_t>(steps_an_octave + quarter + 1) << (octave - 2);
}

void Latencies::add(std::int64_t us, std::int64_t count) {
    counts_[step_of(us)].fetch_add(count, std::memory_order_relaxed);
    std::size_t coarse = 0;
    while (us >= classes[coarse].second) ++coarse;
    coarse_[coarse].fetch_add(count, std::memory_order_relaxed);
    auto max = max_us_.load(std::memory_order_relaxed);
    while (us > max && !max_us_.compare_exchange_weak(max, us, std::memory_order_relaxed)) {
    }
}

std::int64_t Latencies::percentile_us(double fraction) const {
    std::array<std::int64_t, steps> counts{};
    std::int64_t all = 0;
    for (std::size_t i = 0; i < steps; ++i)
        all += counts[i] = counts_[i].load(std::memory_order_relaxed);
    auto left = static_cast<double>(all) * fraction;
    for (std::size_t i = 0; i < steps; ++i) {
        left -= static_cast<double>(counts[i]);
        // The last step has no end of its own.
        if (counts[i] > 0 && left <= 0)
            return i + 1 == steps ? max_us() : std::min(end_of(i) - 1, max_us());
    }
    return all == 0 ? 0 : max_us();
}

std::string Latencies::text() const {
    std::string out;
    for (std::size_t i = 0; i < coarse_.size(); ++i)
        out += fmt::format("{}:{} ", classes[i].first, coarse_[i].load(std::memory_order_relaxed));
    return out;
}

}  // namespace mqd::broker
