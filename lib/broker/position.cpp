#include "broker/position.h"

#include <algorithm>

#include "base/log.h"

namespace mqd::broker {

QueueRange range_of(const store::Queue& queue) {
    const std::int64_t end = queue.max().value;  // first: a deletion must not turn them round
    return {std::min(queue.min().value, end), end};
}

QueueRange range_before(const store::Store& store, store::Queue& queue, PhysicalOffset log_end) {
    QueueRange range = range_of(queue);
    const auto came_later = [&](std::int64_t offset) {
        const auto at = store.position(queue, QueueOffset{offset});
        return at && *at >= log_end;
    };
    if (range.end == range.begin || !came_later(range.end - 1)) return range;
    std::int64_t low = range.begin, high = range.end - 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        if (came_later(middle))
            high = middle;
        else
            low = middle + 1;
    }
    return {range.begin, low};
}

std::int64_t held_to_end(const Reader& reader, std::int64_t at, const QueueRange& range) {
    if (at <= range.end) return at;
    log::warn("position_beyond_end", {{"group", reader.group},
                                      {"topic", reader.topic},
                                      {"queue", reader.queue},
                                      {"from", at},
                                      {"to", range.end}});
    return range.end;
}

std::int64_t held_to_begin(const Reader& reader, std::int64_t at, const QueueRange& range) {
    if (at >= range.begin) return at;
    log::warn("unread_messages_gone", {{"group", reader.group},
                                       {"topic", reader.topic},
                                       {"queue", reader.queue},
                                       {"from", at},
                                       {"to", range.begin},
                                       {"messages", range.begin - at}});
    return range.begin;
}

}  // namespace mqd::broker
