#pragma once
// Where messages are looked up: by place, by key, and by either kind of id.
//
// Threads: the tool's one thread.

#include <limits>
#include <string>
#include <vector>

#include "../admin.h"
#include "found.h"

namespace mqd::admin {

/// The broker of that name among those of the topic. not_found: it is none of them.
Result<Target> broker_named(Admin& admin, std::string_view topic, std::string_view name);

struct KeyQuery {
    std::string topic, key, cluster;
    bool is_unique_key = false;
    std::int32_t max = 64;
    std::int64_t begin_ms = 0;
    std::int64_t end_ms = std::numeric_limits<std::int64_t>::max();
};
/// From all brokers of the topic, asked at once; the oldest first. not_found: on none of them.
Result<std::vector<Found>> find_by_key(Admin& admin, const KeyQuery& query);

/// By offset id, from the broker that the id names, or by unique key.
Result<std::vector<Found>> find_by_id(Admin& admin, const KeyQuery& query);

/// One pull of at most `max` messages. Empty: the queue has none there (or the expression lets none
/// through); `next` is where to go on.
struct Pulled {
    std::vector<Found> found;
    std::int64_t next = 0, min = 0, max = 0;
    bool is_at_end = false;
};
struct PullFrom {
    Target broker;
    std::string topic;
    std::int32_t queue = 0;
    std::int64_t offset = 0;
    std::int32_t max = 32;
    std::string expression = "*";
    std::string group;  ///< empty: the tools' own
};
Result<Pulled> pull(Admin& admin, const PullFrom& from);

}  // namespace mqd::admin
