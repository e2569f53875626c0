#pragma once
// Recovery: finds the log's end and makes the queues agree with it, spec store.md 5.2 and 5.3.
//
// After a clean stop every record has its unit; only the last file is walked, for its end, and the
// last record's unit is the proof. Otherwise, and after a crash, the log is replayed from where
// the checkpoint says that log and queues were on disk, or from further back when a queue turns
// out to end before the first record replayed for it.
//
// Threads: before all others.

#include <cstdint>

#include "store/checkpoint.h"
#include "store/commit_log.h"
#include "store/log_walker.h"
#include "store/queue_table.h"
#include "store/queue_writer.h"

namespace mqd::store {

/// Leaves log and queues ready to be written to; replayed records have to stand `check`. refused,
/// io: what has to be put right cannot be.
Result<> recover(CommitLog& log, QueueTable& queues, QueueWriter& writer,
                 const Checkpoint& checkpoint, LogWalker::Check check, bool clean);

}  // namespace mqd::store
