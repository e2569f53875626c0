#pragma once
// How full the disks are, mqd-store(5), RETENTION: the commit log's partition and the consume
// queues', which nearly always are one.
//
// Threads: measure() from the housekeeper, the rest from any.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "store/files.h"
#include "store/table/places.h"
#include "store/store.h"

namespace mqd::store {

class DiskMeter {
public:
    /// `full_percent`: above it the disk counts as full.
    DiskMeter(Files& files, const Places& root, int full_percent);

    /// What cannot be measured stays as it was.
    void measure();
    DiskUse use() const { return {log_percent_.load(), queues_percent_.load()}; }
    bool is_full() const { return full_.load(std::memory_order_relaxed); }

private:
    void measure(const std::filesystem::path& dir, std::atomic<int>& percent);

    Files& os_;
    const std::filesystem::path root_, log_dir_, queues_dir_;
    const int full_percent_;
    std::atomic<int> log_percent_ = 0;
    std::atomic<int> queues_percent_ = 0;
    std::atomic<bool> full_ = false;
};

}  // namespace mqd::store
