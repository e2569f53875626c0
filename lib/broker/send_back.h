#pragma once
// A message that a consumer could not handle comes again: to the group's retry topic after a
// delay, or to its dead letters (mqd-remoting(7), RETRIES).
//
// Threads: any.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "broker/broker.h"
#include "broker/topic_right.h"
#include "message/types.h"

namespace mqd::broker {

struct SendBack {
    PhysicalOffset at;  ///< the failed message
    std::string_view group;
    std::int32_t delay_level = 0;           ///< below 0: to the dead letters; 0: 3 + its retries
    std::optional<std::int32_t> retry_max;  ///< the group's when absent
    bool unit_mode = false;
};

/// Stored when this returns; it does not wait for the disk. A group without retry queues loses the
/// message, as its configuration says. not_found: there is no such group. refused: neither the
/// broker nor the retry topic takes messages, or `may_take` refuses the topic that the message is
/// in. Anything else: no message is there, or it was not
/// stored; the consumer sends it itself then.
Result<> send_back(Broker& broker, const SendBack& wanted, const TopicRight& may_take);

/// A group's dead letter topic, made if need be. As Topics::ensure().
Result<TopicRef> dead_letters_of(Broker& broker, std::string_view group);

}  // namespace mqd::broker
