#include "broker/settings/network.h"

#include <fmt/format.h>

#include "config/config.h"

namespace mqd::broker {

void NetworkSettings::describe(config::Config& c) {
    c.text("namesrvAddr", namesrv, "name servers, HOST:PORT;HOST:PORT")
        .from_environment("NAMESRV_ADDR");
    c.text("brokerIP1", ip, "the address that clients are told");
    c.text("bindAddress", bind_address, "address to listen on");
    c.integer("listenPort", listen_port, 0, 65535, "port to listen on; 0: any that is free");
    c.integer("fastListenPort", vip_port, 0, 65535,
              "the VIP port of clients up to 4.4, listenPort - 2 by default; 0: none");
    c.integer("namesrvListenPort", namesrv_port, 0, 65535,
              "with --standalone: the name server's port");
    c.integer("serverSelectorThreads", io_threads, 0, 1024, "I/O threads; 0: one per core");
    c.integer("serverChannelMaxIdleTimeSeconds", idle_s, 0, 86'400,
              "a connection without traffic for so long is closed; 0: never");
    c.boolean("enableShutdownGracefully", sends_away,
              "a stop first sends clients away that know how to go");
    c.integer("shutdownWaitTimeSeconds", leave_s_max, 0, 3600,
              "how long it waits for all clients to have gone");
    c.duration("registerNameServerPeriod", register_interval_ms, 10'000, 60'000,
               "how often it tells the name servers");
    c.duration("registerBrokerTimeoutMills", register_timeout_ms, 100, 600'000,
               "how long a name server may take to answer");
}

std::string NetworkSettings::address_of(std::uint16_t port) const {
    const bool is_ipv6 = bind_address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", is_ipv6 ? "[" : "", bind_address, is_ipv6 ? "]" : "", port);
}

}  // namespace mqd::broker
