#include "intake.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mqd::mqpull {
namespace {

/// How long a message waits for an older one of a queue that is at its end: on its way from
/// another broker, or stored while our request for it was on its way.
constexpr std::int64_t others_ms = 200;

}  // namespace

void Intake::add(client::PulledQueue& queue) {
    if (!has_lanes()) return;
    Lane& lane = lanes_[&queue];
    lane.queue = &queue;
    lane.since_ms = monotonic_ms();
    if (!queue.is_done) asked_.insert(&lane);
}

void Intake::drop(client::PulledQueue& queue) {
    if (!has_lanes()) {
        if (held_ == 0 || reader_.block().queue != &queue) return;
        reader_.drop_rest();
        held_ = 0;
        return;
    }
    const auto lane = lanes_.find(&queue);
    if (lane == lanes_.end()) return;
    leave_line(lane->second);
    asked_.erase(&lane->second);
    if (lane->second.has_block) --held_;
    lanes_.erase(lane);
}

Result<BlockReader*> Intake::next() {
    if (!has_lanes() && held_ > 0) return &reader_;
    TRY_OK(take_blocks());
    if (!has_lanes()) return held_ > 0 ? &reader_ : nullptr;
    if (!ended_.empty()) return *ended_.begin();
    if (order_ == Order::any_accepted) return heads_.empty() ? nullptr : heads_.begin()->lane;
    const std::int64_t due = due_ms();
    const bool is_known =
        !heads_.empty() && (!waits_for_others() || (due >= 0 && monotonic_ms() >= due));
    return is_known ? heads_.begin()->lane : nullptr;
}

Result<> Intake::take_blocks() {
    client::Block block;
    while (wants_blocks()) {
        TRY(const bool has_come, puller_.take(block));
        if (!has_come) return {};
        ++held_;
        if (!has_lanes()) {
            reader_.begin(std::move(block));
            return {};
        }
        Lane& lane = lanes_.at(block.queue);
        asked_.erase(&lane);
        lane.begin(std::move(block));
        lane.has_block = true;
        lane.since_ms = monotonic_ms();
        TRY_OK(line_up(lane));
    }
    return {};
}

Result<> Intake::line_up(Lane& lane) {
    if (lane.at_end()) {
        ended_.insert(&lane);
        return {};
    }
    TRY(const auto* const head, lane.peek());
    lane.head = {head->store_ts_ms, head->at.value, &lane};
    heads_.insert(lane.head);
    return {};
}

void Intake::leave_line(Lane& lane) {
    ended_.erase(&lane);
    heads_.erase(lane.head);
}

Result<> Intake::moved(BlockReader& reader) {
    if (!has_lanes()) return {};
    Lane& lane = static_cast<Lane&>(reader);
    leave_line(lane);
    return line_up(lane);
}

void Intake::finished(BlockReader& reader) {
    --held_;
    reader.drop_rest();
    if (!has_lanes()) return;
    Lane& lane = static_cast<Lane&>(reader);
    leave_line(lane);
    lane.has_block = false;
    if (lane.queue->is_done) return;
    lane.since_ms = monotonic_ms();
    asked_.insert(&lane);
    puller_.ask(*lane.queue);
}

/// Of those that are asked for more, for one that has not come to where merging ends.
bool Intake::waits_for_others() const {
    return std::any_of(asked_.begin(), asked_.end(), [](const Lane* lane) {
        return lane->queue->arrival < 0 || lane->queue->next < lane->queue->arrival;
    });
}

std::int64_t Intake::due_ms() const {
    if (order_ != Order::merged || !waits_ || heads_.empty() || asked_.empty()) return -1;
    std::int64_t since_ms = heads_.begin()->lane->since_ms;
    for (const Lane* const lane : asked_) since_ms = std::max(since_ms, lane->since_ms);
    return since_ms + others_ms;
}

}  // namespace mqd::mqpull
