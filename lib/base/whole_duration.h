#pragma once
// Durations as keys of RocketMQ have them.
//
// Threads: pure functions.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace mqd {

/// A whole number with its unit, as parse_duration_ms(): where RocketMQ's keys have a bare number
/// it is no seconds. invalid: anything else.
Result<std::int64_t> parse_whole_duration_ms(std::string_view text);

}  // namespace mqd
