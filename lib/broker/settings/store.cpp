#include "broker/settings/store.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "base/parse.h"
#include "config/config.h"

namespace mqd::broker {

void StoreSettings::describe(config::Config& c) {
    c.text("storePathRootDir", root, "the store's directory");
    c.text("storePathCommitLog", commit_log_path, "the commit log's, if it lies elsewhere");
    c.text("storePathConsumeQueue", queues_path, "the consume queues'");
    c.text("storePathBatchConsumeQueue", batch_queues_path, "the batch consume queues'");
    c.text("storePathIndex", index_path, "the index's");
    c.text("storeCheckpoint", checkpoint_path, "the checkpoint, which stays in the store");
    c.text("abortFile", abort_path, "the mark of a crash, which stays in the store");
    c.size("mappedFileSizeCommitLog", commit_log_file_bytes, 1 << 16, 1LL << 40,
           "size of a commit log file");
    c.size("mappedFileSizeConsumeQueue", consume_queue_file_bytes, 20, 1LL << 30,
           "size of a consume queue file");
    c.size("mapperFileSizeBatchConsumeQueue", batch_queue_file_bytes, 46, 1LL << 30,
           "the same for topics with queue.type=BatchCQ");
    c.duration("flushIntervalCommitLog", flush_interval_ms, 10, 600'000,
               "with ASYNC_FLUSH, how often the log is synced");
    c.duration("flushCommitLogThoroughInterval", flush_thorough_ms, 10, 3'600'000,
               "and how often however little there is");
    c.duration("flushIntervalConsumeQueue", flush_queues_ms, 10, 600'000,
               "how often the consume queues are synced");
    c.boolean("enabledAppendPropCRC", append_crc,
              "each record ends with a CRC over all of it, so that no flipped bit goes unnoticed");
    c.boolean("forceVerifyPropCRC", demand_crc, "records without such a CRC are taken for damaged");
    c.boolean("checkCRCOnRecover", check_crc, "after a crash the bodies' CRCs are looked at");
    c.boolean("messageIndexEnable", index, "messages can be found by their keys");
    c.integer("maxHashSlotNum", index_slots, 1, 100'000'000, "hash slots of an index file");
    c.integer("maxIndexNum", index_entries, 2, 100'000'000, "keys of an index file, and one");
}

StoreSettings::StoreSettings() {
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home != '\0') root = fmt::format("{}/store", home);
}

store::Places StoreSettings::places() const {
    store::Places out(root);
    for (const auto& [part, path] : {std::pair{"commitlog", &commit_log_path},
                                     {"consumequeue", &queues_path},
                                     {"batchconsumequeue", &batch_queues_path},
                                     {"index", &index_path}})
        if (!path->empty()) out.put(part, *path);
    return out;
}

void RetentionSettings::describe(config::Config& c) {
    c.integer("fileReservedTime", keep_hours, 0, 1'000'000,
              "hours that a log file is kept since it was last written");
    c.text("deleteWhen", delete_hours, "local hours in which expired files go, HH;HH");
    c.integer("diskMaxUsedSpaceRatio", disk_begin_percent, 10, 100,
              "percentage of the disk above which expired files go at any hour");
    c.integer("diskSpaceCleanForciblyRatio", disk_force_percent, 10, 100,
              "percentage above which files go before their time");
    c.boolean("cleanFileForciblyEnable", delete_forcibly, "or do not");
    c.integer("diskSpaceWarningLevelRatio", disk_full_percent, 10, 100,
              "percentage above which sends are refused");
    c.duration("cleanResourceInterval", interval_ms, 100, 86'400'000,
               "how often it looks for files to delete");
    c.integer("deleteFileBatchMax", delete_files_max, 1, 1'000'000,
              "most log files that go at a time");
    c.duration("deleteCommitLogFilesInterval", delete_pause_ms, 0, 60'000,
               "pause between two of them");
}

Result<std::vector<int>> RetentionSettings::hours() const {
    std::vector<int> out;
    for (const auto word : split(delete_hours, ';')) {
        if (word.empty()) continue;
        const auto hour = parse_int<int>(word);
        if (!hour || *hour < 0 || *hour > 23)
            return Error{Errc::invalid, fmt::format("'{}' is no hour from 00 to 23", word)};
        out.push_back(*hour);
    }
    return out;
}

store::RetentionOptions RetentionSettings::options() const {
    store::RetentionOptions out;
    out.hours = hours().value_or(std::vector<int>());  // settle() has checked
    out.keep_ms = keep_hours * 3'600'000;
    out.begin_percent = disk_begin_percent;
    out.force_percent = disk_force_percent;
    out.force = delete_forcibly;
    out.interval_ms = interval_ms;
    out.files_a_round = delete_files_max;
    out.pause_ms = delete_pause_ms;
    return out;
}

}  // namespace mqd::broker
