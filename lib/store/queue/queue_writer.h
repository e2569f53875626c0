#pragma once
// QueueWriter: collects the units of a stretch of the log and writes them queue by queue, one
// write for each queue, since a unit for itself would cost a system call.
//
// Threads: one at a time: recovery, then the dispatcher.
// Owner:   the store.

#include <cstdint>
#include <span>
#include <vector>

#include "store/queue/batch_queue.h"
#include "store/queue/consume_queue.h"
#include "store/queue/delay_levels.h"
#include "store/queue/queue_table.h"

namespace mqd::store {

class QueueWriter {
public:
    enum class Mode {
        recovery,   ///< units may be there already, missing, or of an earlier life of the topic
        milestone,  ///< so too, but those before the batch are said to be there
        follow,     ///< every unit is its queue's next, or begins its topic's next life
        mend,       ///< as recovery, for queues that nobody else knows yet
    };

    QueueWriter(QueueTable& queues, DelayLevels levels)
        : queues_(queues), levels_(std::move(levels)), cache_(cache_size) {}

    /// Prepared and rolled back messages get none.
    static bool gets_unit(const message::RecordView& record);
    /// Takes the record into the batch if it gets a unit (mqd-store(5), UNITS and BATCH QUEUES).
    void add(const message::RecordView& record);
    /// Takes it in for that queue, under that number.
    void add_to(StoredQueue& queue, const message::RecordView& record, std::int64_t offset);
    /// Enough for a batch, with so many bytes of log. Spread over many queues it may grow, so that
    /// what a file's opening costs is shared by more units.
    bool is_full(std::int64_t log_bytes) const {
        if (entries_.size() >= spread_units_max || log_bytes >= spread_bytes_max) return true;
        return (entries_.size() >= batch_units_max || log_bytes >= batch_bytes_max) &&
               entries_.size() >= touched_.size() * units_each_wanted;
    }
    /// True once a unit has not been written because its queue cannot be used.
    bool left_out() const { return left_out_; }

    /// Writes the batch. May be repeated after an error (refused, io).
    /// not_found, but for follow, with `complain`: a queue ends before the first record that is to
    /// be written to it: the log has to be read from further back (mqd-store(5), AFTER A CRASH).
    Result<> flush(Mode mode, bool complain = false);

    /// The queues of the batch, once each.
    std::span<StoredQueue* const> touched() const { return touched_; }
    /// The batch's units of one queue in order: f(offset, unit).
    template <class Function>
    void for_each(const StoredQueue& queue, Function f) const {
        for (std::uint32_t i = queue.batch.first; i != none; i = entries_[i].next)
            f(entries_[i].offset, entries_[i].unit);
    }
    void clear();

private:
    /// Of a number; beyond it a unit's place could not be told.
    static constexpr std::int64_t offset_max = 1LL << 56;
    static constexpr std::uint32_t none = 0xffffffffU;
    static constexpr std::size_t cache_size = 65'536;
    static constexpr std::int64_t batch_bytes_max = 16 << 20;
    static constexpr std::size_t batch_units_max = 1 << 16;
    static constexpr std::int64_t spread_bytes_max = 256 << 20;
    static constexpr std::size_t spread_units_max = 1 << 20;
    static constexpr std::size_t units_each_wanted = 32;
    struct Entry {
        Unit unit;
        std::uint32_t next = none;
        std::int32_t messages = 1;
        std::int64_t offset = 0;
        std::int64_t store_ts_ms = 0;

        BatchUnit batch_unit() const {
            return {unit, store_ts_ms, offset, static_cast<std::int16_t>(messages)};
        }
    };

    StoredQueue* queue_of(const message::RecordView& record);
    Result<bool> write_unloaded(ConsumeQueue& queue);
    Result<> follow(ConsumeQueue& queue);
    Result<bool> begins_anew(ConsumeQueue& queue, const Entry& entry);
    Result<> recover(ConsumeQueue& queue, bool complain);
    Result<bool> settle(ConsumeQueue& queue, const Entry& entry);
    Result<> write_run(ConsumeQueue& queue);
    Result<> follow(BatchQueue& queue);
    Result<> recover(BatchQueue& queue, bool complain);
    Result<> write_run(BatchQueue& queue);

    QueueTable& queues_;
    const DelayLevels levels_;
    std::vector<StoredQueue*> cache_;
    std::vector<Entry> entries_;
    std::vector<StoredQueue*> touched_;
    std::uint64_t batch_number_ = 1;
    bool left_out_ = false;

    // a run of units not yet written
    std::vector<std::byte> run_;
    std::int64_t run_first_ = 0;
    std::int64_t run_last_at_ = -1;
    std::vector<BatchUnit> batch_run_;
    // what the disk holds of the queue at hand
    std::vector<std::byte> window_;
    std::int64_t window_first_ = 0;
};

}  // namespace mqd::store
