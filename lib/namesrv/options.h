#pragma once
// The keys of mqd-namesrv, with RocketMQ's names and defaults (mqd-namesrv(8), CONFIGURATION).
//
// Threads: a value type.

#include <cstddef>
#include <cstdint>
#include <string>

#include "config/config.h"

namespace mqd::namesrv {

struct Options {
    std::string bind_address = "0.0.0.0";
    std::uint16_t listen_port = 9876;
    std::size_t io_threads = 0;  ///< 0: one per core
    std::int64_t connection_idle_s = 120;
    std::string kv_config_path;     ///< $HOME/namesrv/kvConfig.json
    std::string config_store_path;  ///< where update_namesrv_config is kept; -c FILE, if given
    std::string config_black_list = "configBlackList;configStorePath;kvConfigPath;rocketmqHome";
    std::int64_t scan_interval_ms = 5000;
    bool order_message_enable = false;
    bool return_order_topic_config = true;
    bool support_acting_master = false;
    bool enable_all_topic_list = true;
    bool enable_topic_list = true;
    bool delete_topic_with_registration = false;
    bool wait_for_service = false;
    std::int64_t wait_seconds = 45;

    Options();
    std::string listen_address() const;  ///< HOST:PORT
};

/// All of a daemon's keys; those that concern requests can be changed while it runs.
void describe(config::Config& config, Options& options);
/// Complains about what nobody has set and no default can be found for.
void settle(config::Config& config, const Options& options);

}  // namespace mqd::namesrv
