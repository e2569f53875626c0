#pragma once
// What the two kinds of queue share: ConsumeQueue, with a unit for each message, and BatchQueue,
// with a unit for each record of a topic whose records may hold many messages.
//
// A queue costs an object and no descriptor. What the disk says about it is read when somebody
// first asks (load()), and held against the log before it is believed: where it has to begin and
// end (expect()), its files' names and lengths, the first and last unit of each. What does not fit
// is made again from the log (queue_mender.h).
//
// Threads: load(), min(), max(), read() from any. `next` belongs to the log's append lock. The
//          writing half belongs to one thread: recovery, then the dispatcher. sync() and expire()
//          from the housekeeper.
// Owner:   QueueTable.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "message/record.h"
#include "store/log/commit_log.h"
#include "store/open_files.h"
#include "store/queue/queue_changes.h"
#include "store/queue/queue_ends.h"
#include "store/store.h"
#include "store/queue/unit.h"
#include "store/queue/unit_files.h"

namespace mqd::store {

/// What all queues share.
class QueueMender;
struct QueueContext {
    Files& files;
    OpenFiles& open_files;
    const CommitLog& log;
    std::filesystem::path root;         ///< R/consumequeue
    std::int64_t file_bytes = 0;        ///< a multiple of 20
    std::filesystem::path batch_root;   ///< R/batchconsumequeue
    std::int64_t batch_file_bytes = 0;  ///< a multiple of 46
    bool mend = false;                  ///< opened after a crash
    QueueChanges* changes = nullptr;    ///< who is told; nobody
    QueueMender* mender = nullptr;      ///< null: units are believed
};

/// What a queue must have, by what was known of it at the last stop and what the log says.
struct Expected {
    std::int64_t min = -1;  ///< at most, -1: not known
    std::int64_t max = -1;  ///< at least, -1: not known
    std::int64_t last_at = -1;
};

/// What is to be done for a queue that does not fit, between begin_mend() and end_mend().
struct MendPlan {
    std::string why;
    std::int64_t log_from = 0, log_to = 0;  ///< where the records of what is missing lie
    std::int64_t bad_from = 0, bad_to = 0;  ///< units
    std::int64_t old_min = 0, old_max = 0;  ///< messages
};

/// A unit and the messages it stands for, [offset, offset + count).
struct QueuedUnit {
    Unit unit;
    std::int64_t offset = 0;
    std::int32_t count = 1;

    std::int64_t next() const { return offset + count; }
};

class StoredQueue : public NumberedQueue {
public:
    const std::string& topic() const override { return topic_; }
    std::int32_t id() const override { return id_; }
    QueueOffset min() const override {
        load();
        return {deleted() ? 0 : min_.load()};
    }
    QueueOffset max() const override {
        load();
        return {deleted() ? 0 : max_.load()};
    }
    bool is_batch() const { return is_batch_; }

    /// Finds the queue's end and drops what does not belong to the log (mqd-store(5), AFTER A
    /// CRASH), and waits while it is made whole. After an error, or when the store stops meanwhile,
    /// the queue is not usable: unreadable, refusing appends. Cheap once done.
    void load() const {
        if (!loaded()) load_now(false);
    }
    /// The same for those who must not wait for long.
    void load_soon() const {
        if (!loaded()) load_now(true);
    }
    /// The same without the waiting.
    void look_at() const {
        if (!loaded()) look_now();
    }
    bool loaded() const { return state_.load(std::memory_order_acquire) >= State::loaded; }
    bool untouched() const { return state_.load(std::memory_order_acquire) == State::unloaded; }
    bool usable() const override {
        look_at();
        return opened();
    }
    /// The same of what has been looked at.
    bool opened() const {
        const auto state = state_.load(std::memory_order_acquire);
        return state == State::loaded || state == State::opened;
    }
    bool needs_mending() const { return state_.load(std::memory_order_acquire) == State::misfit; }
    /// Its last file is full, or it has none: files after it may be missing. While misfit.
    virtual bool ends_with_file() const = 0;
    /// Why it cannot be served, by what is expected now; empty: it can. io
    Result<std::string> misfit() const { return find_misfit(); }
    /// What load() has to find; no less than what has been said before. Before it is used.
    void expect(const Expected& expected);
    Expected expected() const;
    /// What the next start may expect; nothing of a queue that has never had a message. While
    /// nobody writes.
    std::optional<QueueEnd> end_now(bool min_known) const;
    bool deleted() const override { return deleted_.load(std::memory_order_acquire); }
    std::int64_t since() const override { return ignore_before_; }
    void mark_deleted() { deleted_.store(true, std::memory_order_release); }
    /// Closed, it takes no appends.
    bool closed() const { return closed_.load(std::memory_order_acquire); }
    void close(bool closed) { closed_.store(closed, std::memory_order_release); }
    /// Records before it belong to a deleted topic of the same name.
    std::int64_t ignore_before() const { return ignore_before_; }
    /// Recovery's, when the log ends before what was to be ignored.
    void set_ignore_before(std::int64_t at) { ignore_before_ = at; }
    void close_files() { files_.close(); }
    /// min() and max() without a look: as they were before it was deleted, or before it is served.
    std::pair<QueueOffset, QueueOffset> last_range() const { return {{min_}, {max_}}; }

