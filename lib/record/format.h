#pragma once
// How messages are written: `lines`, `nul`, `raw`, `json`, `msgpack`, or `format:` and a pattern
// with kcat's letters where both have them (mqpull(1) lists them).
//
// Threads: value types.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mqd::record {

enum class Output { lines, nul, raw, json, msgpack, pattern };

/// A stretch of literal text, or one letter and the text after it.
struct PatternPiece {
    char letter = 0;  ///< 0: only text
    std::string text;
};

struct Format {
    Output output = Output::lines;
    bool json_body = false;  ///< json: a body that is JSON is written as a value
    std::vector<PatternPiece> pattern;
};

inline constexpr std::string_view format_help = "lines|nul|raw|json|msgpack|format:...";

/// invalid: an unknown name, letter or escape.
Result<Format> parse_format(std::string_view text);

}  // namespace mqd::record
