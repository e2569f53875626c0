#pragma once
// check(): for what only our own bug can break. It stays on in release and aborts with its line.
// Bytes from outside never reach one: those get an Error.

namespace mqd {

[[noreturn]] void check_failed(const char* file, int line, const char* function);

// Not std::source_location: clang 14, which lints and fuzzes, cannot read libstdc++'s.
constexpr void check(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                     const char* function = __builtin_FUNCTION()) {
    if (!holds) [[unlikely]]
        check_failed(file, line, function);
}

}  // namespace mqd
