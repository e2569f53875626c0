#pragma once
// The bytes of the timer files: R/timerlog, R/timerwheel, R/config/timercheck (mqd-store(5), TIMER
// FILES). A slot of the wheel is a span of `precision` milliseconds; it points at the newest of its
// units in the log, and each unit at the one before it. All integers big-endian.
//
// Threads: values.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace mqd::store {

struct TimerUnit {
    static constexpr std::int32_t bytes_each = 52;
    /// Kept free at a file's end, and the size of what is written there.
    static constexpr std::int32_t blank_bytes = 16;
    static constexpr std::int32_t normal = 1, roll = 2, remove = 4;  ///< bits of magic

    std::int64_t previous = -1;  ///< position of the slot's unit before this one
    std::int32_t magic = normal;
    std::int64_t written_ms = 0;
    std::int32_t delay_ms = 0;  ///< due at written_ms + delay_ms
    std::int64_t at = 0;        ///< of the record
    std::int32_t bytes = 0;     ///< of the record
    std::int32_t topic_hash = 0;

    std::int64_t due_ms() const { return written_ms + delay_ms; }

    void store(std::byte* to) const {
        store_be(to, bytes_each);
        store_be(to + 4, previous);
        store_be(to + 12, magic);
        store_be(to + 16, written_ms);
        store_be(to + 24, delay_ms);
        store_be(to + 28, at);
        store_be(to + 36, bytes);
        store_be(to + 40, topic_hash);
        store_be(to + 44, std::int64_t{0});
    }
    static TimerUnit load(const std::byte* from) {
        TimerUnit out;
        out.previous = load_be<std::int64_t>(from + 4);
        out.magic = load_be<std::int32_t>(from + 12);
        out.written_ms = load_be<std::int64_t>(from + 16);
        out.delay_ms = load_be<std::int32_t>(from + 24);
        out.at = load_be<std::int64_t>(from + 28);
        out.bytes = load_be<std::int32_t>(from + 36);
        out.topic_hash = load_be<std::int32_t>(from + 40);
        return out;
    }
    /// Whether 52 bytes can be the unit at `position`.
    static bool is_unit(const std::byte* from, std::int64_t position) {
        const auto magic = load_be<std::int32_t>(from + 12);
        return load_be<std::int32_t>(from) == bytes_each && magic > 0 && magic <= 0xF &&
               load_be<std::int64_t>(from + 4) < position && load_be<std::int64_t>(from + 28) >= 0;
    }
};

struct TimerSlot {
    static constexpr std::int32_t bytes_each = 32;

    std::int64_t time = 0;  ///< of its begin, in units of the precision
    std::int64_t first = -1, last = -1;
    std::int32_t count = 0;  ///< a unit that removes another counts -1

    void store(std::byte* to) const {
        store_be(to, time);
        store_be(to + 8, first);
        store_be(to + 16, last);
        store_be(to + 24, count);
        store_be(to + 28, std::int32_t{0});
    }
    static TimerSlot load(const std::byte* from) {
        return {load_be<std::int64_t>(from), load_be<std::int64_t>(from + 8),
                load_be<std::int64_t>(from + 16), load_be<std::int32_t>(from + 24)};
    }
};

struct TimerCheck {
    static constexpr std::int32_t bytes_each = 56;
    static constexpr std::int64_t file_bytes = 4096;

    std::int64_t read_ms = 0;       ///< every slot before this one has been delivered
    std::int64_t log_synced = 0;    ///< position in the timer log
    std::int64_t queue_offset = 0;  ///< the next one of rmq_sys_wheel_timer
    std::int64_t master_queue_offset = 0;
    std::int64_t state_version = 0, timestamp_ms = 0, counter = 0;

    void store(std::byte* to) const {
        for (const auto value : {read_ms, log_synced, queue_offset, master_queue_offset,
                                 state_version, timestamp_ms, counter}) {
            store_be(to, value);
            to += sizeof value;
        }
    }
    static TimerCheck load(const std::byte* from) {
        const auto at = [from](int index) { return load_be<std::int64_t>(from + 8 * index); };
        return {at(0), at(1), at(2), at(3), at(4), at(5), at(6)};
    }
};

}  // namespace mqd::store
