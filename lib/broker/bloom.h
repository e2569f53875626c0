#pragma once
// The bits that stand for a group and a topic in RocketMQ's bitmaps of matching filters
// (mqd-store(5), OTHER TABLES). mqd makes no such bitmaps; the file of filters names the bits for
// brokers that do.
//
// Threads: pure functions.

#include <array>
#include <cstdint>
#include <string_view>

namespace mqd::broker {

/// As many bits as 32 filters and an error rate of 20 % need: RocketMQ's defaults.
inline constexpr std::int32_t bloom_bits = 112;
/// Each below bloom_bits; of `group#topic`.
std::array<std::int32_t, 3> bloom_positions(std::string_view text);

}  // namespace mqd::broker
