#pragma once
// May a group read a queue? By the broker's, the group's and the topic's permissions.
//
// Threads: the topic cache's.

#include <cstdint>
#include <string_view>

#include "broker/broker.h"
#include "broker/refusal.h"

namespace mqd::broker {

struct Readable {
    const Topic* topic = nullptr;  ///< until the next look-up of the cache
    GroupRef group;                ///< made now if it may be
};

/// On success `out` is filled in.
Refusal check_readable(Broker& broker, TopicCache& topics, std::string_view group,
                       std::string_view topic, std::int32_t queue_id, Readable& out);

Refusal no_such_topic(std::string_view topic);

}  // namespace mqd::broker
