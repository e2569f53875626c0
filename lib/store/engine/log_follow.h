#pragma once
// What Store::append_at() takes: bytes that another broker has written to its log, held to what
// recovery would believe, before the first of them is written here.
//
// Threads: check_followed() from any.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/log/log_walker.h"
#include "store/queue/queue_table.h"

namespace mqd::store {

/// The bytes as parts, one after the other from `at` on, in files of `file_bytes` that begin at
/// `log_begin`. invalid: the end of a record or blank is missing, or a record does not leave its
/// file room for a blank. corrupt: no record begins where one has to, it names another place, or it
/// does not stand `check`. Queues that the records need are looked up, and made.
Result<std::vector<FollowedPart>> check_followed(Bytes bytes, std::int64_t at,
                                                 std::int64_t log_begin, std::int64_t file_bytes,
                                                 LogWalker::Check check, QueueTable& queues);

}  // namespace mqd::store
