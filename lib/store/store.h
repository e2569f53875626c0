#pragma once
// The store: a directory in RocketMQ's own layout, opened, appended to, read and closed.
// Bytes: mqd-store(5).
//
// Threads: append(), read() and the look-ups from any thread. Readers take no lock that a writer
//          holds over I/O. Callbacks come from the store's own threads (dispatcher, flusher) and
//          must not block.
// Owner:   the daemon's main; outlives broker and front ends.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "message/record.h"
#include "message/types.h"
#include "store/files.h"

namespace mqd::store {

/// How long messages are kept, mqd-store(5), RETENTION.
struct RetentionOptions {
    std::vector<int> hours = {4};             ///< local hours in which expired files go
    std::int64_t keep_ms = 72LL * 3'600'000;  ///< since a file was last written
    int begin_percent = 75;                   ///< of the disk: expired files go at any hour above
    int force_percent = 85;                   ///< above it files go before their time
    bool force = true;                        ///< or not
    std::int64_t interval_ms = 10'000;        ///< between the beginnings of two rounds
    int files_a_round = 10;                   ///< of the log
    std::int64_t pause_ms = 100;              ///< between two files of a round
};

struct Options {
    std::filesystem::path root;
    std::int64_t commit_log_file_bytes = 1LL << 30;
    std::int64_t consume_queue_file_bytes = 6'000'000;
    std::int64_t batch_queue_file_bytes = 13'800'000;
    std::vector<std::string> batch_topics;  ///< set_batch() for recovery already
    std::int64_t message_bytes_max = 4 << 20;
    bool flush_sync = false;  ///< flushDiskType=SYNC_FLUSH
    std::int64_t flush_interval_ms = 500;
    std::int64_t flush_thorough_ms = 10'000;
    std::int64_t flush_queues_ms = 1'000;
    std::int64_t milestone_bytes = 256 << 10;  ///< of the log between two milestones
    std::int64_t house_tick_ms = 1'000;  ///< queues, checkpoint and disk space are looked after
    int open_queue_files_max = 512;      ///< of all consume queues together
    int disk_full_percent = 90;          ///< appends are refused above
    RetentionOptions retention;
    std::int64_t warm_bytes = 256 << 20;    ///< of the log's end, read without copying
    std::vector<std::string> delay_levels;  ///< as messageDelayLevel, empty: the 18 defaults
    bool check_crc = true;                  ///< recovery looks at bodies' CRCs
    bool demand_crc = false;                ///< a record without its own CRC is a damaged one
    /// Of the log: what does not end at or before it is not shown until confirm() says so. All is.
    std::int64_t confirmed = std::numeric_limits<std::int64_t>::max();
    /// Where the log of a new store begins, at a multiple of a file's length: a broker that follows
    /// another begins where that one's log does. A log that has files begins where it does.
    std::int64_t log_begin = 0;
    bool keep_cut = true;  ///< of what cut() takes
    bool index = true;     ///< false: what is there is kept, nothing is added
    std::int32_t index_slots = 5'000'000;
    std::int32_t index_entries = 20'000'000;  ///< of a file, the first is never used
};

/// Used percent of the commit log's and of the consume queues' partition, rounded up.
struct DiskUse {
    int log_percent = 0;
    int queues_percent = 0;
    int fuller() const { return log_percent > queues_percent ? log_percent : queues_percent; }
};

class Queue;

/// One unit of an append: one or more whole records for one queue, laid end to end, which never
/// span two log files. append() fills in the rest and patches the records.
struct Append {
    Queue* queue = nullptr;
    MutableBytes records;         ///< as message::encode() made them
    std::uint32_t count = 1;      ///< of records
    bool consumes_offset = true;  ///< false: a prepared or rollback record, queue offset 0

