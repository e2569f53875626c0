#pragma once
// A configuration file as keys and values with their lines: TOML, or RocketMQ's key=value
// properties as they are (mqd-broker(8), CONFIGURATION).
//
// Threads: pure functions.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mqd::config {

enum class Format { toml, properties };

/// One key and its value as text. A key inside tables has their names before it: `[tls]` and
/// `enable = true` is `tls.enable`. The items of a TOML array are joined by ';'.
struct Entry {
    std::string key;
    std::string value;
    std::size_t line = 0;                        ///< from 1
    std::size_t value_begin = 0, value_end = 0;  ///< where the value stands in the text
};

/// By the extension (.toml, .conf, .properties), else by the first lines: quotes, brackets and
/// comments after values are TOML's.
Format format_of(const std::filesystem::path& path, std::string_view text);

/// In the order of the text. invalid: a line that is neither comment nor pair; `what` begins with
/// `<name>:<line>: `.
Result<std::vector<Entry>> parse(Format format, std::string_view text, std::string_view name);
Result<std::vector<Entry>> parse_properties(std::string_view text, std::string_view name);
Result<std::vector<Entry>> parse_toml(std::string_view text, std::string_view name);

/// not_found, io
Result<std::string> read_file(const std::filesystem::path& path);
/// The old text or the new one, whatever happens: temporary file, sync, rename. Makes missing
/// directories. io, refused (no space)
Result<> replace_file(const std::filesystem::path& path, std::string_view text);

struct Change {
    std::string key;
    std::string value;
    bool is_number = false;  ///< or true/false: TOML writes it without quotes
};
/// The text with the values changed where they stand and new keys added; comments and order stay.
Result<std::string> changed_text(Format format, std::string_view text, std::string_view name,
                                 const std::vector<Change>& changes);

/// `"..."` as TOML reads it back.
std::string toml_quoted(std::string_view value);

}  // namespace mqd::config
