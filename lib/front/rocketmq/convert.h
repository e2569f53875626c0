#pragma once
// The broker's values as the wire has them, and back.
//
// Threads: pure functions.

#include <cstdint>
#include <optional>

#include "broker/clients.h"
#include "broker/table_file.h"
#include "broker/topics.h"
#include "wire/bodies/heartbeat.h"
#include "wire/bodies/topic.h"

namespace mqd::front::rocketmq {

/// For the answers' `mqdQueueSince`; nothing where no topic of that name was deleted.
inline std::optional<std::int64_t> since_of(const store::Queue& queue) {
    return queue.since() > 0 ? std::optional(queue.since()) : std::nullopt;
}

wire::TopicConfig to_wire(const broker::TopicConfig& config);
broker::TopicConfig from_wire(const wire::TopicConfig& config);
wire::DataVersion to_wire(const broker::DataVersion& version);
wire::SubscriptionData to_wire(const broker::Subscription& is);

}  // namespace mqd::front::rocketmq
