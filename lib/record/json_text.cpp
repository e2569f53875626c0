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

void put_json_string(Buffer& out, std::string_view text) {
    constexpr std::size_t escape_bytes_max = 6;
    auto* const room = reinterpret_cast<char*>(out.room(text.size() * escape_bytes_max + 2).data());
    char* to = room;
    *to++ = '"';
    std::size_t at = 0;
    while (at < text.size()) {
        std::uint64_t word = 0;
        if (text.size() - at >= sizeof word) {
            std::memcpy(&word, text.data() + at, sizeof word);
            if (!needs_escape(word)) {
                std::memcpy(to, &word, sizeof word);
                to += sizeof word;
                at += sizeof word;
                continue;
            }
        }
        const auto end = std::min(at + sizeof word, text.size());
        for (; at < end; ++at) to = put_escaped(to, text[at]);
    }
    *to++ = '"';
    out.commit(static_cast<std::size_t>(to - room));
}

void put_json_any_string(Buffer& out, std::string_view text) {
    if (is_utf8(text)) return put_json_string(out, text);
    put_json_string(out, json::repaired_utf8(text));
}

void put_decimal(Buffer& out, std::int64_t value) {
    const fmt::format_int digits(value);
    out.put(std::string_view(digits.data(), digits.size()));
}

}  // namespace mqd::record
