#pragma once
// LogWalker: the records of the log one after the other, over blanks and file ends.
//
// Threads: one at a time.

#include <cstdint>
#include <memory>
#include <optional>

#include "message/record.h"
#include "store/log/commit_log.h"

namespace mqd::store {

class LogWalker {
public:
    /// What a record has to stand besides its own position.
    enum class Check {
        lengths,
        crc,  ///< the whole record's, else its body's, and that nothing says it was written in part
        sum   ///< the whole record's, which it must have
    };
    enum class Step {
        record,  ///< record() is the next one
        end,     ///< at() is `limit`, or no file follows
        bad,     ///< no whole record begins at at()
    };

    LogWalker(const CommitLog& log, std::int64_t at) : log_(log), at_(at) {}

    /// Looks at what lies at at(), and steps over a blank. Nothing at or after `limit` is read.
    Step next(std::int64_t limit, Check check);
    const message::RecordView& record() const { return record_; }
    std::int64_t at() const { return at_; }  ///< after the last record that next() gave
    /// Goes on at `at`, where an item begins.
    void seek(std::int64_t at) { at_ = at; }

private:
    const CommitLog& log_;
    std::int64_t at_;
    std::shared_ptr<const LogFile> file_;
    message::RecordView record_;
};

/// Whether the record, in a file that begins at `base`, stands the check.
bool stands(const message::RecordView& record, std::int64_t base, LogWalker::Check check);

/// What lies after bytes that are no record.
struct SoundRecord {
    std::int64_t item_at = 0;    ///< where the log goes on: with the record, or a blank before it
    message::RecordView record;  ///< good while the log has its file
};

/// The first record after `at` that stands `check`, and its body's CRC in any case; nothing up to
/// `limit`. What was never written is passed over without a look.
std::optional<SoundRecord> find_sound_record(const CommitLog& log, std::int64_t at,
                                             std::int64_t limit, LogWalker::Check check);

/// Where a walk of whole records goes on over what is damaged at `at`, or missing: at the next
/// sound record, or at `to`.
std::int64_t next_sound(const CommitLog& log, std::int64_t at, std::int64_t to);

/// One past the last byte in [at, limit) that is not zero, `at` when there is none.
std::int64_t written_end(const CommitLog& log, std::int64_t at, std::int64_t limit);

}  // namespace mqd::store
