#pragma once
// JSON text for the fastest path, some 15 fields a message: strings by the word, numbers by
// table. json::Writer, which goes by the character, took three times as long.
//
// Threads: pure functions.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace mqd::record {

/// Quoted and escaped; `text` is UTF-8.
void put_json_string(Buffer& out, std::string_view text);
/// The same for text that may not be UTF-8: bytes that are none become U+FFFD.
void put_json_any_string(Buffer& out, std::string_view text);
void put_decimal(Buffer& out, std::int64_t value);

}  // namespace mqd::record
