#pragma once
// Where reading a queue begins and ends (spec cli.md 4, semantics.md 4.9).
//
// Threads: pure functions, and calls that are waited for.

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/queues.h"

namespace mqd::client {

struct From {
    enum class Kind { beginning, end, offset, last, time };
    Kind kind = Kind::end;
    std::int64_t value = 0;  ///< offset, number of messages, or ms since the epoch
};

/// `beginning`, `end`, OFFSET, -N, @TIME. invalid: anything else.
Result<From> parse_from(std::string_view text);

struct Until {
    std::optional<std::int64_t> offset;   ///< not this one any more
    std::optional<std::int64_t> time_ms;  ///< nor what was stored then or later
};

/// OFFSET or @TIME.
Result<Until> parse_until(std::string_view text);

struct Bounds {
    std::int64_t min = 0;
    std::int64_t max = 0;                 ///< one past the last
    std::optional<std::int64_t> by_time;  ///< of From::Kind::time
};

/// Without a stored offset; always within [min, max].
std::int64_t start_offset(const From& from, const Bounds& bounds);

/// What a group's member begins with: `stored` is what the broker answered to 14. Without one, a
/// group that is new to the topic begins where `from` says; a queue that a topic got later, and
/// the group's retries, are read from their first message on.
std::int64_t group_start_offset(const From& from, const Bounds& bounds,
                                std::optional<std::int64_t> stored, bool is_new_group);

/// Of each queue, in the same order; all are asked at once.
Result<std::vector<Bounds>> queue_bounds(Client& client, const std::vector<Queue>& queues,
                                         const From& from);

inline constexpr std::int64_t offset_max = std::numeric_limits<std::int64_t>::max();

}  // namespace mqd::client
