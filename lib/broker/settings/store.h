#pragma once
// The store and how long it keeps its files. RocketMQ's names and defaults: mqd-broker(8),
// CONFIGURATION.
//
// Threads: const after the start.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"
#include "store/table/places.h"

namespace mqd::config {
class Config;
}

namespace mqd::broker {

/// Where the store lies, its files, and how they are checked.
struct StoreSettings {
    std::string root;
    std::int64_t commit_log_file_bytes = 1LL << 30;
    std::int64_t consume_queue_file_bytes = 6'000'000;
    std::int64_t batch_queue_file_bytes = 13'800'000;
    std::int64_t flush_interval_ms = 500;
    std::int64_t flush_thorough_ms = 10'000;
    std::int64_t flush_queues_ms = 1000;
    bool append_crc = false;  ///< each record ends with its own CRC
    bool check_crc = true;    ///< recovery looks at bodies' CRCs
    bool demand_crc = false;  ///< recovery and readers take no record without its own CRC
    bool index = true;
    std::int32_t index_slots = 5'000'000;
    std::int32_t index_entries = 20'000'000;
    std::string commit_log_path;  ///< or below the root
    std::string queues_path;
    std::string batch_queues_path;
    std::string index_path;
    std::string abort_path;  ///< always below it
    std::string checkpoint_path;

    /// Below HOME, if there is one.
    StoreSettings();
    std::filesystem::path config_dir() const { return std::filesystem::path(root) / "config"; }
    store::Places places() const;  ///< where the keys say the store is

    void describe(config::Config& c);
};

/// How long files are kept, and how full the disk may be.
struct RetentionSettings {
    std::int32_t disk_full_percent = 90;
    std::string delete_hours = "04";
    std::int64_t keep_hours = 72;
    std::int32_t disk_begin_percent = 75;
    std::int32_t disk_force_percent = 85;
    bool delete_forcibly = true;
    std::int64_t interval_ms = 10'000;
    std::int32_t delete_files_max = 10;
    std::int64_t delete_pause_ms = 100;

    /// `04`, or `04;16`. invalid: not hours.
    Result<std::vector<int>> hours() const;
    store::RetentionOptions options() const;

    void describe(config::Config& c);
};

}  // namespace mqd::broker
