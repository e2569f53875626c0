#pragma once
// The commit log: every message of every topic in order of arrival, in files named by the 20-digit
// offset of their first byte. Bytes: mqd-store(5), COMMIT LOG.
//
// Appends are written, not stored into a mapping, so that a full disk is an error and no signal.
// Readers map the files and never look past end(), which is stored with release after the bytes.
//
// Threads: append() from any, one at a time inside; file_at() and the marks from any; sync() from
//          the flusher; prepare_next() and remove_oldest() from the housekeeper.
// Owner:   the store.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "store/log/cold_pages.h"
#include "store/files.h"
#include "store/store.h"

namespace mqd::store {

/// A queue as an append sees it.
class NumberedQueue : public Queue {
public:
    /// Why it takes no message now; nothing: it does. not_found: it is deleted or closed.
    /// refused: it is being made whole; io: its files cannot be read.
    virtual std::optional<Errc> why_no_append() const = 0;

    /// The next queue offset to give out; guarded by the log's append lock.
    std::int64_t next = 0;
};

/// A run of whole records that lie in one file, with the blank if it ends the file.
struct FollowedPart {
    struct Number {
        NumberedQueue* queue = nullptr;
        std::int64_t next = 0;  ///< the number after the record's
    };
    Bytes bytes;
    std::int64_t end = 0;          ///< of the log after it
    std::int64_t store_ts_ms = 0;  ///< the newest of its records
    std::vector<Number> numbers;   ///< in the log's order
};

/// One file of the log; whoever holds it may read its bytes up to end().
struct LogFile {
    std::int64_t base = 0;
    std::filesystem::path path;
    std::unique_ptr<Mapping> mapping;
    Bytes bytes;

    mutable Mutex handle_lock;                                     // held for a look
    mutable std::shared_ptr<File> handle GUARDED_BY(handle_lock);  // CommitLog::handle_of()'s

    std::int64_t limit() const { return base + static_cast<std::int64_t>(bytes.size()); }
};

class CommitLog {
public:
    /// Loads the files; end() is not known until recovered(). corrupt: a file of another length
    /// than `file_bytes` (an empty last one is removed, with `mend` short ones are extended).
    static Result<std::unique_ptr<CommitLog>> open(Files& files, std::filesystem::path dir,
                                                   std::int64_t file_bytes, bool mend,
                                                   std::int64_t warm_bytes);

    struct Mark {
        std::int64_t end = 0;
        std::int64_t store_ts_ms = 0;  ///< of the last record before `end`
    };
    /// Before recovered(): nothing at or after `at` is shown until confirm() says so.
    void show_up_to(std::int64_t at) { confirmed_ = at; }
    /// After recovered(), before all threads: only what is on disk is shown.
    void show_synced_only() { shows_synced_only_ = true; }

    // Before recovered(), for a log that is damaged.

    /// Overwrites bytes of it; on disk with the next sync_patches(). not_found, refused, io
    Result<> patch(std::int64_t at, Bytes bytes);
    Result<> sync_patches();
    /// The file that should hold `at`, all zero, with files before and after it. refused, io;
    /// corrupt: those do not leave room for one.
    Result<std::shared_ptr<const LogFile>> make_missing(std::int64_t at);
    /// Writes a copy of bytes that are going to be overwritten, and gives where. refused, io
    Result<std::filesystem::path> keep_aside(std::int64_t at, Bytes bytes);

    /// Recovery's finding: what lies after `mark` is dropped, files and bytes. `synced` says how
    /// much of it is known to be on disk.
    Result<> recovered(Mark mark, std::int64_t synced);

    /// Store::append(). Every queue's load() has been seen.
    void append(std::span<Append> units, std::int64_t now_ms);

    /// Store::append_at(), of parts that have been checked for `at`. invalid: that is not the end.
    Result<> append_at(std::int64_t at, std::span<const FollowedPart> parts);
    /// Before recovered(): a log without files begins there, at a multiple of a file's length.
    void begin_at(std::int64_t at);

    /// Brings everything up to the mark taken at its start to disk. io: nothing more will be
    /// acknowledged until the store is opened again.
    Result<Mark> sync();

    /// Makes the file after the current one, so that no append has to.
    Result<> prepare_next();
    bool needs_file() const { return needs_file_.load(std::memory_order_relaxed); }
    /// At a clean stop: a file prepared and never used.
    Result<> remove_prepared();

    /// The oldest file, null when it is the last one too.
    std::shared_ptr<const LogFile> oldest() const;
    /// Removes that file, which lies before synced(): from the disk first, then from the readers'
    /// sight, so that after an error (io) or a crash none but the oldest ever lack. Who holds the
    /// file may read on; its space is given back with the last holder.
    Result<> remove_oldest();

    /// The file that holds `offset`; null when none does. Says nothing about end().
    std::shared_ptr<const LogFile> file_at(std::int64_t offset) const;
    std::vector<std::shared_ptr<const LogFile>> files() const;

    /// What is read through the mapping: the last `warm_bytes`, as far as this process has written
    /// them. What lies before has probably to be fetched from the disk.
    std::int64_t warm_from() const { return std::max(opened_end_, end() - warm_bytes_); }
    bool is_warm(std::int64_t at) const { return at >= warm_from(); }
    /// Gives back the mapped memory of what is not warm and lies before `done`.
    void release_cold(std::int64_t done);
    /// The same of [from, to), for who has walked there. Gives `to`.
    std::int64_t release(std::int64_t from, std::int64_t to) const;
    /// The same bytes for who would rather wait for a read than for a page. A few are kept open, as
    /// long as the LogFile lives. not_found: removed meanwhile; io.
    Result<std::shared_ptr<File>> handle_of(const std::shared_ptr<const LogFile>& file) const;
    ColdPages& cold_pages() const { return cold_pages_; }

