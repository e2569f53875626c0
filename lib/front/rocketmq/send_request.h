#pragma once
// What requests to send say, in the broker's words; messages and replies come in the same form.
//
// Threads: the session's.

#include <cstdint>

#include "broker/intake.h"
#include "front/rocketmq/service.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {

/// How many messages a request to send has; of a broken batch those before the break, but one at
/// least.
std::uint32_t messages_of(const wire::SendMessage& header, Bytes body);

broker::Destination destination_of(const Call& call, const wire::SendMessage& header);

/// A plain message for one of the topic's queues: the one that the client names, or any.
broker::Publication publication_of(const Call& call, const wire::SendMessage& header,
                                   const broker::Topic& topic);

}  // namespace mqd::front::rocketmq
