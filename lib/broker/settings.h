#pragma once
// What the operator has set, with RocketMQ's names and defaults (mqd-broker(8), CONFIGURATION): a
// field for each key, and in settings.cpp the one table of keys.
//
// Threads: const after the start.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "config/config.h"
#include "store/table/places.h"
#include "store/store.h"

namespace mqd::broker {

struct Settings {
    Settings();

    // who and where
    std::string cluster = "DefaultCluster";
    std::string name;          ///< the host's name
    std::int64_t id = 0;       ///< 0: the master
    bool sync_master = false;  ///< brokerRole
    std::int32_t in_sync_replicas =
        1;  ///< copies that a SYNC_MASTER's sends wait for, with its own
    std::int64_t slave_timeout_ms = 3000;
    std::string namesrv;    ///< `HOST:PORT;HOST:PORT`
    std::string broker_ip;  ///< what clients are told; empty: see settle()
    std::string bind_address = "0.0.0.0";
    std::uint16_t vip_port = 0;  ///< fastListenPort: serves the same; 0: none
    std::uint16_t listen_port = 10911;
    std::uint16_t namesrv_port = 9876;  ///< of the name server inside, with --standalone
    std::string region = "DefaultRegion";
    bool trace_on = true;
    std::int32_t permission = 6;  ///< message::perm
    std::size_t io_threads = 0;   ///< 0: one per core
    std::int64_t idle_s = 120;
    bool sends_away = false;        ///< enableShutdownGracefully
    std::int64_t leave_s_max = 30;  ///< shutdownWaitTimeSeconds

    // topics and groups
    bool auto_create_topic = true;
    bool auto_create_group = true;
    std::int32_t default_topic_queues = 8;
    bool cluster_topic = true;
    bool broker_topic = true;
    bool trace_topic = false;
    std::string trace_topic_name = "RMQ_SYS_TRACE_TOPIC";
    bool check_system_topics = true;  ///< validateSystemTopicWhenUpdateTopic

    // clients
    bool long_polling = true;
    std::int64_t short_polling_ms = 1000;
    bool lite_pull = true;
    bool property_filter = false;  ///< enablePropertyFilter: SQL92
    bool notify_members = true;
    std::int64_t accept_sends_from_ms = 0;  ///< startAcceptSendRequestTimeStamp, since the epoch
    bool resets_offsets = true;  ///< useServerSideResetOffset: the broker and not the members
    bool store_replies = true;   ///< storeReplyMessageEnable
    bool reject_transactions = false;
    std::int64_t transaction_timeout_ms = 6000;
    std::int32_t transaction_check_max = 15;
    std::int64_t transaction_check_interval_ms = 30'000;
    std::int64_t transaction_counts_interval_ms = 3000;
    std::int64_t offsets_interval_ms = 5000;
    std::int64_t delay_offsets_interval_ms = 10'000;
    std::int64_t client_expiry_ms = 120'000;
    std::int32_t pull_messages_max = 4096;
    std::int64_t pull_bytes = 262'144;  ///< unless a request asks for more
    std::int64_t pull_bytes_max = 4 << 20;
    std::int32_t filter_bytes_scanned = 16'000;  ///< of consume queue, a pull
    std::int32_t in_memory_percent = 40;
    std::int32_t read_threads = 2;
    std::int64_t held_pulls_max = 1'000'000;

    // registration
    std::int64_t register_interval_ms = 30'000;
    std::int64_t register_timeout_ms = 24'000;

    // the store
    std::string store_root;
    std::string commit_log_path, queues_path, batch_queues_path, index_path;  ///< or below the root
    std::string abort_path, checkpoint_path;                                  ///< always below it
    std::int64_t message_bytes_max = 4 << 20;
    std::int64_t commit_log_file_bytes = 1LL << 30;
    std::int64_t consume_queue_file_bytes = 6'000'000;
    std::int64_t batch_queue_file_bytes = 13'800'000;
    bool flush_sync = false;
    std::int64_t sync_flush_timeout_ms = 5000;
    std::int64_t flush_interval_ms = 500;
    std::int64_t flush_thorough_ms = 10'000;
    std::int64_t flush_queues_ms = 1000;
    std::int32_t disk_full_percent = 90;
    bool append_crc = false;  ///< each record ends with its own CRC
    bool check_crc = true;    ///< recovery looks at bodies' CRCs
    bool demand_crc = false;  ///< recovery and readers take no record without its own CRC
    std::string delete_hours = "04";
    std::int64_t keep_hours = 72;
    std::int32_t disk_begin_percent = 75;
    std::int32_t disk_force_percent = 85;
    bool delete_forcibly = true;
    std::int64_t retention_interval_ms = 10'000;
    std::int32_t delete_files_max = 10;
    std::int64_t delete_pause_ms = 100;
    bool index = true;
    std::int32_t index_slots = 5'000'000;
    std::int32_t index_entries = 20'000'000;
    bool timers = true;
    std::int64_t timer_max_s = 259'200;
    std::int64_t timer_precision_ms = 1000;  ///< what a slot of the wheel spans
    std::int64_t timer_log_file_bytes = 100 << 20;
    bool recall = false;
    std::string delay_levels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";

    std::filesystem::path config_dir() const {
        return std::filesystem::path(store_root) / "config";
    }
    bool waits_for_replicas() const { return sync_master && in_sync_replicas > 1; }
    bool sends_wait() const { return flush_sync || waits_for_replicas(); }
    std::string listen_address() const { return address_of(listen_port); }
    std::string address_of(std::uint16_t port) const;  ///< HOST:PORT
    store::Places places() const;                      ///< where the keys say the store is
    store::Options store_options() const;
};

/// All of the broker's keys; those that concern single requests can be changed while it runs.
void describe(config::Config& config, Settings& settings);

/// Defaults that follow from the system and from other keys (brokerIP1: the listening address when
/// it is a specific one, else the first address that is not loopback, else 127.0.0.1;
/// fastListenPort: listenPort - 2), and checks of several keys together; complaints go to
/// `config`. `standalone`: the name server is inside, and nobody outside is asked for or told.
void settle(config::Config& config, Settings& settings, bool standalone = false);

}  // namespace mqd::broker
