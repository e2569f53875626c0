#pragma once
// LogMender: makes a log with damage in it one that can be walked, before anybody uses it. A record
// with one flipped bit is as it was when that bit is put back, which its CRC tells; other damage
// is overwritten with records that get neither unit nor key, or with a blank where it reaches its
// file's end. What lies after it stays. The overwritten bytes are kept in R/damaged/.
//
// Threads: before all others.
// Owner:   recovery.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "store/log/commit_log.h"
#include "store/log/log_walker.h"

namespace mqd::store {

class LogMender {
public:
    LogMender(CommitLog& log, LogWalker::Check check) : log_(log), check_(check) {}

    /// The first sound record after `at`, where none begins.
    std::optional<SoundRecord> find_behind(std::int64_t at) const;
    /// True when there is a record at `at` again, which ends at `end` or before; the last one of
    /// the log where the file lets it.
    Result<bool> put_bit_back(std::int64_t at, std::int64_t end);
    Result<bool> put_last_bit_back(std::int64_t at);
    /// Nothing but records and blanks lie in [at, end) afterwards, where an item begins at `end`.
    /// refused, io; corrupt: too few bytes for a record.
    Result<> fill(std::int64_t at, std::int64_t end, std::int64_t store_ts_ms);

private:
    Result<bool> put_back(const LogFile& file, std::int64_t at, Bytes damaged);
    Result<> fill_part(const LogFile& file, std::int64_t at, std::int64_t end,
                       std::int64_t store_ts_ms);
    void keep(const LogFile& file, std::int64_t at, std::int64_t end) const;

    CommitLog& log_;
    const LogWalker::Check check_;
    int searched_ = 0;  // records that were looked through for a flipped bit
};

}  // namespace mqd::store
