#pragma once
// Who the broker is. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>
#include <string>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Who the broker is, and what it stamps on messages.
struct IdentitySettings {
    std::string cluster = "DefaultCluster";
    std::string name;     ///< the host's name
    std::int64_t id = 0;  ///< 0: the master
    std::string region = "DefaultRegion";
    bool trace_on = true;
    std::int32_t permission = 6;  ///< message::perm

    void describe(config::Config& c);
};

}  // namespace mqd::broker
