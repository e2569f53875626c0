#pragma once
// Kinds of errors to response codes, in one place (spec remoting.md 2.2).

#include <cstdint>

#include "base/result.h"

namespace mqd::front::rocketmq {

/// For what the broker's tables refuse.
std::int32_t response_code_of(Errc code);
/// For what the store did not take (spec store.md 6.2).
std::int32_t send_code_of(Errc why_not_stored);

}  // namespace mqd::front::rocketmq
