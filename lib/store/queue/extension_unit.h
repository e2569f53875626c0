#pragma once
// A unit of a consume queue's extension, mqd-store(5), EXTENSION, big-endian: 20 bytes and a
// bitmap.
//
//   off  type  field
//   0    i16   bytes of this unit; 0: never written, -1: the file ends here
//   2    i64   tags code
//   10   i64   store time, ms
//   18   i16   bytes of the bitmap
//   20   ..    a filter's bitmap
//
// A consume queue unit leads to its extension by the byte's offset in the row of extension files,
// less 2^63, in place of the tags code.
//
// Threads: values over the caller's bytes.

#include <cstdint>
#include <limits>
#include <optional>

#include "base/bytes.h"
#include "store/queue/unit.h"

namespace mqd::store {

struct ExtensionUnit {
    static constexpr std::int16_t bytes_min = 20;
    static constexpr std::int16_t file_end = -1;

    std::int16_t bytes = 0;
    std::int64_t tags_code = 0;
    std::int64_t store_ts_ms = 0;
    Bytes bitmap;

    /// The unit at the front of `rest`; nothing when none is there.
    static std::optional<ExtensionUnit> parse(Bytes rest) {
        if (rest.size() < static_cast<std::size_t>(bytes_min)) return std::nullopt;
        ExtensionUnit out{load_be<std::int16_t>(rest.data()),
                          load_be<std::int64_t>(&rest[2]),
                          load_be<std::int64_t>(&rest[10]),
                          {}};
        const auto bitmap_bytes = load_be<std::int16_t>(&rest[18]);
        if (out.bytes < bytes_min || bitmap_bytes != out.bytes - bytes_min ||
            static_cast<std::size_t>(out.bytes) > rest.size())
            return std::nullopt;
        out.bitmap = rest.subspan(static_cast<std::size_t>(bytes_min),
                                  static_cast<std::size_t>(bitmap_bytes));
        return out;
    }

    static constexpr std::int64_t address_of(std::int64_t offset) {
        return offset + std::numeric_limits<std::int64_t>::min();
    }
    static constexpr bool is_address(std::int64_t tags_code) {
        return tags_code <= Unit::extension_max;
    }
    /// `address` is one.
    static constexpr std::int64_t offset_of(std::int64_t address) {
        return address - std::numeric_limits<std::int64_t>::min();
    }
};

}  // namespace mqd::store
