#pragma once
// R/mqd-milestone: how far log and queues agree, so that the start after a kill looks only at what
// came later. It speaks of what has been written, not of what is on disk: a process's end loses
// nothing of that, so it is believed only while the system has not been started anew. Nor is it
// believed when anybody else may have been at the store meanwhile: another broker has written
// `abort`, a copy or a restored backup has files that changed after the milestone was written, and
// who wants everything rebuilt removes the checkpoint. Java does not know it and leaves it alone.
//
//   off  type  field                          off  type   field
//   0    i64   magic, version                 32   i64    store time of the last record, ms
//   8    i64   offset up to which they agree  40   i64    newest record on disk by the checkpoint
//   16   i64   the last record before it      48   i64    change time of `abort`, ns
//   24   i64   when this was written, ms      56   i32    CRC-32 of all other bytes
//   60   36 bytes  the boot id                96..127     zero
//
// Threads: load() and begin() before all others, reached() from the dispatcher, the rest from any.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/log/checkpoint.h"
#include "store/files.h"

namespace mqd::store {

/// Every record before `end` is whole and has its unit.
struct Milestone {
    std::int64_t end = 0;
    std::int64_t last_at = -1;  ///< where the last of them begins, -1: there is none
    std::int64_t store_ts_ms = 0;

    bool operator==(const Milestone&) const = default;
};

class MilestoneFile {
public:
    MilestoneFile(Files& files, const std::filesystem::path& root, std::int64_t step_bytes);

    /// Before `abort` is written. What the last process has left, when it can be believed.
    std::optional<Milestone> load(const Checkpoint& checkpoint) const;
    /// After the writing of `abort`: milestones are written from now on.
    void begin(const Milestone& first);
    /// Units and records before it have been written. It goes to the file every `step_bytes` of
    /// the log: it costs a system call.
    void reached(const Milestone& now);
    void checkpoint_saved(const Checkpoint& checkpoint) {
        checkpoint_ts_ms_ = checkpoint.log_ts_ms;
    }
    /// The disk has failed, nothing written is relied upon any more; or the store has been closed.
    void withdraw();

private:
    Result<> write(const Milestone& now);

    Files& files_;
    const std::filesystem::path path_, abort_path_;
    const std::int64_t step_bytes_;
    const std::string boot_;
    std::unique_ptr<File> file_;
    std::int64_t abort_changed_ns_ = 0;
    std::int64_t written_end_ = 0;
    std::atomic<std::int64_t> checkpoint_ts_ms_ = 0;
    std::atomic<bool> withdrawn_ = false;
};

}  // namespace mqd::store
