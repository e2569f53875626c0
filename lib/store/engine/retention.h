#pragma once
// Retention: how long messages are kept, mqd-store(5), RETENTION. The oldest files of the log go
// when they have not been written for long enough and it is the hour, the disk fills up, or
// somebody asks; before their time only when the disk would be full otherwise. Files of the queues
// and of the index follow when the log has lost what they lead to.
//
// Nothing waits for it: a piece of work is done at a time, between the housekeeper's other duties,
// and readers go on with the files that they hold. The last file stays, and those that have not
// been synced and dispatched whole, whatever their age.
//
// Threads: step() from the housekeeper; the requests from any.
// Owner:   the store.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/log/commit_log.h"
#include "store/engine/disk_meter.h"
#include "store/index/index_set.h"
#include "store/queue/queue_table.h"
#include "store/store.h"

namespace mqd::store {

class Retention {
public:
    /// What it works on. `deleting` is held while a queue's files are removed. `done_with` gives
    /// the end of what nobody but readers needs any more.
    struct Parts {
        Files& files;
        const Clock& clock;
        CommitLog& log;
        QueueTable& queues;
        IndexSet& index;
        DiskMeter& disk;
        Mutex& deleting;
        std::function<std::int64_t()> done_with;
    };
    /// `cleaned_to`: queues and index are known to be rid of what lies before that offset.
    Retention(Parts parts, RetentionOptions options, std::int64_t cleaned_to);
    /// Whoever still waits for clean_queues() is told `unavailable`.
    ~Retention();
    Retention(const Retention&) = delete;
    Retention& operator=(const Retention&) = delete;

    /// Does what is due: removes a file, or works for some milliseconds. Gives the ms until there
    /// is more to do.
    std::int64_t step();

    /// Queues and index are rid of what lies before that offset. step()'s thread.
    std::int64_t cleaned_to() const { return cleaned_to_; }

    /// Store::delete_expired() and Store::clean_queues(), both before a call of step().
    void delete_expired(int rounds);
    void clean_queues(std::function<void(Result<>)> done);

private:
    using Done = std::function<void(Result<>)>;
    enum class Phase { idle, log, queues, index };
    struct Removed {
        std::shared_ptr<const LogFile> file;
        std::int64_t at_ms = 0;
    };

    bool is_round_due();
    void begin_round();
    void work();
    bool is_hour() const;
    bool is_space_short();
    bool take_log_file();
    Result<std::int64_t> written_ms(const LogFile& oldest) const;
    void clean_some_queues();
    void tell_unexpired();
    void take_index_file();
    void let_go();

    const Parts parts_;
    const RetentionOptions options_;

    // step()'s
    Phase phase_ = Phase::idle;
    std::int64_t next_round_ms_ = 0;
    std::int64_t next_work_ms_ = 0;
    int files_left_ = 0;            // that this round may take
    std::vector<Removed> removed_;  // out of the log, and mapped as long as readers hold them
    std::int64_t cleaned_to_;
    std::int64_t cleaning_to_ = 0;
    std::vector<StoredQueue*> queues_left_;  // of this round
    Result<> queues_outcome_;
    int files_taken_ = 0;      // by this round
    int unexpired_files_ = 0;  // that this round has taken before their time
    std::map<std::string, std::int64_t> messages_gone_;  // by topic, in this round
    std::vector<Done> waiting_;                          // for this round's queues

    Mutex lock_;
    int rounds_asked_ GUARDED_BY(lock_) = 0;
    bool hurry_ GUARDED_BY(lock_) = false;  // somebody asked since the last round began
    std::vector<Done> asked_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
