#pragma once
// Numbers that only need to be spread evenly: which of several queues.
//
// Threads: any; each has its own generator.

#include <cstdint>
#include <random>

namespace mqd {

/// In [0, n); n is above 0.
inline std::int32_t random_below(std::int32_t n) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution<std::int32_t>(0, n - 1)(random);
}

}  // namespace mqd
