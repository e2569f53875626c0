#pragma once
// When something is due, in monotonic ms; -1: never.
//
// Threads: pure functions.

#include <algorithm>
#include <cstdint>

namespace mqd::sending {

/// Of two times, either of which may be -1.
inline std::int64_t earlier(std::int64_t one, std::int64_t other) {
    if (one < 0 || other < 0) return std::max(one, other);
    return std::min(one, other);
}

}  // namespace mqd::sending
