#include "base/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <span>
#include <ctime>

#include "base/whole_duration.h"

namespace mqd {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

Result<std::int64_t> with_unit(std::string_view text, std::span<const Unit> units,
                               std::string_view what) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    const auto number = parse_int<std::int64_t>(text.substr(0, digits));
    if (number) {
        for (const auto& unit : units) {
            std::int64_t value = 0;
            if (unit.name == text.substr(digits) &&
                !__builtin_mul_overflow(*number, unit.factor, &value))
                return value;
        }
    }
    return Error{Errc::invalid, fmt::format("'{}' is not a {}", text, what)};
}

constexpr std::array duration_units = std::to_array<Unit>(
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}});
constexpr std::array size_units = std::to_array<Unit>({{"", 1},
                                                       {"k", 1024},
                                                       {"K", 1024},
                                                       {"M", 1024 * 1024},
                                                       {"G", 1024LL * 1024 * 1024},
                                                       {"T", 1024LL * 1024 * 1024 * 1024}});

constexpr std::string_view duration_name = "duration (like 500ms, 10s, 2h; 10 is 10s)";

std::int64_t factor_of(std::string_view unit) {
    for (const auto& is : duration_units)
        if (is.name == unit) return is.factor;
    return 0;
}

/// After the digits that begin at `at`.
std::size_t digits_end(std::string_view text, std::size_t at) {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at;
}

/// That part of `unit` that stands after a decimal point, rounded up.
std::int64_t fraction_up(std::string_view digits, std::int64_t unit) {
    constexpr std::size_t digits_max = 9;  // of nanoseconds; a day's milliseconds times that fit
    std::int64_t value = 0, scale = 1;
    for (const char c : digits.substr(0, digits_max)) {
        value = value * 10 + (c - '0');
        scale *= 10;
    }
    const bool has_more = digits.find_first_not_of('0', digits_max) != std::string_view::npos;
    return (value * unit + (has_more ? 1 : 0) + scale - 1) / scale;
}

/// Seconds or milliseconds, told apart by how many digits there are.
std::optional<std::int64_t> parse_epoch_ms(std::string_view text) {
    constexpr std::size_t seconds_digits_max = 10, ms_digits = 13;
    const std::size_t digits = digits_end(text, 0);
    const auto number = parse_int<std::int64_t>(text.substr(0, digits));
    if (!number) return std::nullopt;
    if (digits == text.size() && digits == ms_digits) return *number;
    if (digits > seconds_digits_max) return std::nullopt;
    std::int64_t ms = *number * 1000;
    if (digits == text.size()) return ms;
    if (text[digits] != '.' || digits + 1 == text.size() ||
        digits_end(text, digits + 1) != text.size())
        return std::nullopt;
    std::int64_t scale = 100;
    for (const char c : text.substr(digits + 1)) {
        ms += (c - '0') * scale;
        scale /= 10;
    }
    return ms;
}

