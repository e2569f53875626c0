#include "record/journal_entry.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace mqd::record {
namespace {

constexpr auto none = std::string_view::npos;

std::uint64_t load_le(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

struct Field {
    JournalEntry::State state = JournalEntry::State::incomplete;
    std::size_t end = 0;
};

/// The one that begins at `at`, in a line that is not empty and has its newline at `newline`.
Field find_field(std::string_view text, std::size_t at, std::size_t newline) {
    using State = JournalEntry::State;
    if (text.substr(at, newline - at).find('=') != none) return {State::whole, newline + 1};
    const auto rest = text.substr(newline + 1);
    if (rest.size() < 8) return {};
    const auto bytes = load_le(rest);
    // Longer than any text there is: no length, but something else.
    if (bytes > std::uint64_t{1} << 40) return {State::broken, 0};
    if (rest.size() - 8 < bytes + 1) return {};
    const auto end = static_cast<std::size_t>(bytes) + 8;
    if (rest[end] != '\n') return {State::broken, 0};
    return {State::whole, newline + 1 + end + 1};
}

}  // namespace

JournalEntry find_journal_entry(std::string_view text, bool is_last) {
    using State = JournalEntry::State;
    JournalEntry entry;
    entry.begin = std::min(text.find_first_not_of('\n'), text.size());
    for (auto at = entry.begin; at < text.size();) {
        if (text[at] == '\n') {
            entry.state = State::whole;
            entry.end = at;
            entry.has_empty_line = true;
            return entry;
        }
        const auto newline = text.find('\n', at);
        const auto field = newline == none ? Field() : find_field(text, at, newline);
        if (field.state != State::whole) {
            entry.state = field.state;
            return entry;
        }
        at = field.end;
    }
    if (is_last && entry.begin < text.size()) {
        entry.state = State::whole;
        entry.end = text.size();
    }
    return entry;
}

}  // namespace mqd::record
