// Timers: a clock that is put back. Its times are absolute: what is not delivered waits for its
// own, and what comes from now on is not delivered before its own because the wheel was further
// once.

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "broker/timer_parts.h"

namespace mqd::broker {

using store::TimerUnit;

/// The wall clock, but it is never earlier than what has been delivered, or only a little: see
/// look_at_clock().
std::int64_t Timers::now_ms() const {
    return std::max(clock_.wall_ms(), delivered_.due_ms);
}

bool Timers::is_done(const Entry& entry) const {
    return delivered_.covers(entry) ||
           std::any_of(done_.begin(), done_.end(),
                       [&](const Delivered& is) { return is.covers(entry); });
}

/// Steps of less than a slot are not worth it. io: nothing has changed.
Result<> Timers::look_at_clock() {
    const std::int64_t now = clock_.wall_ms();
    const std::int64_t reached_ms = std::max(
        {floor_ms_, delivered_.due_ms, horizon_ms_ - 2 * precision_ms_});  // loaded two ahead
    if (now + precision_ms_ >= reached_ms) return {};
    TRY_OK(bring_near(now, std::max(reached_ms, horizon_ms_)));
    log::warn("timers_set_back", {{"from_ms", reached_ms}, {"to_ms", now}});
    // What could not be delivered has to be found again.
    const std::int64_t from_ms = soon_.empty() ? now : std::min(now, soon_.top().due_ms);
    const std::int64_t base_ms = std::max<std::int64_t>(0, slot_of(from_ms) * precision_ms_);
    remember_done(base_ms, now);
    soon_ = {};
    removed_.clear();
    horizon_ms_ = base_ms;
    floor_ms_ = std::min(floor_ms_, base_ms);
    changed_ = true;
    return {};
}

/// What has been delivered and will be looked at again from `from_ms` on.
void Timers::remember_done(std::int64_t from_ms, std::int64_t now_ms) {
    if (floor_ms_ > from_ms)
        remember({floor_ms_ - 1, std::numeric_limits<std::int64_t>::max(), floor_log_end_});
    if (delivered_.due_ms > now_ms + precision_ms_) remember(std::exchange(delivered_, {}));
    // RocketMQ would deliver them again.
    const std::int64_t end = slot_of(done_until_ms()) + 1;
    for (auto from = slot_of(from_ms); from < end;) {
        const auto slot = wheel_->next(from, end);
        if (!slot) break;
        bool waits = false;
        for_each_waiting(*slot, [&](const Entry&) { waits = true; });
        if (!waits) wheel_->put({slot->time, -1, -1, 0});
        from = slot->time + 1;
    }
}

void Timers::remember(const Delivered& done) {
    const auto is_part = [](const Delivered& of, const Delivered& all) {
        return std::pair(of.due_ms, of.position) <= std::pair(all.due_ms, all.position) &&
               of.log_end <= all.log_end;
    };
    if (std::any_of(done_.begin(), done_.end(),
                    [&](const Delivered& is) { return is_part(done, is); }))
        return;
    std::erase_if(done_, [&](const Delivered& is) { return is_part(is, done); });
    if (done_.size() == done_max) done_.pop_back();
    done_.push_back(done);
}

std::int64_t Timers::done_until_ms() const {
    std::int64_t out = 0;
    for (const auto& is : done_) out = std::max(out, is.due_ms);
    return out;
}

/// Units so far ahead that their slots would be taken by others before their time go into the last
/// one that is near enough, and from there through the queue again.
Result<> Timers::bring_near(std::int64_t now_ms, std::int64_t reached_ms) {
    const std::int64_t written_ms = slot_of(now_ms) * precision_ms_;
    const std::int64_t due_ms = written_ms + timing::ahead_slots_max * precision_ms_;
    const std::int64_t near = slot_of(due_ms);
    const std::int64_t end = slot_of(reached_ms) + store::TimerWheel::slots;
    auto from = std::max(near + 1, slot_of(std::max(floor_ms_, delivered_.due_ms)));
    while (const auto slot = wheel_->next(from, end)) {
        std::vector<TimerUnit> units;
        for_each_waiting(*slot, [&](const Entry& entry) {
            auto unit = log_->read(entry.position).value_or(TimerUnit{});
            unit.magic |= TimerUnit::roll;
            unit.written_ms = written_ms;
            unit.delay_ms = static_cast<std::int32_t>(due_ms - written_ms);
            units.push_back(unit);
        });
        std::reverse(units.begin(), units.end());
        const auto positions = log_->positions(units.size());
        std::int64_t previous = wheel_->find(near).last;
        for (std::size_t i = 0; i < units.size(); ++i)
            units[i].previous = std::exchange(previous, positions[i]);
        TRY_OK(log_->append(units, positions));
        wheel_->put({slot->time, -1, -1, 0});
        for (std::size_t i = 0; i < units.size(); ++i) put(units[i], positions[i]);
        from = slot->time + 1;
    }
    return {};
}

}  // namespace mqd::broker
