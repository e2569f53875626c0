#pragma once
// What brokers answer to GET_BROKER_CONFIG (26): lines of `key=value`.
//
// Threads: pure functions.

#include <string_view>

namespace mqd::client {

/// The value of a key; empty: it is not there.
std::string_view config_value(std::string_view config, std::string_view key);

}  // namespace mqd::client
