#pragma once
// Topics and groups. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>
#include <string>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Which topics there are by themselves.
struct TopicSettings {
    bool auto_create = true;
    std::int32_t default_queues = 8;
    bool of_cluster = true;
    bool of_broker = true;
    bool of_traces = false;
    std::string trace_name = "RMQ_SYS_TRACE_TOPIC";

    void describe(config::Config& c);
};

/// Consumer groups, their members and offsets.
struct GroupSettings {
    bool auto_create = true;
    bool notify_members = true;
    std::int64_t offsets_interval_ms = 5000;
    std::int64_t client_expiry_ms = 120'000;

    void describe(config::Config& c);
};

}  // namespace mqd::broker
