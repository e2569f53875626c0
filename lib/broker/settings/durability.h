#pragma once
// When a send is safe. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// When a send is as safe as its producer is told.
struct DurabilitySettings {
    bool sync_master = false;  ///< brokerRole
    std::int32_t in_sync_replicas =
        1;  ///< copies that a SYNC_MASTER's sends wait for, with its own
    std::int64_t slave_timeout_ms = 3000;
    bool flush_sync = false;
    std::int64_t flush_timeout_ms = 5000;

    bool waits_for_replicas() const { return sync_master && in_sync_replicas > 1; }
    bool sends_wait() const { return flush_sync || waits_for_replicas(); }

    void describe(config::Config& c);
};

}  // namespace mqd::broker
