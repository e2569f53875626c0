#pragma once
// One queue's consume queue: unit n, where message n of the queue lies, at byte 20 n of a row of
// equally sized files in R/consumequeue/<topic>/<id>. Bytes: spec store.md 3.1.
//
// A queue costs an object and no descriptor. What the disk says about it is read when somebody
// first asks (load()).
//
// Threads: load(), min(), max(), read_units() from any. `next` belongs to the log's append lock.
//          The writing half belongs to one thread: recovery, then the dispatcher. sync() from the
//          housekeeper.
// Owner:   QueueTable.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/commit_log.h"
#include "store/open_files.h"
#include "store/store.h"
#include "store/unit.h"

namespace mqd::store {

/// What all queues share.
struct QueueContext {
    Files& files;
    OpenFiles& open_files;
    const CommitLog& log;
    std::filesystem::path root;   ///< R/consumequeue
    std::int64_t file_bytes = 0;  ///< a multiple of 20
};

class ConsumeQueue final : public Queue {
public:
    /// Records before `ignore_before` belong to a deleted topic of the same name. With `on_disk`
    /// false there is nothing to load.
    ConsumeQueue(const QueueContext& context, std::string topic, std::int32_t id,
                 std::int64_t ignore_before, bool on_disk);

    const std::string& topic() const override { return topic_; }
    std::int32_t id() const override { return id_; }
    QueueOffset min() const override;
    QueueOffset max() const override;

    /// Finds the queue's end and drops what does not belong to the log (spec 5.3). After an error
    /// the queue stays unusable: empty for readers, refusing appends. Cheap once done.
    void load() const {
        if (state_.load(std::memory_order_acquire) == State::unloaded) load_now();
    }
    bool usable() const { return state_.load(std::memory_order_acquire) == State::loaded; }
    bool deleted() const { return deleted_.load(std::memory_order_acquire); }
    void mark_deleted() { deleted_.store(true, std::memory_order_release); }
    std::int64_t ignore_before() const { return ignore_before_; }

    /// The next queue offset to give out; guarded by the log's append lock.
    std::int64_t next = 0;

    /// Whole units from `first` on, as many as fit, are there and lie below `limit`. not_found:
    /// the file is gone; io.
    Result<std::size_t> read_units(std::int64_t first, std::int64_t limit, MutableBytes into) const;
    Result<Unit> unit(std::int64_t offset) const;
    /// The first offset in the file behind that of `offset`.
    QueueOffset next_file(QueueOffset offset) const;
    /// True when the record that `unit` names is there and says it is this queue's `offset`.
    bool is_mine(const Unit& unit, std::int64_t offset) const;

    // ---- the writing half

    std::int64_t written() const { return written_; }
    std::int64_t last_at() const { return last_at_; }  ///< of the last unit's record, -1: none
    bool has_files() const { return first_base_ >= 0; }
    /// Writes units at `first`, filling a gap behind written(). refused: no space; io. May be
    /// repeated after an error.
    Result<> write_units(std::int64_t first, Bytes units, std::int64_t last_at);
    /// Overwrites units below written().
    Result<> rewrite_units(std::int64_t first, Bytes units);
    /// Drops and zeroes every unit from `offset` on.
    Result<> truncate(std::int64_t offset);
    /// Drops every unit whose record does not end before `end`.
    Result<> truncate_to_log(std::int64_t end);
    /// Readers see what has been written.
    void publish() { max_.store(written_); }

    /// Brings what is written to disk. io
    Result<> sync();
    /// True for the first who says so since mark_clean(), which precedes every sync.
    bool mark_dirty() { return !dirty_.exchange(true); }
    void mark_clean() { dirty_ = false; }

    /// For the writer alone: the chain of this batch.
    struct Batch {
        std::uint64_t number = 0;
        std::uint32_t first = 0, last = 0;
    };
    Batch batch;

private:
    enum class State { unloaded, loaded, broken };

    void load_now() const;
    Result<> load_files();
    Result<std::int64_t> used_units(std::int64_t base) const;
    Result<> drop_strangers(std::int64_t end);
    Result<> find_min();
    Result<> zero(std::int64_t from, std::int64_t to);
    Result<> fill(std::int64_t from, std::int64_t to);
    Result<std::shared_ptr<File>> file_for(std::int64_t base, bool create);
    std::filesystem::path path_of(std::int64_t base) const;
    std::int64_t base_of(std::int64_t offset) const;

    const QueueContext& context_;
    const std::string topic_;
    const std::int32_t id_;
    const std::int64_t ignore_before_;
    const std::filesystem::path dir_;

    mutable Mutex load_lock_;  // the first caller loads, others wait for it
    std::atomic<State> state_;
    std::atomic<bool> deleted_ = false;
    std::atomic<bool> dirty_ = false;
    std::atomic<bool> made_files_ = false;
    std::atomic<std::int64_t> min_ = 0;
    std::atomic<std::int64_t> max_ = 0;
    std::atomic<std::int64_t> written_ = 0;  // the writer's; sync() looks
    std::int64_t synced_ = 0;                // sync()'s
    std::int64_t last_at_ = -1;
    std::int64_t first_base_ = -1;  // byte offset of the first file, -1: none
};

}  // namespace mqd::store