// Fixed-width digits at `at`; -1 when they are not all digits.
int digits_at(std::string_view text, std::size_t at, std::size_t n) {
    if (at + n > text.size()) return -1;
    int value = 0;
    for (const char c : text.substr(at, n)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

std::optional<std::int64_t> parse_iso_ms(std::string_view text) {
    std::tm tm{};
    tm.tm_year = digits_at(text, 0, 4) - 1900;
    tm.tm_mon = digits_at(text, 5, 2) - 1;
    tm.tm_mday = digits_at(text, 8, 2);
    if (tm.tm_year < 0 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        text[4] != '-' || text[7] != '-')
        return std::nullopt;
    std::size_t at = 10;
    std::int64_t millis = 0;
    if (at < text.size() && (text[at] == 'T' || text[at] == ' ')) {
        tm.tm_hour = digits_at(text, at + 1, 2);
        tm.tm_min = digits_at(text, at + 4, 2);
        if (tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
            text[at + 3] != ':')
            return std::nullopt;
        at += 6;
        if (at < text.size() && text[at] == ':') {
            tm.tm_sec = digits_at(text, at + 1, 2);
            if (tm.tm_sec < 0 || tm.tm_sec > 60) return std::nullopt;
            at += 3;
            if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
                std::size_t end = at + 1;
                std::int64_t scale = 100;
                for (; end < text.size() && text[end] >= '0' && text[end] <= '9'; ++end) {
                    millis += (text[end] - '0') * scale;
                    scale /= 10;
                }
                if (end == at + 1) return std::nullopt;
                at = end;
            }
        }
    }
    const auto zone = text.substr(at);
    if (zone.empty()) {
        tm.tm_isdst = -1;
        return static_cast<std::int64_t>(std::mktime(&tm)) * 1000 + millis;
    }
    const std::int64_t utc = static_cast<std::int64_t>(timegm(&tm)) * 1000 + millis;
    if (zone == "Z") return utc;
    const bool colon = zone.size() == 6 && zone[3] == ':';
    const int hours = digits_at(zone, 1, 2);
    const int minutes = zone.size() == 3 ? 0 : digits_at(zone, colon ? 4 : 3, 2);
    if ((zone[0] != '+' && zone[0] != '-') || hours < 0 || minutes < 0 ||
        (zone.size() != 3 && zone.size() != 5 && !colon))
        return std::nullopt;
    const std::int64_t shift = (hours * 60LL + minutes) * 60'000;
    return zone[0] == '+' ? utc - shift : utc + shift;
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) {
    return with_unit(text, size_units, "size (like 64k, 1M, 1G)");
}

Result<std::int64_t> parse_whole_duration_ms(std::string_view text) {
    return with_unit(text, duration_units, "duration (like 500ms, 10s, 2h)");
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
    const auto point = text.find('.');
    const std::size_t whole_end = std::min(digits_end(text, 0), point);
    const std::size_t end = point == whole_end ? digits_end(text, point + 1) : whole_end;
    const std::string_view unit = end == text.size() ? "s" : text.substr(end);
    const auto whole =
        with_unit(fmt::format("{}{}", text.substr(0, whole_end), unit), duration_units, "");
    const auto more = end > whole_end ? text.substr(point + 1, end - point - 1) : "0";
    std::int64_t value = 0;
    if (!whole || more.empty() ||
        __builtin_add_overflow(*whole, fraction_up(more, factor_of(unit)), &value))
        return Error{Errc::invalid, fmt::format("'{}' is not a {}", text, duration_name)};
    return value;
}

Result<std::int64_t> parse_time_ms(std::string_view text, std::int64_t now_ms) {
    if (text == "now") return now_ms;
    if (text.starts_with('-')) {
        if (const auto back = parse_duration_ms(text.substr(1))) return now_ms - *back;
    } else if (const auto epoch_ms = parse_epoch_ms(text)) {
        return *epoch_ms;
    } else if (text.size() >= 10) {
        if (const auto iso = parse_iso_ms(text)) return *iso;
    }
    return Error{Errc::invalid, fmt::format("'{}' is not a time (now, -15m, epoch seconds or "
                                            "milliseconds, or 2026-11-20T10:00:00+01:00)",
                                            text)};
}

std::string format_time(std::int64_t ms) {
    std::int64_t millis = ms % 1000;
    if (millis < 0) millis += 1000;
    const std::time_t seconds = (ms - millis) / 1000;
    std::tm tm{};
    localtime_r(&seconds, &tm);
    const long zone = tm.tm_gmtoff / 60;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}{:02}:{:02}", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, millis,
                       zone < 0 ? '-' : '+', std::abs(zone) / 60, std::abs(zone) % 60);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    for (;;) {
        const auto at = text.find(separator);
        pieces.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return pieces;
        text.remove_prefix(at + 1);
    }
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n\f\v");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n\f\v") - begin + 1);
}

bool is_utf8(std::string_view text) {
    std::size_t i = 0;
    const std::size_t n = text.size();
    while (i < n) {
        std::uint64_t eight = 0;
        if (n - i >= 8) {
            std::memcpy(&eight, text.data() + i, 8);
            if ((eight & 0x8080808080808080ULL) == 0) {
                i += 8;
                continue;
            }
        }
        const auto at = [&](std::size_t k) -> unsigned {
            return k < n ? static_cast<unsigned char>(text[k]) : 0U;
        };
        const unsigned lead = at(i);
        if (lead < 0x80) {
            i += 1;
            continue;
        }
        std::size_t more = 0;
        unsigned low = 0x80;
        unsigned high = 0xBF;
        if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
            if (lead == 0xE0) low = 0xA0;
            if (lead == 0xED) high = 0x9F;  // no surrogates
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
            if (lead == 0xF0) low = 0x90;
            if (lead == 0xF4) high = 0x8F;
        } else {
            return false;
        }
        if (at(i + 1) < low || at(i + 1) > high) return false;
        for (std::size_t k = 2; k <= more; ++k)
            if (at(i + k) < 0x80 || at(i + k) > 0xBF) return false;
        i += more + 1;
    }
    return true;
}

}  // namespace mqd