    std::int64_t begin() const { return begin_.load(std::memory_order_acquire); }
    std::int64_t end() const { return end_.load(std::memory_order_acquire); }
    std::int64_t synced() const { return synced_.load(std::memory_order_acquire); }
    /// Everything that shows messages ends here: at end(), or at synced(), and not above what is
    /// confirmed. It never moves back, and may lie within a record, which is not shown then.
    std::int64_t shown() const {
        return std::min(confirmed_.load(std::memory_order_acquire),
                        shows_synced_only_ ? synced() : end());
    }
    std::int64_t confirmed() const { return confirmed_.load(std::memory_order_acquire); }
    /// Store::confirm(). False: it was not less before.
    bool confirm(std::int64_t at);
    Mark mark() const;
    /// The newest record's store time; no later one gets an earlier.
    std::int64_t newest_ms() const { return last_ts_ms_.load(std::memory_order_relaxed); }
    std::int64_t file_bytes() const { return file_bytes_; }
    bool failed() const { return failed_.load(); }  ///< a write or sync said io
    bool full() const { return full_.load(); }      ///< the last write found no space
    /// Tries again whether there is room; appends do so too, but not everybody appends when full.
    void probe_room();
    /// No append is taken any more; those before have left end() where it stays.
    void stop_appends();

private:
    CommitLog(Files& files, std::filesystem::path dir, std::int64_t file_bytes,
              std::int64_t warm_bytes)
        : os_(files), dir_(std::move(dir)), file_bytes_(file_bytes), warm_bytes_(warm_bytes) {}

    Result<> load(bool mend);
    Result<std::shared_ptr<LogFile>> make_file(std::int64_t base);
    Result<> open_tail() REQUIRES(append_lock_);
    Result<> next_tail() REQUIRES(append_lock_);
    Result<> append_part(const FollowedPart& part) REQUIRES(append_lock_);
    bool may_append() REQUIRES(append_lock_);
    bool erase_failed_write() REQUIRES(append_lock_);
    void write_failed(const Error& error, std::int64_t bytes) REQUIRES(append_lock_);
    void no_next_file(const Error& error) REQUIRES(append_lock_);
    void undo(std::span<Append> units, Errc why) REQUIRES(append_lock_);
    bool place(Append& unit, std::int64_t at) REQUIRES(append_lock_);
    void add_piece(Bytes records, bool as_it_is) REQUIRES(append_lock_);
    std::size_t append_to_tail(std::span<Append> units) REQUIRES(append_lock_);
    Result<> sync_file(const LogFile& file);
    void fail(const char* event, const Error& error);

    Files& os_;
    const std::filesystem::path dir_;
    const std::int64_t file_bytes_;
    const std::int64_t warm_bytes_;
    std::int64_t opened_end_ = 0;  // fixed by recovered()
    std::int64_t released_ = 0;    // the housekeeper's
    mutable ColdPages cold_pages_;
    mutable Mutex handles_lock_;  // held for a look
    mutable std::deque<std::weak_ptr<const LogFile>> handles_ GUARDED_BY(handles_lock_);

    mutable Mutex append_lock_;  // held over the write of a batch: it orders the log
    std::shared_ptr<LogFile> tail_ GUARDED_BY(append_lock_);
    std::unique_ptr<File> tail_file_ GUARDED_BY(append_lock_);
    std::vector<Bytes> pieces_ GUARDED_BY(append_lock_);
    Buffer staged_ GUARDED_BY(append_lock_);
    std::atomic<std::int64_t> last_ts_ms_ = 0;                // written with append_lock_ held
    std::int64_t failed_bytes_ GUARDED_BY(append_lock_) = 0;  // after end(), to be zeroed
    std::int64_t retry_at_ms_ GUARDED_BY(append_lock_) = 0;
    bool stopped_ GUARDED_BY(append_lock_) = false;

    Mutex prepare_lock_;  // held over the making of a file; appends want it once a file
    std::shared_ptr<LogFile> prepared_ GUARDED_BY(prepare_lock_);

    mutable Mutex files_lock_;  // held for a look, a push_back or an erase
    std::vector<std::shared_ptr<const LogFile>> files_ GUARDED_BY(files_lock_);

    std::vector<std::shared_ptr<File>> patched_;  // recovery's, not yet synced

    bool removal_unsynced_ = false;  // the housekeeper's: the directory may bring a file back

    // The flusher's: a descriptor that was open before the writes it syncs, so that no error of
    // theirs goes to somebody else.
    std::unique_ptr<File> sync_handle_;
    std::int64_t sync_base_ = -1;

    std::atomic<std::int64_t> begin_ = 0;
    std::atomic<std::int64_t> end_ = 0;
    std::atomic<std::int64_t> synced_ = 0;
    std::atomic<std::int64_t> confirmed_ = INT64_MAX;
    bool shows_synced_only_ = false;
    std::atomic<std::int64_t> tail_limit_ = 0;
    std::atomic<bool> needs_file_ = true;
    std::atomic<bool> failed_ = false;
    std::atomic<bool> full_ = false;
};

}  // namespace mqd::store
