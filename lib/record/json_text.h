#pragma once
// JSON text for the fastest path, some 15 fields a message: strings by the word, numbers by
// table, without a look at the room for each. json::Writer, which goes by the character, took
// three times as long.
//
// Threads: pure functions.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace mqd::record {

/// What a text of that many bytes takes at most.
constexpr std::size_t json_string_bytes_max(std::size_t bytes) {
    return 6 * bytes + 2;
}
/// Quoted and escaped, to `to`, which has room for json_string_bytes_max(); gives the end. `text`
/// is UTF-8, or `seen`, which collects all of its bits, is not is_ascii().
char* put_json_string(char* to, std::string_view text, std::uint64_t& seen);
/// The same for text that may not be UTF-8: bytes that are none become U+FFFD.
char* put_json_any_string(char* to, std::string_view text);
constexpr bool is_ascii(std::uint64_t seen) {
    return (seen & 0x8080808080808080ULL) == 0;
}

void put_decimal(Buffer& out, std::int64_t value);

}  // namespace mqd::record
