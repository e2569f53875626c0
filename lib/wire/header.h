#pragma once
// Typed headers. A request's or a response's ext fields are a struct with one table of fields;
// the table serves JSON, binary, reading and writing (mqd-remoting(7), FIELDS).
//
//   struct PullMessage {
//       std::string_view consumer_group;
//       std::int32_t queue_id = 0;
//       std::optional<std::string_view> subscription;
//       static constexpr auto fields() {
//           return std::tuple{required("consumerGroup", &PullMessage::consumer_group),
//                             required("queueId", &PullMessage::queue_id),
//                             optional("subscription", &PullMessage::subscription)};
//       }
//   };
//   const auto header = wire::read_header<PullMessage>(command);   // Result<PullMessage>
//   wire::write_header(encoder, header);
//
// Field types: std::string_view (good as long as the command) or std::string, std::int32_t,
// std::int64_t, bool, double, and std::optional of these.
//
// Threads: pure functions.

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/parse.h"
#include "wire/command.h"

namespace mqd::wire {

template <class H, class T>
struct FieldOf {
    std::string_view name;
    T H::*member;
    bool is_required;
};
template <class H, class T>
constexpr FieldOf<H, T> required(std::string_view name, T H::*member) {
    return {name, member, true};
}
template <class H, class T>
constexpr FieldOf<H, T> optional(std::string_view name, T H::*member) {
    return {name, member, false};
}

namespace detail {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {
    using type = T;
};

bool equal_without_case(std::string_view a, std::string_view b);

template <class T>
bool read_value(std::string_view text, T& out) {
    if constexpr (IsOptional<T>::value) {
        typename IsOptional<T>::type value{};
        if (!read_value(text, value)) return false;
        out = std::move(value);
        return true;
    } else if constexpr (std::is_same_v<T, bool>) {
        out = equal_without_case(text, "true");  // anything else is false, mqd-remoting(7), FIELDS
        return true;
    } else if constexpr (std::is_integral_v<T>) {
        const auto value = parse_int<T>(text);
        if (value) out = *value;
        return value.has_value();
    } else if constexpr (std::is_floating_point_v<T>) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
        return error == std::errc{} && end == text.data() + text.size();
    } else {
        out = T(text);
        return true;
    }
}

template <class T>
void write_value(Encoder& out, std::string_view name, const T& value) {
    if constexpr (IsOptional<T>::value) {
        if (value) write_value(out, name, *value);
    } else if constexpr (std::is_same_v<T, bool>) {
        out.field(name, value);
    } else if constexpr (std::is_integral_v<T>) {
        out.field(name, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_floating_point_v<T>) {
        out.field(name, std::string_view(fmt::format("{}", value)));
    } else {
        out.field(name, std::string_view(value));
    }
}

}  // namespace detail

/// invalid: a required field is missing, or a value is not of its type; `what` names the field.
template <class H>
Result<H> read_header(const Command& command) {
    H header{};
    Error error{Errc::invalid, {}};
    // Most peers write the fields in the order of the table: each search begins where the last
    // one ended, and comes round.
    std::size_t next = 0;
    const auto find = [&](std::string_view name) -> const std::string_view* {
        for (std::size_t tried = 0; tried < command.ext.size(); ++tried) {
            if (next == command.ext.size()) next = 0;
            const auto& field = command.ext[next++];
            if (field.key == name) return &field.value;
        }
        return nullptr;
    };
    const auto read = [&](const auto& field) {
        const auto* const text = find(field.name);
        if (!text) {
            if (field.is_required)
                error.what = fmt::format("the header field {} is missing", field.name);
            return !field.is_required;
        }
        if (detail::read_value(*text, header.*(field.member))) return true;
        error.what = fmt::format("the header field {} cannot be '{}'", field.name, *text);
        return false;
    };
    const bool ok =
        std::apply([&](const auto&... field) { return (read(field) && ...); }, H::fields());
    if (!ok) return error;
    return header;
}

template <class H>
void write_header(Encoder& out, const H& header) {
    std::apply(
        [&](const auto&... field) {
            (detail::write_value(out, field.name, header.*(field.member)), ...);
        },
        H::fields());
}

/// The ext fields as they came, of a command that is handed on unread.
struct RawHeader {
    std::vector<std::pair<std::string, std::string>> ext;

    static constexpr auto fields() { return std::tuple<>{}; }
};
inline void write_header(Encoder& out, const RawHeader& header) {
    for (const auto& [name, value] : header.ext) out.field(name, std::string_view(value));
}

/// For commands without ext fields.
struct NoHeader {
    static constexpr auto fields() { return std::tuple<>{}; }
};

}  // namespace mqd::wire