    bool stored = false;
    /// refused: disk full, read-only, the queue is being made whole; invalid: too long; io: disk
    /// error
    Errc why_not = Errc::io;
    QueueOffset queue_offset;   ///< of the first record
    std::uint32_t offsets = 0;  ///< how many it took: inner batches take one a message
    PhysicalOffset at;          ///< of the first record
    std::int64_t store_ts_ms = 0;
};

/// Bytes of the log that stay mapped while `pin` lives.
struct Slice {
    Bytes bytes;
    std::shared_ptr<const void> pin;
};

/// What a read lets through. Both tests see what the consume queue and the record say.
class ReadFilter {
public:
    virtual ~ReadFilter() = default;
    virtual bool code_matches(std::int64_t tags_code) const = 0;
    virtual bool needs_record() const { return false; }
    virtual bool record_matches(const message::RecordView&) const { return true; }
    /// Both. An inner batch without a tag of its own is let through: its messages' tags lie in the
    /// body, for the reader to look at.
    bool matches(const message::RecordView& record, std::int64_t tags_code) const;
};

enum class ReadStatus {
    found,
    no_matched_message,     ///< scanned some, none matched; go on at next
    message_was_removing,   ///< units without a record any more; go on at next
    unreadable,             ///< the disk said no; try again
    offset_found_null,      ///< the unit's file is gone; go on at next
    offset_overflow_one,    ///< asked == max
    offset_overflow_badly,  ///< asked > max; next = max
    offset_too_small,       ///< asked < min; next = min
    no_message_in_queue,    ///< max == 0; next = 0
};

struct ReadLimits {
    int messages = 32;
    std::int64_t bytes = 262'144;  ///< the first message is given however big it is
    int units_scanned = 800;
};

struct ReadResult {
    ReadStatus status = ReadStatus::no_message_in_queue;
    QueueOffset next, min, max;
    std::vector<Slice> slices;  ///< neighbours in the log are one slice
    int messages = 0;
    std::int64_t bytes = 0;
};

/// Messages of a topic that have the key as UNIQ_KEY or as a word of KEYS.
struct KeyQuery {
    std::string_view topic;
    std::string_view key;
    std::int32_t max = 32;  ///< the newest ones
    std::int64_t begin_ms = 0;
    std::int64_t end_ms = std::numeric_limits<std::int64_t>::max();  ///< store time, both included
};

struct KeyHits {
    std::vector<Slice> records;    ///< one each, in the log's order
    std::int64_t index_ts_ms = 0;  ///< store time of the newest message in the index
    PhysicalOffset index_at;       ///< and where it lies
};

/// A message that just became readable in a watched queue.
struct Arrival {
    Queue* queue = nullptr;
    QueueOffset offset;
    std::int64_t tags_code = 0;
    std::int64_t store_ts_ms = 0;
    message::RecordView record;  ///< good during the call
};

/// One (topic, queue id). Handles live as long as the store: a deleted topic's handle refuses
/// appends and reads as empty.
class Queue {
public:
    virtual ~Queue() = default;
    virtual const std::string& topic() const = 0;
    virtual std::int32_t id() const = 0;
    virtual QueueOffset min() const = 0;  ///< first offset still readable
    virtual QueueOffset max() const = 0;  ///< one past the last readable one (dispatched)
    /// False: its files could not be read, or it is being made whole again, which min(), max() and
    /// reads wait for, and this does not.
    virtual bool usable() const = 0;
    virtual bool deleted() const = 0;  ///< with its topic; never undone
    /// Where the log ended when a topic of this name was last deleted, 0: none was, or its records
    /// have expired. Who once saw a lower one read another queue of the same name.
    virtual std::int64_t since() const = 0;

    /// While watched, every arrival is announced to Store::on_arrival.
    void watch() { watchers_.fetch_add(1); }
    void unwatch() { watchers_.fetch_sub(1); }
    bool watched() const { return watchers_.load() > 0; }

private:
    std::atomic<int> watchers_ = 0;
};

/// A queue that is no longer what it was, other than by appends and by expiry: whatever refers to
/// its numbers has to be looked at again. What refers to `max` and below is as good as before.
struct QueueChange {
    enum class Why {
        cut,      ///< units after the log's end were dropped: numbers from `max` on are given anew
        rebuilt,  ///< damaged or changed by others, and made again from the log
        deleted   ///< with its topic; a queue of that name begins again at 0
    };
    Why why = Why::cut;
    std::string topic;
    std::int32_t id = 0;
    QueueOffset old_min, old_max;  ///< as far as anybody knows; after a power cut nobody may
    QueueOffset min, max;
};

/// A consume queue's unit (mqd-store(5), UNITS).
struct StoredUnit {
    QueueOffset offset;
    PhysicalOffset at;
    std::int32_t bytes = 0;
    std::int64_t tags_code = 0;
    bool is_extended = false;  ///< the code is a place in the queue's extension
};

class Store {
public:
    virtual ~Store() = default;  ///< close() first, or the stop is unclean on purpose

