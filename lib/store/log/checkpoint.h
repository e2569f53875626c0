#pragma once
// R/checkpoint, mqd-store(5), CHECKPOINT: how far log, queues and index are on disk, as store
// times.
//
//   off  type  field
//   0    i64   newest message on disk in the commit log, ms
//   8    i64   newest message in the consume queues, ms (here: on disk too)
//   16   i64   end time of the newest full index file
//   24   i64   master flushed offset      32  i64  confirm offset      40..4095  zero
//
// Threads: one at a time.

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "store/files.h"

namespace mqd::store {

struct Checkpoint {
    std::int64_t log_ts_ms = 0;
    std::int64_t queues_ts_ms = 0;
    std::int64_t index_ts_ms = 0;
    std::int64_t master_flushed = 0;
    std::int64_t confirm_offset = 0;

    bool operator==(const Checkpoint&) const = default;

    /// All zero when there is no file or it is too short. io
    static Result<Checkpoint> load(Files& files, const std::filesystem::path& path);
    /// Written in place and synced. refused, io
    Result<> save(Files& files, const std::filesystem::path& path) const;
};

}  // namespace mqd::store
