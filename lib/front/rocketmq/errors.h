#pragma once
// Why something was refused, as response codes, in one place (mqd-remoting(7), RESPONSE CODES).

#include <cstdint>

#include "base/result.h"
#include "broker/durability.h"
#include "broker/refusal.h"

namespace mqd::front::rocketmq {

std::int32_t code_of(broker::Refusal::Why why);
/// For what the broker's tables refuse.
std::int32_t response_code_of(Errc code);
/// For what the store did not take (mqd-remoting(7), DURABILITY).
std::int32_t send_code_of(Errc why_not_stored);
/// For what is stored, whatever the outcome.
std::int32_t code_of(broker::Durability::Outcome outcome);

}  // namespace mqd::front::rocketmq
