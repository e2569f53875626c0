#pragma once
// What only RocketMQ's clients and tools meet. RocketMQ's names and defaults: mqd-broker(8),
// CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>

namespace mqd::config {
class Config;
}

namespace mqd::front::rocketmq {

struct Settings {
    bool check_system_topics = true;  ///< validateSystemTopicWhenUpdateTopic
    bool long_polling = true;
    std::int64_t short_polling_ms = 1000;
    bool lite_pull = true;
    bool property_filter = false;  ///< enablePropertyFilter: SQL92
    bool resets_offsets = true;    ///< useServerSideResetOffset: the broker and not the members
    bool store_replies = true;     ///< storeReplyMessageEnable
    std::int32_t pull_messages_max = 4096;
    std::int64_t pull_bytes = 262'144;  ///< unless a request asks for more
    std::int64_t pull_bytes_max = 4 << 20;
    std::int32_t filter_bytes_scanned = 16'000;  ///< of consume queue, a pull
    std::int32_t in_memory_percent = 40;
    bool recall = false;

    void describe(config::Config& c);
};

}  // namespace mqd::front::rocketmq
