#pragma once
// R/mqd-queues: where every queue began and ended when the log was as long as it says, so that the
// next start knows what each queue must have, also one of which nothing is left. What each entry
// says is true as long as the log is not cut before it; Java does not know the file and leaves it
// alone, and after it queues may have gone on.
//
//   off  type  field                              each queue
//   0    i64   magic, version                     i8       1: of batches
//   8    i64   the log's beginning                i16+n    topic
//   16   i64   up to where records are counted    i32      queue
//   24   i64   queues                             i64 i64  the first number, one past the last
//   32   i32   CRC-32 of all after it             i64      where the last record lies
//
// Threads: a value.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/log/commit_log.h"
#include "store/files.h"

namespace mqd::store {

struct QueueEnd {
    std::string topic;
    std::int32_t id = 0;
    bool batch = false;
    std::int64_t min = -1;  ///< -1: not known
    std::int64_t max = 0;
    std::int64_t last_at = -1;
};

struct QueueEnds {
    std::int64_t log_begin = 0;
    std::int64_t log_end = 0;
    std::vector<QueueEnd> queues;

    /// What the last process has left, without the queues, which `each` is given one by one: there
    /// may be very many. Nothing when there is none, or a damaged one, which is told.
    static std::optional<QueueEnds> load(
        Files& files, const std::filesystem::path& root,
        const std::function<void(const QueueEnds& ends, QueueEnd)>& each);
    /// Replaces the file; on disk when this returns. refused, io
    Result<> save(Files& files, const std::filesystem::path& root) const;
};

/// Can so many numbers have been given by as many bytes of the log? Of a record's number no
/// checksum tells, and one flipped bit of it is no reason to make a file of a terabyte.
inline bool can_follow(std::int64_t from, std::int64_t from_at, std::int64_t to,
                       std::int64_t to_at) {
    constexpr std::int64_t message_bytes_min = 16;  // in a batch
    return to - from <= (to_at - from_at) / message_bytes_min + 1;
}

/// The same by what the records of [from, to) say: of each queue the last one. `min` is the number
/// of the first one. Gives up when `stop` says so.
std::vector<QueueEnd> ends_in_log(const CommitLog& log, std::int64_t from, std::int64_t to,
                                  const std::function<bool()>& stop);

}  // namespace mqd::store
