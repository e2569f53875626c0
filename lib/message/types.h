#pragma once
// The two kinds of offset, which must never mix, and where a message came from.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace mqd {

/// A byte position in the concatenated commit log (mqd-store(5), CONVENTIONS).
struct PhysicalOffset {
    std::int64_t value = 0;
    constexpr auto operator<=>(const PhysicalOffset&) const = default;
    constexpr PhysicalOffset operator+(std::int64_t bytes) const { return {value + bytes}; }
    constexpr std::int64_t operator-(PhysicalOffset other) const { return value - other.value; }
};

/// The number of a message in its (topic, queue), counted from 0.
struct QueueOffset {
    std::int64_t value = 0;
    constexpr auto operator<=>(const QueueOffset&) const = default;
    constexpr QueueOffset operator+(std::int64_t messages) const { return {value + messages}; }
    constexpr std::int64_t operator-(QueueOffset other) const { return value - other.value; }
};

namespace message {

/// An IP address and port as records carry them: 4 or 16 bytes and an i32.
struct Host {
    std::array<std::uint8_t, 16> ip{};
    bool is_v6 = false;
    std::int32_t port = 0;

    std::size_t ip_bytes() const { return is_v6 ? 16 : 4; }
    std::size_t bytes() const { return ip_bytes() + 4; }
    /// `127.0.0.1:10911`, `[::1]:10911`
    std::string to_string() const;
    /// Numeric addresses only; nothing for anything else.
    static std::optional<Host> parse(std::string_view ip_colon_port);
    static std::optional<Host> make(std::string_view ip, std::int32_t port);
    bool operator==(const Host&) const = default;
};

}  // namespace message
}  // namespace mqd

template <>
struct std::hash<mqd::PhysicalOffset> {
    std::size_t operator()(mqd::PhysicalOffset o) const noexcept {
        return std::hash<std::int64_t>{}(o.value);
    }
};