    /// Locks, loads, recovers. refused: another process has the store (what names its pid when
    /// known). corrupt: files that no recovery can mend. io: the disk said no.
    static Result<std::unique_ptr<Store>> open(Files& files, const Clock& clock, Options options);

    /// Cuts the log of a closed store back to `to`, where a record, the blank at a file's end or a
    /// file begins, and takes from all that rests on it what lay there; open() does the rest, and
    /// finishes a cut that was interrupted. Queues tell that they were cut, and numbers go on from
    /// there. With Options::keep_cut the bytes are kept in R/lost/<offset>.log. invalid: `to` is no
    /// such place, or not in the log; refused: another process has the store, or no space for
    /// what is kept; corrupt: files that do not fit options. Nothing is changed then. io: the
    /// next call or open() goes on with it.
    static Result<> cut(Files& files, const Options& options, PhysicalOffset to);

    /// Flushes, dispatches to the end, writes the checkpoint, removes `abort`. io: something was
    /// not written, and `abort` stays. So it does when not all was confirmed.
    virtual Result<> close() = 0;

    /// The handle, made if need be, of a queue that has been looked at and may not be usable yet.
    /// Nothing is created on disk before the first message.
    virtual Queue* queue(std::string_view topic, std::int32_t id) = 0;
    virtual Queue* find_queue(std::string_view topic, std::int32_t id) const = 0;
    virtual std::vector<Queue*> queues() const = 0;
    /// Whether queues of the topic that are made from now on have a unit for each record, which
    /// may be an inner batch (mqd-store(5), BATCH QUEUES). A topic with queues keeps their kind.
    virtual void set_batch(std::string_view topic, bool batch) = 0;
    /// Drops the consume queues at once; records not yet dispatched are not dispatched.
    virtual Result<> delete_topic(std::string_view topic) = 0;

    /// Appends every unit in order under one lock; each tells whether it was stored. Waits up to a
    /// second while queues are made whole.
    virtual void append(std::span<Append> units) = 0;

    /// Appends what another broker has written to its log at that very place, byte for byte: whole
    /// records, and blanks at the ends of files, of which the 8-byte head is enough at the end.
    /// Numbers, store times, queues and index follow as if it had been appended here. One call at a
    /// time, and no append() beside it. Before anything is written all of it is checked:
    /// invalid: `at` is not end(), a record or blank is not whole or does not fit into its file;
    /// corrupt: no record where one has to begin, or lengths, place or CRC are not its own.
    /// refused: disk full, read-only, closing; io. After these two end() says how much was stored.
    virtual Result<> append_at(PhysicalOffset at, Bytes bytes) = 0;

    /// What is damaged is told, counted and passed over: see damaged_places().
    virtual ReadResult read(Queue& queue, QueueOffset from, const ReadLimits& limits,
                            const ReadFilter* filter) const = 0;
    /// The same for those who must not wait for the disk: nothing when the first message would have
    /// to be fetched from there, or looked for, and read() is to be called on another thread.
    virtual std::optional<ReadResult> read_now(Queue& queue, QueueOffset from,
                                               const ReadLimits& limits,
                                               const ReadFilter* filter) const = 0;
    /// False: record_at() may have to wait for the disk.
    virtual bool is_warm(PhysicalOffset at) const = 0;
    /// The record at `at`. not_found: outside the log. corrupt: no whole record begins there. io.
    virtual Result<Slice> record_at(PhysicalOffset at) const = 0;
    /// Where in the log that message lies, by the queue alone; nothing outside the queue.
    virtual std::optional<PhysicalOffset> position(Queue& queue, QueueOffset offset) const = 0;
    /// The units of the queue from that message on, up to `count_max`, as its files have them;
    /// fewer at the queue's end. May wait for the disk. io; not_found: the file is gone.
    virtual Result<std::vector<StoredUnit>> units(Queue& queue, QueueOffset from,
                                                  std::size_t count_max) const = 0;
    /// The first record at or after `at`, where a record, a file or the filling at a file's end
    /// begins; nothing at the end of the log, or before bytes that are no record.
    virtual std::optional<Slice> next_record(PhysicalOffset at) const = 0;
    /// The store time of the message at that offset, nothing when it cannot be read.
    virtual std::optional<std::int64_t> store_time(Queue& queue, QueueOffset offset) const = 0;
    /// mqd-remoting(7), OFFSETS BY TIME. lower: first offset with store time >= t, max when all are
    /// older.
    virtual QueueOffset offset_by_time(Queue& queue, std::int64_t t_ms, bool upper) const = 0;

