#include "record/json_text.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "json/escape.h"

namespace mqd::record {
namespace {

constexpr std::uint64_t every(std::uint64_t byte) {
    return byte * 0x0101010101010101ULL;
}

// Whether one of the eight bytes is a quote, a backslash or below 0x20. May say yes where the
// answer is no (a byte next to one that is), never no where it is yes.
bool needs_escape(std::uint64_t word) {
    const auto zero_bytes = [](std::uint64_t x) { return (x - every(1)) & ~x; };
    const std::uint64_t hits = zero_bytes(word ^ every('"')) | zero_bytes(word ^ every('\\')) |
                               ((word - every(0x20)) & ~word);
    return (hits & every(0x80)) != 0;
}

char* put_escaped(char* to, char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
        *to++ = c;
        return to;
    }
    *to++ = '\\';
    switch (c) {
        case '\n':
            *to++ = 'n';
            break;
        case '\r':
            *to++ = 'r';
            break;
        case '\t':
            *to++ = 't';
            break;
        case '\b':
            *to++ = 'b';
            break;
        case '\f':
            *to++ = 'f';
            break;
        case '"':
        case '\\':
            *to++ = c;
            break;
        default:
            std::memcpy(to, "u00", 3);
            to[3] = "01"[byte >> 4];
            to[4] = "0123456789abcdef"[byte & 15];
            to += 5;
    }
    return to;
}

}  // namespace

char* put_json_string(char* to, std::string_view text, std::uint64_t& seen) {
    *to++ = '"';
    std::size_t at = 0;
    for (; text.size() - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, sizeof word);
        seen |= word;
        if (!needs_escape(word)) [[likely]] {
            std::memcpy(to, &word, sizeof word);
            to += sizeof word;
        } else {
            for (std::size_t i = 0; i < sizeof word; ++i) to = put_escaped(to, text[at + i]);
        }
    }
    for (; at < text.size(); ++at) {
        seen |= static_cast<unsigned char>(text[at]);
        to = put_escaped(to, text[at]);
    }
    *to++ = '"';
    return to;
}

char* put_json_any_string(char* to, std::string_view text) {
    std::uint64_t seen = 0;
    char* const end = put_json_string(to, text, seen);
    if (is_ascii(seen) || is_utf8(text)) return end;
    return put_json_string(to, json::repaired_utf8(text), seen);
}

void put_decimal(Buffer& out, std::int64_t value) {
    const fmt::format_int digits(value);
    out.put(std::string_view(digits.data(), digits.size()));
}

}  // namespace mqd::record
