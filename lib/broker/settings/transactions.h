#pragma once
// Half messages. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Half messages, and when their producers are asked for the end.
struct TransactionSettings {
    bool reject = false;
    std::int64_t timeout_ms = 6000;
    std::int32_t check_max = 15;
    std::int64_t check_interval_ms = 30'000;
    std::int64_t counts_interval_ms = 3000;

    void describe(config::Config& c);
};

}  // namespace mqd::broker
