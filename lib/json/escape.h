#pragma once
// The escapes inside JSON strings, for whoever reads or writes strings by hand.
//
// Threads: pure functions.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace mqd::json {

struct Escape {
    std::size_t text_bytes = 0;   ///< what it takes in the text, backslash included; 0: no escape
    std::uint32_t character = 0;  ///< a surrogate without its other half is U+FFFD
};

/// The escape that begins with the backslash at `at`; a pair of surrogates is taken as one.
Escape read_escape(const char* at, const char* end);

/// Writes at most 4 bytes to `to`; gives their number.
std::size_t put_utf8(char* to, std::uint32_t character);

/// Appends `text` as a quoted JSON string; what is no UTF-8 becomes U+FFFD.
void put_quoted(Buffer& out, std::string_view text);

/// `text` with every byte that is no UTF-8 replaced by U+FFFD.
std::string repaired_utf8(std::string_view text);

}  // namespace mqd::json
