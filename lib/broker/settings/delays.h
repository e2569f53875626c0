#pragma once
// Delay levels and timers. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>
#include <string>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Delay levels and timers.
struct DelaySettings {
    std::int64_t offsets_interval_ms = 10'000;
    bool timers = true;
    std::int64_t timer_max_s = 259'200;
    std::int64_t timer_precision_ms = 1000;  ///< what a slot of the wheel spans
    std::int64_t timer_log_file_bytes = 100 << 20;
    std::string levels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";

    void describe(config::Config& c);
};

}  // namespace mqd::broker
