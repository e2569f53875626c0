#pragma once
// How far a message must have come before it counts as acknowledged, and whether a broker answers
// only then. No request can ask for it: a broker waits as it is configured, and a client can only
// make sure of that beforehand and read the answers strictly (mqd-remoting(7), DURABILITY).
//
// Threads: pure functions.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace mqd::client {

enum class Ack {
    one,       ///< in the master's log
    all,       ///< in the logs of the replicas that the broker is configured to wait for
    flush,     ///< on the master's disk
    all_flush  ///< both
};
constexpr bool wants_replicas(Ack ack) {
    return ack == Ack::all || ack == Ack::all_flush;
}
constexpr bool wants_disk(Ack ack) {
    return ack == Ack::flush || ack == Ack::all_flush;
}

/// How long the broker may wait for it, in ms, by what it answers to GET_BROKER_CONFIG (26).
/// unsupported: it does not wait at all; `what` names the keys that would make it.
Result<std::int64_t> ack_wait_ms(Ack ack, std::string_view address, std::string_view config);

/// What a response code says about a message that the master has stored: empty when that is all
/// that was asked for, else what is missing.
std::string_view missing_ack(Ack ack, std::int32_t response_code);

}  // namespace mqd::client
