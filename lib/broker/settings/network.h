#pragma once
// Addresses, connections and the stop. RocketMQ's names and defaults: mqd-broker(8), CONFIGURATION.
//
// Threads: const after the start.

#include <cstddef>
#include <cstdint>
#include <string>

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Where the broker listens, whom it registers with, and how it leaves.
struct NetworkSettings {
    std::string namesrv;  ///< `HOST:PORT;HOST:PORT`
    std::string ip;       ///< what clients are told; empty: see settle()
    std::string bind_address = "0.0.0.0";
    std::uint16_t vip_port = 0;  ///< fastListenPort: serves the same; 0: none
    std::uint16_t listen_port = 10911;
    std::uint16_t namesrv_port = 9876;  ///< of the name server inside, with --standalone
    std::size_t io_threads = 0;         ///< 0: one per core
    std::int64_t idle_s = 120;
    bool sends_away = false;        ///< enableShutdownGracefully
    std::int64_t leave_s_max = 30;  ///< shutdownWaitTimeSeconds
    std::int64_t register_interval_ms = 30'000;
    std::int64_t register_timeout_ms = 24'000;

    std::string listen_address() const { return address_of(listen_port); }
    std::string address_of(std::uint16_t port) const;  ///< HOST:PORT

    void describe(config::Config& c);
};

}  // namespace mqd::broker
