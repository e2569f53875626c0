#pragma once
// Reading messages through a consume queue, mqd-remoting(7), ANSWERS TO PULLS. Nothing is
// given out that is not what was written: see record_check.h. What is damaged is told and passed
// over, and a message whose unit is damaged is found without it.
//
// Threads: any, without a lock that a writer holds over I/O.

#include <optional>

#include "store/log/commit_log.h"
#include "store/queue/damage.h"
#include "store/queue/delay_levels.h"
#include "store/log/log_source.h"
#include "store/store.h"
#include "store/queue/stored_queue.h"

namespace mqd::store {

struct ReadContext {
    const CommitLog& log;
    const DelayLevels& levels;
    Damage& damage;
    bool demand_sum = false;
};

/// Store::read(), or with Mode::now Store::read_now().
std::optional<ReadResult> read_queue(const ReadContext& context, StoredQueue& queue,
                                     QueueOffset from, const ReadLimits& limits,
                                     const ReadFilter* filter, LogSource::Mode mode);

/// See Store::record_at().
Result<Slice> record_at(const ReadContext& context, PhysicalOffset at);

/// See Store::position().
std::optional<PhysicalOffset> position_of(const StoredQueue& queue, QueueOffset offset);

/// See Store::units().
Result<std::vector<StoredUnit>> units_of(const StoredQueue& queue, QueueOffset from,
                                         std::size_t count_max);

/// See Store::next_record().
std::optional<Slice> next_record(const CommitLog& log, PhysicalOffset at);

/// See Store::store_time() and Store::offset_by_time().
std::optional<std::int64_t> store_time(const ReadContext& context, const StoredQueue& queue,
                                       QueueOffset offset);
QueueOffset offset_by_time(const ReadContext& context, const StoredQueue& queue, std::int64_t t_ms,
                           bool upper);

}  // namespace mqd::store
