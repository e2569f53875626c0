#include "json/escape.h"

#include <charconv>

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

}  // namespace mqd::json
