#pragma once
// Where an entry of systemd's journal export format ends: fields, each `NAME=text` and a newline,
// or NAME, a newline, the length as eight bytes (lowest first), so many bytes and a newline; then
// an empty line.
//
// Threads: pure functions.

#include <cstddef>
#include <string_view>

namespace mqd::record {

struct JournalEntry {
    enum class State { whole, incomplete, broken };
    State state = State::incomplete;
    std::size_t begin = 0;        ///< after empty lines
    std::size_t end = 0;          ///< whole: after the last field; the empty line is not part of it
    bool has_empty_line = false;  ///< whole: it ends with one, not with the text
};

/// The first one in `text`, after which nothing comes if `is_last`. Of a text with nothing but
/// empty lines: incomplete, `begin` at its end.
JournalEntry find_journal_entry(std::string_view text, bool is_last);

}  // namespace mqd::record
