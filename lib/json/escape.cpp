#include "json/escape.h"

#include <charconv>
#include <cstring>

#include "base/parse.h"
#include "json/writer.h"

namespace mqd::json {

namespace {

constexpr std::uint32_t replacement = 0xfffd;

/// The four digits of the \u escape at `at`; above 0xffff when there is none.
std::uint32_t unit_at(const char* at, const char* end) {
    constexpr std::uint32_t none = 0x10000;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return none;
    std::uint32_t unit = 0;
    const auto [stop, code] = std::from_chars(at + 2, at + 6, unit, 16);
    return code == std::errc{} && stop == at + 6 ? unit : none;
}

}  // namespace

Escape read_escape(const char* at, const char* end) {
    if (end - at < 2) return {};
    switch (at[1]) {
        case '"':
        case '\\':
        case '/':
        case '\'':
            return {2, static_cast<unsigned char>(at[1])};
        case 'b':
            return {2, '\b'};
        case 'f':
            return {2, '\f'};
        case 'n':
            return {2, '\n'};
        case 'r':
            return {2, '\r'};
        case 't':
            return {2, '\t'};
        case 'u':
            break;
        default:
            return {};
    }
    const auto unit = unit_at(at, end);
    if (unit > 0xffff) return {};
    if (unit < 0xd800 || unit > 0xdfff) return {6, unit};
    if (unit > 0xdbff) return {6, replacement};
    const auto low = unit_at(at + 6, end);
    if (low < 0xdc00 || low > 0xdfff) return {6, replacement};
    return {12, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)};
}

std::size_t put_utf8(char* to, std::uint32_t character) {
    const auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
    if (character < 0x80) {
        to[0] = byte(character);
        return 1;
    }
    if (character < 0x800) {
        to[0] = byte(0xc0 | (character >> 6));
        to[1] = byte(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        to[0] = byte(0xe0 | (character >> 12));
        to[1] = byte(0x80 | ((character >> 6) & 0x3f));
        to[2] = byte(0x80 | (character & 0x3f));
        return 3;
    }
    to[0] = byte(0xf0 | (character >> 18));
    to[1] = byte(0x80 | ((character >> 12) & 0x3f));
    to[2] = byte(0x80 | ((character >> 6) & 0x3f));
    to[3] = byte(0x80 | (character & 0x3f));
    return 4;
}

namespace {

/// Nonzero when one of the 8 bytes cannot stand as it is: a control character, a quote, a
/// backslash, or part of a longer character (which has to be looked at).
std::uint64_t special_bytes(std::uint64_t eight) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t tops = 0x8080808080808080;
    const auto zeros = [](std::uint64_t v) { return (v - ones) & ~v; };
    const auto below_blank = (eight - 0x20 * ones) & ~eight;
    return (zeros(eight ^ ('"' * ones)) | zeros(eight ^ ('\\' * ones)) | below_blank | eight) &
           tops;
}

char* put_escaped(char* to, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && c != '"' && c != '\\') {
            *to++ = c;
        } else if (byte >= 0x20) {
            *to++ = '\\';
            *to++ = c;
        } else {
            std::memcpy(to, "\\u00", 4);
            to[4] = digits[byte >> 4];
            to[5] = digits[byte & 15];
            to += 6;
        }
    }
    return to;
}

}  // namespace

void put_quoted(Buffer& out, std::string_view text) {
    const auto before = out.size();
    // Six bytes for each at worst, and eight at a time are stored.
    char* const begin = reinterpret_cast<char*>(out.extend(text.size() * 6 + 10));
    char* to = begin;
    *to++ = '"';
    std::size_t plain = 0;
    while (text.size() - plain >= 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data() + plain, 8);
        if (special_bytes(eight) != 0) break;
        std::memcpy(to, &eight, 8);
        to += 8;
        plain += 8;
    }
    const auto rest = text.substr(plain);
    if (is_utf8(rest)) {
        to = put_escaped(to, rest);
        *to++ = '"';
        out.truncate(before + static_cast<std::size_t>(to - begin));
        return;
    }
    out.truncate(before);
    put_quoted(out, repaired_utf8(text));
}

}  // namespace mqd::json
