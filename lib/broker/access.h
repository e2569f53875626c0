#pragma once
// Checks whether a group may read a queue: the permissions of broker, group and topic.
//
// Threads: the topic cache's.

#include <cstdint>
#include <string_view>

#include "broker/broker.h"
#include "broker/refusal.h"

namespace mqd::broker {

struct Readable {
    const Topic* topic = nullptr;  ///< valid until the next look-up in the cache
    GroupRef group;                ///< created if the configuration allows it
};

/// On success `out` is filled in.
Refusal check_readable(Broker& broker, TopicCache& topics, std::string_view group,
                       std::string_view topic, std::int32_t queue_id, Readable& out);

Refusal no_such_topic(std::string_view topic);

}  // namespace mqd::broker
