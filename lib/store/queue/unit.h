#pragma once
// A consume queue's unit, mqd-store(5), UNITS, big-endian:
//
//   off  type  field
//   0    i64   physical offset of the record
//   8    i32   its bytes
//   12   i64   tags code: 0, the tag's hash, in SCHEDULE_TOPIC_XXXX the delivery time
//
// All zero: never written. Offset 0 with 0x7FFFFFFF bytes: the filling in front of a queue that
// does not begin at a file's start.
//
// Threads: a value.

#include <cstdint>
#include <limits>

#include "base/bytes.h"

namespace mqd::store {

struct Unit {
    static constexpr std::int64_t bytes_each = 20;
    static constexpr std::int32_t filling_bytes = 0x7fffffff;
    /// Codes up to this one are addresses in a consume queue extension (mqd-store(5), EXTENSION).
    static constexpr std::int64_t extension_max = -2147483649LL;

    std::int64_t at = 0;
    std::int32_t bytes = 0;
    std::int64_t tags_code = 0;

    static Unit filling() { return {0, filling_bytes, 0}; }
    bool operator==(const Unit&) const = default;
    bool is_unused() const { return bytes == 0; }
    bool is_filling() const { return bytes == filling_bytes && at == 0; }
    std::int64_t end() const {
        constexpr auto most = std::numeric_limits<std::int64_t>::max();
        return at > most - bytes ? most : at + bytes;  // nobody vouches for what a file says
    }

    static Unit load(const std::byte* from) {
        return {load_be<std::int64_t>(from), load_be<std::int32_t>(from + 8),
                load_be<std::int64_t>(from + 12)};
    }
    void store(std::byte* to) const {
        store_be(to, at);
        store_be(to + 8, bytes);
        store_be(to + 12, tags_code);
    }
};

}  // namespace mqd::store
