#pragma once
// What every send is held against before its message is looked at, in the order in which clients
// see it (spec semantics.md 3.1).
//
// Threads: the session's.

#include <cstdint>
#include <string>

#include "front/rocketmq/service.h"
#include "wire/codes.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {

struct Refusal {
    std::int32_t code = wire::response_code::success;
    std::string remark;
    bool is_refused() const { return code != wire::response_code::success; }
};

/// How many messages a request to send has; of a broken batch those before the break, but one at
/// least.
std::uint32_t messages_of(const wire::SendMessage& header, Bytes body);

/// On success `topic` is where the message goes, made now if it may be.
Refusal check_send(const Call& call, const wire::SendMessage& header, const broker::Topic*& topic);

}  // namespace mqd::front::rocketmq
