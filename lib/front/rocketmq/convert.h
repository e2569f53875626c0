#pragma once
// The broker's values as the wire has them, and back.
//
// Threads: pure functions.

#include "broker/table_file.h"
#include "broker/topics.h"
#include "wire/bodies/topic.h"

namespace mqd::front::rocketmq {

wire::TopicConfig to_wire(const broker::TopicConfig& config);
broker::TopicConfig from_wire(const wire::TopicConfig& config);
wire::DataVersion to_wire(const broker::DataVersion& version);

}  // namespace mqd::front::rocketmq
