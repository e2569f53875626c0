#pragma once
// Messages in and out. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Which messages are taken.
struct SendSettings {
    std::int64_t accept_from_ms = 0;  ///< startAcceptSendRequestTimeStamp, since the epoch
    std::int64_t message_bytes_max = 4 << 20;

    void describe(config::Config& c);
};

/// Reads from the disk, and reads that wait.
struct ReadSettings {
    std::int32_t threads = 2;
    std::int64_t held_max = 1'000'000;

    void describe(config::Config& c);
};

}  // namespace mqd::broker