    /// By the index, which runs some milliseconds behind the queues. What cannot be read is left
    /// out.
    virtual KeyHits query(const KeyQuery& wanted) const = 0;

    virtual PhysicalOffset begin() const = 0;
    virtual PhysicalOffset end() const = 0;         ///< written
    virtual PhysicalOffset synced() const = 0;      ///< on disk
    virtual PhysicalOffset shown() const = 0;       ///< may be read, and is going to be dispatched
    virtual PhysicalOffset dispatched() const = 0;  ///< in the consume queues
    virtual PhysicalOffset indexed() const = 0;     ///< found by key
    /// The newest record's store time. No later one gets an earlier, whatever the clock says.
    virtual std::int64_t newest_ms() const = 0;

    /// Raises the limit that Options::confirmed has set, which never moves back: readers, look-ups,
    /// queues and whatever follows them see messages that end at or before `at`. It may lie above
    /// end(), and within a record, which then waits for a higher one. A store without a limit stays
    /// so.
    virtual void confirm(PhysicalOffset at) = 0;

    /// Calls `done(true)` once synced() >= at (at once if it already is), or `done(false)` when
    /// `timeout_ms` has passed or the disk failed. From the flusher, or from here.
    virtual void when_synced(PhysicalOffset at, std::int64_t timeout_ms,
                             std::function<void(bool)> done) = 0;

    /// The same for dispatched() >= at: what lies before `at` can be read from its queues. False
    /// after `timeout_ms`, or when the store stops. From the dispatcher's thread, from within
    /// somebody's append(), from mqd-late, or from here.
    virtual void when_dispatched(PhysicalOffset at, std::int64_t timeout_ms,
                                 std::function<void(bool)> done) = 0;

    /// Before traffic: who is told of arrivals in watched queues, one call at a time, from the
    /// dispatcher's thread or from within append().
    virtual void on_arrival(std::function<void(std::span<const Arrival>)> listener) = 0;

    /// Before traffic: who is told of queues that change, first of all that have since open(). A
    /// queue is held against the log when it is first used or by mqd-check, whichever comes first,
    /// and told of before anybody is served from it. The listener must not wait, nor append, nor
    /// ask the queue: the change says all. Once told, the queue stays as it was told.
    ///
    /// After the power was cut units may be lost together with what said how many there were, so
    /// that the cut cannot be told of: numbers that others remember are held against max() then.
    virtual void on_queue_change(std::function<void(const QueueChange&)> listener) = 0;

    /// Where something was found to be other than it was written, since the start.
    virtual std::int64_t damaged_places() const = 0;

    virtual bool writable() const = 0;  ///< false: disk full, failed disk, closing
    /// A stop begins: what is being made whole is left to the next start, and who waits for it goes
    /// on, with a queue that is not usable.
    virtual void stop_mending() = 0;
    virtual DiskUse disk_use() const = 0;

    /// So many rounds of retention take expired log files at any hour, the first one soon.
    virtual void delete_expired(int rounds) = 0;
    /// Removes, soon, the files of all queues whose messages are gone from the log, and calls
    /// `done` from the housekeeper. io: some could not be removed. unavailable: the store closes.
    virtual void clean_queues(std::function<void(Result<>)> done) = 0;
    virtual const Options& options() const = 0;
};

}  // namespace mqd::store
