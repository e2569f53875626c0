#pragma once
// The JSON form of a header (mqd-remoting(7), JSON HEADERS), read in one pass over its text.
//
// Threads: one at a time.

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/command.h"

namespace mqd::wire {

inline constexpr std::size_t ext_fields_max = 256;

/// What a header is unpacked into, kept from one to the next.
struct HeaderScratch {
    std::vector<ExtField> ext;
    Buffer text;  ///< strings that had escapes
};

/// Fills all of `command` but its body. Some bytes after `text` must be readable: see
/// Decoder::padding_bytes. invalid: not JSON, a number where none can be, too many ext fields.
Result<> read_json_header(std::string_view text, HeaderScratch& scratch, Command& command);

}  // namespace mqd::wire
