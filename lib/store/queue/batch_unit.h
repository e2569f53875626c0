#pragma once
// A batch consume queue's unit, mqd-store(5), BATCH QUEUES, big-endian:
//
//   off  type  field
//   0    20    as a consume queue's unit
//   20   i64   store time, ms
//   28   i64   queue offset of the record's first message
//   36   i16   messages in the record
//   38   i32   compacted offset, -1
//   42   i32   0
//
// Units stand in the order of the log, wherever their offsets are.
//
// Threads: a value.

#include <cstdint>

#include "base/bytes.h"
#include "store/queue/unit.h"

namespace mqd::store {

struct BatchUnit {
    static constexpr std::int64_t bytes_each = 46;

    Unit unit;
    std::int64_t store_ts_ms = 0;
    std::int64_t offset = 0;
    std::int16_t count = 0;

    /// What the reference takes for a unit; its queue ends before the first that is none.
    bool is_valid() const { return unit.at >= 0 && unit.bytes > 0 && offset >= 0 && count > 0; }

    static BatchUnit load(const std::byte* from) {
        return {Unit::load(from), load_be<std::int64_t>(from + 20),
                load_be<std::int64_t>(from + 28), load_be<std::int16_t>(from + 36)};
    }
    void store(std::byte* to) const {
        unit.store(to);
        store_be(to + 20, store_ts_ms);
        store_be(to + 28, offset);
        store_be(to + 36, count);
        store_be<std::int32_t>(to + 38, -1);
        store_be<std::int32_t>(to + 42, 0);
    }
};

}  // namespace mqd::store
