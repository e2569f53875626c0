#pragma once
// sysFlag bits of a record, mqd-store(5), SYSTEM FLAGS, and topic permission bits.

#include <cstdint>
#include <optional>

#include "base/compress.h"

namespace mqd::message::sys_flag {

inline constexpr std::int32_t compressed = 0x1;
inline constexpr std::int32_t transaction_mask = 0xC;
inline constexpr std::int32_t transaction_prepared = 0x4;
inline constexpr std::int32_t transaction_commit = 0x8;
inline constexpr std::int32_t transaction_rollback = 0xC;
inline constexpr std::int32_t born_host_v6 = 0x10;
inline constexpr std::int32_t store_host_v6 = 0x20;
inline constexpr std::int32_t need_unwrap = 0x40;
inline constexpr std::int32_t inner_batch = 0x80;
inline constexpr std::int32_t compression_mask = 0x700;

/// How the body is compressed; nothing when it is not, or by a kind nobody knows.
constexpr std::optional<Compression> compression(std::int32_t flag) {
    if ((flag & compressed) == 0) return std::nullopt;
    switch (flag & compression_mask) {
        case 0x000:
        case 0x300:
            return Compression::zlib;
        case 0x100:
            return Compression::lz4;
        case 0x200:
            return Compression::zstd;
        default:
            return std::nullopt;
    }
}
constexpr std::int32_t of(Compression kind) {
    switch (kind) {
        case Compression::lz4:
            return compressed | 0x100;
        case Compression::zstd:
            return compressed | 0x200;
        case Compression::zlib:
            break;
    }
    return compressed | 0x300;
}

}  // namespace mqd::message::sys_flag

namespace mqd::message::perm {
inline constexpr std::int32_t inherit = 1;
inline constexpr std::int32_t write = 2;
inline constexpr std::int32_t read = 4;
}  // namespace mqd::message::perm
