#include "json/escape.h"

#include <charconv>
#include <cstring>

#include "base/parse.h"

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

constexpr std::uint64_t tops = 0x8080808080808080;
constexpr std::uint64_t blanks = 0x2020202020202020;

/// Nonzero when one of the 8 bytes cannot stand as it is: a control character, quote or backslash.
std::uint64_t special_bytes(std::uint64_t eight) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    const auto zeros = [](std::uint64_t v) { return (v - ones) & ~v; };
    const auto below_blank = (eight - 0x20 * ones) & ~eight;
    return (zeros(eight ^ ('"' * ones)) | zeros(eight ^ ('\\' * ones)) | below_blank) & tops;
}

char* put_escaped(char* to, char c) {
    constexpr char digits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
        *to = c;
        return to + 1;
    }
    *to++ = '\\';
    switch (c) {
        case '"':
        case '\\':
            *to = c;
            return to + 1;
        case '\n':
            *to = 'n';
            return to + 1;
        case '\r':
            *to = 'r';
            return to + 1;
        case '\t':
            *to = 't';
            return to + 1;
        default:
            break;
    }
    std::memcpy(to, "u00", 3);
    to[3] = digits[byte >> 4];
    to[4] = digits[byte & 15];
    return to + 5;
}

/// Up to 8 bytes; 8 may be written over whatever comes of them.
char* put_eight(char* to, std::string_view text, std::uint64_t eight) {
    if (special_bytes(eight) == 0) {
        std::memcpy(to, &eight, 8);
        return to + text.size();
    }
    for (const char c : text) to = put_escaped(to, c);
    return to;
}

/// `seen` collects all bits of the text: only one beyond ASCII needs a look at its UTF-8.
char* put_escaped(char* to, std::string_view text, std::uint64_t& seen) {
    std::uint64_t eight = 0;
    while (text.size() >= 8) {
        std::memcpy(&eight, text.data(), 8);
        seen |= eight;
        to = put_eight(to, text.substr(0, 8), eight);
        text.remove_prefix(8);
    }
    if (text.empty()) return to;
    eight = blanks;
    std::memcpy(&eight, text.data(), text.size());
    seen |= eight;
    return put_eight(to, text, eight);
}

}  // namespace

void put_quoted(Buffer& out, std::string_view text) {
    // In pieces, since each byte may become six: a long text shall not reserve that at once.
    constexpr std::size_t piece_bytes = 4096;
    const auto begin = out.size();
    std::uint64_t seen = 0;
    auto rest = text;
    do {
        const auto piece = rest.substr(0, piece_bytes);
        rest.remove_prefix(piece.size());
        const auto before = out.size();
        char* const from = reinterpret_cast<char*>(out.extend(piece.size() * 6 + 2 + 8));
        char* to = from;
        if (before == begin) *to++ = '"';
        to = put_escaped(to, piece, seen);
        if (rest.empty()) *to++ = '"';
        out.truncate(before + static_cast<std::size_t>(to - from));
    } while (!rest.empty());
    if ((seen & tops) == 0 || is_utf8(text)) return;
    out.truncate(begin);
    put_quoted(out, repaired_utf8(text));
}

std::string repaired_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 8);
    while (!text.empty()) {
        // The longest character is 4 bytes; the shortest prefix that is valid is one character.
        std::size_t bytes = 1;
        while (bytes <= 4 && bytes <= text.size() && !is_utf8(text.substr(0, bytes))) ++bytes;
        if (bytes > 4 || bytes > text.size()) {
            out += "\xef\xbf\xbd";
            bytes = 1;
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(bytes);
    }
    return out;
}

}  // namespace mqd::json
