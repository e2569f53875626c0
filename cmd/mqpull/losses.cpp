#include "losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace mqd::mqpull {
namespace {

constexpr std::int64_t tell_every_ms = 1000;

std::string_view text_of(Losses::Why why, bool is_one) {
    switch (why) {
        case Losses::Why::deleted:
            return is_one ? "was deleted before it was read" : "were deleted before they were read";
        case Losses::Why::unreadable:
            return "cannot be read: deleted or damaged";
        case Losses::Why::gone:
            break;
    }
    return is_one ? "was not read: its queue is gone" : "were not read: their queue is gone";
}

}  // namespace

void Losses::add(const client::Queue& queue, Why why, std::int64_t from, std::int64_t to) {
    if (from >= to) return;
    has_any_ = true;
    auto [entry, is_new] = gathered_.try_emplace({queue, why}, Stretch{from, to, 0});
    Stretch& stretch = entry->second;
    stretch.from = std::min(stretch.from, from);
    stretch.to = std::max(stretch.to, to);
    stretch.messages += to - from;
}

void Losses::tell(std::int64_t now_ms, bool is_end) {
    if (gathered_.empty() || (now_ms < next_ms_ && !is_end)) return;
    for (const auto& [key, stretch] : gathered_) {
        const auto& [queue, why] = key;
        const bool is_one = stretch.messages == 1;
        const auto where = stretch.to - stretch.from == 1
                               ? fmt::format("offset {}", stretch.from)
                               : fmt::format("offsets {} to {}", stretch.from, stretch.to - 1);
        say_(fmt::format("{} {} of {} {} ({})", stretch.messages, is_one ? "message" : "messages",
                         queue.to_string(), text_of(why, is_one), where));
    }
    gathered_.clear();
    next_ms_ = now_ms + tell_every_ms;
}

}  // namespace mqd::mqpull
