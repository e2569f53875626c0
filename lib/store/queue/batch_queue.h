#pragma once
// The queue of a topic with the attribute queue.type=BatchCQ: one unit for each record, which may
// hold many messages, in R/batchconsumequeue/<topic>/<id>. Units lie one after the other whatever
// their offsets are, so the one that holds an offset is searched for. Bytes: mqd-store(5), BATCH
// QUEUES.
//
// Threads, Owner: stored_queue.h.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>

#include "store/queue/batch_unit.h"
#include "store/queue/stored_queue.h"

namespace mqd::store {

class BatchQueue final : public StoredQueue {
public:
    BatchQueue(const QueueContext& context, std::string topic, std::int32_t id,
               std::int64_t ignore_before, bool on_disk)
        : StoredQueue(context, true, std::move(topic), id, ignore_before, on_disk) {}

    /// Units are searched for, so with `now` always unavailable.
    Result<std::size_t> read(std::int64_t first, std::int64_t limit, bool now,
                             std::span<QueuedUnit> into) const override;
    std::pair<std::filesystem::path, std::int64_t> place_of(std::int64_t offset) const override;
    QueueOffset next_file(QueueOffset offset) const override;

    /// Writes the units after the last one. refused: no space; io. May be repeated after an error.
    Result<> append(std::span<const BatchUnit> units);
    /// Drops the units of records at or after `at`.
    Result<> truncate_from_record(std::int64_t at);
    /// Drops the units that reach beyond `offset`.
    Result<> truncate_to_offset(std::int64_t offset);
    Result<> truncate_to_log(std::int64_t end) override;
    /// The topic's next life begins with that number, which may lie below the first one kept.
    Result<> begin_anew(std::int64_t offset);
    bool ends_with_file() const override { return files_.file_begin(end_) == end_; }
    Result<> sync() override;

    /// There are few units: all of them are made anew.
    Result<MendPlan> begin_mend() override;
    Result<> end_mend(const MendPlan& plan) override;

private:
    Result<> load_files() override;
    Result<std::string> find_misfit() const override;
    Result<BatchUnit> unit(std::int64_t index) const;
    Result<std::int64_t> find(std::int64_t offset) const;
    Result<> drop_strangers(std::int64_t end);
    Result<std::int64_t> find_min(std::int64_t& index) const;
    Result<> expire_units() override;
    template <class Keep>
    Result<> truncate_while(Keep&& keep);
    Result<> truncate(std::int64_t index);

    std::atomic<std::int64_t> end_ = 0;           // index after the last unit
    mutable std::atomic<std::int64_t> hint_ = 0;  // index after the units of the last read
    std::int64_t synced_ = 0;                     // sync()'s
};

}  // namespace mqd::store
