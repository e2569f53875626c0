#include "broker/due_bounds.h"

#include <algorithm>

namespace mqd::broker {

void DueBounds::add(std::int64_t end, std::int64_t due_ms) {
    if (end <= 0) return;
    const auto says_more = [&](const Bound& is) { return is.end >= end && is.due_ms <= due_ms; };
    if (std::any_of(bounds_.begin(), bounds_.end(), says_more)) return;
    std::erase_if(bounds_, [&](const Bound& is) { return is.end <= end && is.due_ms >= due_ms; });
    const auto at =
        std::find_if(bounds_.begin(), bounds_.end(), [&](const Bound& is) { return is.end > end; });
    bounds_.insert(at, {end, due_ms});
    // The next one bounds its messages too, only later.
    if (bounds_.size() > bounds_max) bounds_.erase(bounds_.begin());
}

std::int64_t DueBounds::of(std::int64_t offset, std::int64_t due_ms) const {
    for (const auto& is : bounds_)
        if (offset < is.end) return std::min(due_ms, is.due_ms);
    return due_ms;
}

bool DueBounds::forget_before(std::int64_t offset) {
    return std::erase_if(bounds_, [&](const Bound& is) { return is.end <= offset; }) > 0;
}

void DueBounds::cut(std::int64_t end) {
    for (auto& is : bounds_) is.end = std::min(is.end, end);
    forget_before(0);
}

json::Value DueBounds::to_json() const {
    std::vector<json::Value> out;
    for (const auto& is : bounds_) out.push_back(json::Value::array({is.end, is.due_ms}));
    return json::Value::array(std::move(out));
}

DueBounds DueBounds::from_json(const json::Value& value) {
    DueBounds out;
    for (const auto& item : value.items()) {
        if (item.items().size() != 2) continue;
        out.add(item.items()[0].as_int(), item.items()[1].as_int());
    }
    return out;
}

}  // namespace mqd::broker
