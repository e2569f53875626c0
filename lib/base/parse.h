#pragma once
// Text to numbers and back, strictly: the whole text or nothing.

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mqd {

/// Decimal with an optional minus; no blanks, no plus, no overflow.
template <std::integral T>
std::optional<T> parse_int(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// `64k`, `1M`, `1G` (1024), or plain bytes. invalid: anything else, or more than int64.
Result<std::int64_t> parse_size(std::string_view text);
/// `500ms`, `10s`, `1.5h`, `1d`; `10` is 10s. Milliseconds, rounded up. invalid: anything else.
Result<std::int64_t> parse_duration_ms(std::string_view text);
/// `now`, `-15m`, epoch seconds (a fraction too) or 13 digits of ms, ISO 8601, mqd(7), TIMES AND
/// SIZES.
Result<std::int64_t> parse_time_ms(std::string_view text, std::int64_t now_ms);
/// `2026-11-20T10:00:00.123+01:00` in local time.
std::string format_time(std::int64_t ms);

/// Splits at every `separator`; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trimmed(std::string_view text);
bool is_utf8(std::string_view text);

void base64_append(std::string& out, std::string_view bytes);
std::string base64_encode(std::string_view bytes);
/// invalid: not base64 (padding is needed, blanks are not allowed).
Result<std::string> base64_decode(std::string_view text);

}  // namespace mqd
