#pragma once
// Reading messages through a consume queue, spec store.md 6.4 and semantics.md 3.4.
//
// Threads: any, without a lock that a writer holds over I/O.

#include <optional>

#include "store/commit_log.h"
#include "store/store.h"
#include "store/stored_queue.h"

namespace mqd::store {

ReadResult read_queue(const CommitLog& log, const StoredQueue& queue, QueueOffset from,
                      const ReadLimits& limits, const ReadFilter* filter);

/// See Store::record_at().
Result<Slice> record_at(const CommitLog& log, PhysicalOffset at);

/// See Store::store_time() and Store::offset_by_time().
std::optional<std::int64_t> store_time(const CommitLog& log, const StoredQueue& queue,
                                       QueueOffset offset);
QueueOffset offset_by_time(const CommitLog& log, const StoredQueue& queue, std::int64_t t_ms,
                           bool upper);

}  // namespace mqd::store
