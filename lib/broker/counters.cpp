#include "broker/counters.h"

#include <ctime>

namespace mqd::broker {
namespace {

constexpr std::size_t samples_max = 601;  // ten minutes, a second apart
constexpr std::array<std::int64_t, 3> windows_ms = {10'000, 60'000, 600'000};

int day_of_year(std::int64_t wall_ms) {
    const std::time_t seconds = wall_ms / 1000;
    std::tm local{};
    localtime_r(&seconds, &local);
    return local.tm_yday;
}

}  // namespace

Counters::Counters(const Clock& clock) : clock_(clock), boot_ms_(clock.wall_ms()), traffic_(clock) {
    sample();
}

Counters::Totals Counters::totals() const {
    const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
    return {read(put_messages_), read(put_bytes_),   read(put_failed_), read(got_messages_),
            read(gets_found_),   read(gets_missed_), read(timers_in_),  read(timers_out_)};
}

void Counters::sample() {
    traffic_.sample();
    const Sample now{clock_.monotonic_ms(), totals()};
    const int today = day_of_year(clock_.wall_ms());
    const Lock lock(mutex_);
    samples_.push_back(now);
    if (samples_.size() > samples_max) samples_.pop_front();
    if (today_ != -1 && today != today_) day_ = {day_.today_morning, now.totals};
    today_ = today;
}

std::array<double, 3> Counters::rates(std::int64_t Totals::*of) const {
    const std::int64_t now_ms = clock_.monotonic_ms();
    const Totals now = totals();
    std::array<double, 3> out{};
    const Lock lock(mutex_);
    for (std::size_t i = 0; i < out.size(); ++i) {
        // The youngest sample that is at least as old as the window, else the oldest there is.
        const Sample* from = &samples_.front();
        for (const auto& sample : samples_) {
            if (now_ms - sample.at_ms < windows_ms[i]) break;
            from = &sample;
        }
        const auto elapsed_ms = static_cast<double>(now_ms - from->at_ms);
        if (elapsed_ms > 0)
            out[i] = static_cast<double>(now.*of - from->totals.*of) * 1000 / elapsed_ms;
    }
    return out;
}

Counters::Day Counters::day() const {
    const Lock lock(mutex_);
    return day_;
}

}  // namespace mqd::broker
