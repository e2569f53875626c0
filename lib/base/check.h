#pragma once
// check(): for what only our own bug can break. It stays on in release and aborts with its line.
// Bytes from outside never reach one: those get an Error.

#include <source_location>

namespace mqd {

[[noreturn]] void check_failed(std::source_location where);

constexpr void check(bool holds, std::source_location where = std::source_location::current()) {
    if (!holds) [[unlikely]]
        check_failed(where);
}

}  // namespace mqd
