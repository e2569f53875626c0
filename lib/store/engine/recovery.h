#pragma once
// Recovery: finds the log's end and makes the queues agree with it, mqd-store(5), AFTER A CLEAN
// STOP and AFTER A CRASH.
//
// After a clean stop every record has its unit; only the last file is walked, for its end, and the
// last record's unit is the proof. Otherwise, and after a crash, the log is replayed from where
// the checkpoint says that log and queues were on disk, or from further back when a queue turns
// out to end before the first record replayed for it. When a milestone says so, only what lies
// after it is replayed, and queues that nothing is replayed for are not even opened.
//
// Threads: before all others.

#include <cstdint>
#include <optional>

#include "store/log/checkpoint.h"
#include "store/log/commit_log.h"
#include "store/log/log_walker.h"
#include "store/log/milestone.h"
#include "store/queue/queue_table.h"
#include "store/queue/queue_writer.h"

namespace mqd::store {

/// Leaves log and queues ready to be written to; replayed records have to stand `check`. Gives how
/// far they agree: to the end, or to the last record that is confirmed. Records after it stay and
/// keep their numbers. refused, io: what has to be put right cannot be.
Result<Milestone> recover(CommitLog& log, QueueTable& queues, QueueWriter& writer,
                          const Checkpoint& checkpoint, const std::optional<Milestone>& milestone,
                          LogWalker::Check check, bool clean);

}  // namespace mqd::store