    std::optional<Errc> why_no_append() const override {
        if (deleted() || closed()) return Errc::not_found;
        if (!opened()) return needs_mending() ? Errc::refused : Errc::io;
        return {};
    }
    /// The next number to give out by what is written, and by records that are not shown yet.
    std::int64_t first_free() const { return unshown_next_ >= 0 ? unshown_next_ : written(); }
    /// Before all threads: records that are not shown yet have its numbers up to this one.
    void expect_unshown(std::int64_t numbers_end) { unshown_next_ = numbers_end; }

    /// The units from the one that holds message `first` on, as many as fit, are there and begin
    /// below `limit`. not_found: the file is gone; io; unavailable, with `now`: the disk would
    /// have to be waited for.
    virtual Result<std::size_t> read(std::int64_t first, std::int64_t limit, bool now,
                                     std::span<QueuedUnit> into) const = 0;
    /// The file where the unit of message `offset` is looked for, and the byte in it.
    virtual std::pair<std::filesystem::path, std::int64_t> place_of(std::int64_t offset) const = 0;
    /// The first offset in the file after that of `offset`.
    virtual QueueOffset next_file(QueueOffset offset) const = 0;
    /// True when the record has its unit.
    bool holds(const message::RecordView& record) const;
    /// True when another record, which lies before it and is there, has the record's number.
    bool gave_number_before(const message::RecordView& record) const;

    // ---- the writing half

    std::int64_t written() const { return written_; }  ///< the offset after the last message
    std::int64_t last_at() const { return last_at_; }  ///< of the last unit's record, -1: none
    bool has_files() const { return files_.any(); }
    /// Drops every unit whose record does not end before `end`.
    virtual Result<> truncate_to_log(std::int64_t end) = 0;
    /// Readers see what has been written.
    void publish() { max_.store(written_); }
    /// Tells of what truncation has taken, unless somebody else is bound to.
    void tell_changes() { tell_cut(); }

    /// Brings what is written to disk. io
    virtual Result<> sync() = 0;
    /// Raises min() to the first message that the log still has, and removes the files before that
    /// one's, but never the last. io; may be repeated.
    /// Gives how many messages min() has left behind. unavailable: it is being made whole.
    Result<std::int64_t> expire();
    /// True for the first who says so since mark_clean(), which precedes every sync.
    bool mark_dirty() { return !dirty_.exchange(true); }
    void mark_clean() { dirty_ = false; }

    // ---- mending: by one thread, which no other can overtake while needs_mending()

    /// Brings the files into shape and says what has to come from the log. refused, io
    virtual Result<MendPlan> begin_mend() = 0;
    /// When that has been written: what the log does not have is made up for, so that numbers stay.
    virtual Result<> end_mend(const MendPlan& plan) = 0;
    /// It may be used, or with an error never.
    void mended(const Result<>& outcome);

    /// For the writer alone: the chain of this batch.
    struct Batch {
        std::uint64_t number = 0;
        std::uint32_t first = 0, last = 0;
    };
    Batch batch;

protected:
    /// With `on_disk` false there is nothing to load.
    StoredQueue(const QueueContext& context, bool is_batch, std::string topic, std::int32_t id,
                std::int64_t ignore_before, bool on_disk);

    /// Its end was moved back from `old_max`; told when nothing is held.
    void note_cut(std::int64_t old_max) { cut_from_ = std::max(cut_from_, old_max); }
    virtual Result<> load_files() = 0;
    /// Why what was loaded cannot be served; empty: it can. io
    virtual Result<std::string> find_misfit() const = 0;
    virtual Result<> expire_units() = 0;
    /// True when the record that `at` names is there and says it is this queue's.
    bool is_mine(const QueuedUnit& at) const;
    bool is_expired(const Unit& unit) const {
        return unit.at >= 0 && unit.bytes > 0 && unit.end() <= context_.log.begin();
    }

    const QueueContext& context_;
    UnitFiles files_;
    std::atomic<std::int64_t> min_ = 0;
    std::atomic<std::int64_t> max_ = 0;
    std::atomic<std::int64_t> written_ = 0;  // the writer's; sync() looks
    std::int64_t last_at_ = -1;

private:
    enum class State {
        unloaded,
        unfit,   ///< its files cannot even be read as a row
        opened,  ///< as recovery needs it: what the files say
        misfit,  ///< to be mended
        loaded,  ///< for good, from here on
        broken
    };
    void tell_cut();
    void look_now() const;
    void load_now(bool soon) const;
    void examine();
    Result<std::string> why_unfit() const;
    void be_broken(const Error& why);

    std::int64_t unshown_next_ = -1;  // recovery's, for a queue that is not loaded yet

    const std::string topic_;
    const std::int32_t id_;
    const bool is_batch_;
    std::int64_t ignore_before_;
    mutable Mutex load_lock_;  // the first caller loads, others wait for it
    std::atomic<State> state_;
    std::atomic<bool> deleted_ = false;
    std::atomic<bool> closed_ = false;
    std::atomic<bool> dirty_ = false;
    std::int64_t cut_from_ = 0;  // the end before a cut that has not been told of
    std::atomic<std::int64_t> expected_min_ = -1, expected_max_ = -1, expected_last_at_ = -1;
};

}  // namespace mqd::store
