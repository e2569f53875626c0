#pragma once
// Names in the store: a file of a mapped file queue is named by the 20 digits of its first byte's
// offset (mqd-store(5), CONVENTIONS).
//
// Threads: pure functions.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/parse.h"

namespace mqd::store {

inline std::string file_name(std::int64_t base) {
    return fmt::format("{:020}", base);
}

inline std::optional<std::int64_t> parse_file_name(std::string_view name) {
    if (name.size() != 20 || name.front() == '-') return std::nullopt;
    return parse_int<std::int64_t>(name);
}

}  // namespace mqd::store
