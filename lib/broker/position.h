#pragma once
// A position in a queue is a word about a store that may not be the same any more: a crash has cut
// its log, another copy was put in its place, a queue was built again, its topic deleted. Whoever
// keeps positions holds them against the queue here, when the store opens and when the queue
// changes. One beyond the end would pass over what comes next without a word: it is brought back to
// the end. What changes is said in the log.
//
// Threads: as the store's.

#include <cstdint>
#include <string_view>

#include "store/store.h"

namespace mqd::broker {

/// Of the messages that a queue has: [begin, end).
struct QueueRange {
    std::int64_t begin = 0, end = 0;
};
QueueRange range_of(const store::Queue& queue);
/// The same of the time when the log ended at `log_end`.
QueueRange range_before(const store::Store& store, store::Queue& queue, PhysicalOffset log_end);

/// Who goes on at a position: a group, or the part of the broker that is one.
struct Reader {
    std::string_view group;
    std::string_view topic;
    std::int32_t queue = 0;
};
/// `at`, unless the queue ends before: then its end, with a warning.
std::int64_t held_to_end(const Reader& reader, std::int64_t at, const QueueRange& range);
/// `at`, unless the queue begins after it: then its begin, with a warning that tells how many
/// messages are gone before anybody has read them.
std::int64_t held_to_begin(const Reader& reader, std::int64_t at, const QueueRange& range);

}  // namespace mqd::broker
