#include "namesrv/options.h"

#include <fmt/format.h>

#include <cstdlib>

namespace mqd::namesrv {

Options::Options() {
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') return;
    const auto folder = fmt::format("{}/namesrv", home);
    kv_config_path = folder + "/kvConfig.json";
    config_store_path = folder + "/namesrv.properties";
}

std::string Options::listen_address() const {
    const bool is_ipv6 = bind_address.find(':') != std::string::npos;
    return is_ipv6 ? fmt::format("[{}]:{}", bind_address, listen_port)
                   : fmt::format("{}:{}", bind_address, listen_port);
}

void describe(config::Config& c, Options& o) {
    c.text("bindAddress", o.bind_address, "address to listen on");
    c.integer("listenPort", o.listen_port, 0, 65535, "port to listen on; 0: any free port");
    c.integer("serverSelectorThreads", o.io_threads, 0, 1024,
              "number of I/O threads; 0: one for each core");
    c.integer("serverChannelMaxIdleTimeSeconds", o.connection_idle_s, 0, 86'400,
              "closes idle connections after this many seconds; 0: never");
    c.text("kvConfigPath", o.kv_config_path, "file of the KV configuration");
    c.text("configStorePath", o.config_store_path, "file that keeps what is set at run time");
    c.text("configBlackList", o.config_black_list, "keys that cannot be set at run time");
    c.duration("scanNotActiveBrokerInterval", o.scan_interval_ms, 10, 3'600'000,
               "how often to look for brokers that have not registered again")
        .reloadable();
    c.boolean("orderMessageEnable", o.order_message_enable, "routes have orderTopicConf")
        .reloadable();
    c.boolean("returnOrderTopicConfigToBroker", o.return_order_topic_config,
              "the answer to a registration has the ordered topics")
        .reloadable();
    c.boolean("supportActingMaster", o.support_acting_master,
              "without a master, routes lead to the slave with the lowest id")
        .reloadable();
    c.boolean("enableAllTopicList", o.enable_all_topic_list, "administrators may list all topics")
        .reloadable();
    c.boolean("enableTopicList", o.enable_topic_list,
              "administrators may list the topics of a cluster or kind")
        .reloadable();
    c.boolean("deleteTopicWithBrokerRegistration", o.delete_topic_with_registration,
              "a registration removes the topics that it does not name")
        .reloadable();
    c.boolean("needWaitForService", o.wait_for_service,
              "refuse routes for waitSecondsForService after the start");
    c.integer("waitSecondsForService", o.wait_seconds, 0, 3600, "see needWaitForService");
}

void settle(config::Config& config, const Options& options) {
    for (const auto& [key, path] : {std::pair{"kvConfigPath", &options.kv_config_path},
                                    {"configStorePath", &options.config_store_path}})
        if (path->empty()) config.complain(key, "there is no HOME for it: set this key");
}

}  // namespace mqd::namesrv
