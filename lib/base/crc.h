#pragma once
// CRC-32 (zip polynomial) by libdeflate.

#include <cstdint>

#include "base/bytes.h"

namespace mqd {

std::uint32_t crc32(Bytes bytes);

/// RocketMQ's form, mqd-store(5), CONVENTIONS: the CRC without its sign bit.
inline std::int32_t crc31(Bytes bytes) {
    return static_cast<std::int32_t>(crc32(bytes) & 0x7fffffffU);
}

}  // namespace mqd
