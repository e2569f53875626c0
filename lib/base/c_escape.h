#pragma once
// C's escapes in what people type: delimiters and formats (mqd(7), TIMES AND SIZES).
//
// Threads: pure functions.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd {

/// The character of the escape whose backslash is at text[at]; moves `at` to its last character.
/// `\n`, `\t` and the like, `\e`, up to three octal digits, `\x` and up to two hexadecimal ones.
/// invalid: no such escape, or the text ends in it.
Result<char> read_c_escape(std::string_view text, std::size_t& at);
/// The text with all of them read.
Result<std::string> unescape_c(std::string_view text);

}  // namespace mqd
