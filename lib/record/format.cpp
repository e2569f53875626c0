#include "record/format.h"

#include <fmt/format.h>

#include <charconv>

namespace mqd::record {
namespace {

constexpr std::string_view letters = "sSRkKhtpqoTBgibxO";

// The character of the escape whose backslash is at text[at]; moves `at` to its last character.
Result<char> read_escape(std::string_view text, std::size_t& at) {
    if (++at >= text.size()) return Error{Errc::invalid, "a format cannot end with a backslash"};
    switch (text[at]) {
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        case '0':
            return '\0';
        case 'a':
            return '\a';
        case 'e':
            return '\x1b';
        case '\\':
            return '\\';
        case 'x': {
            unsigned value = 0;
            const auto digits = text.substr(at + 1, 2);
            const auto [end, code] =
                std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
            if (code != std::errc{} || end != digits.data() + 2)
                return Error{Errc::invalid, "\\x needs two hexadecimal digits"};
            at += 2;
            return static_cast<char>(value);
        }
        default:
            return Error{Errc::invalid, fmt::format("there is no escape \\{}", text[at])};
    }
}

Result<std::vector<PatternPiece>> parse_pattern(std::string_view text) {
    std::vector<PatternPiece> pieces(1);
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\') {
            TRY(const char c, read_escape(text, at));
            pieces.back().text += c;
        } else if (text[at] != '%') {
            pieces.back().text += text[at];
        } else if (++at >= text.size()) {
            return Error{Errc::invalid, "a format cannot end with %"};
        } else if (text[at] == '%') {
            pieces.back().text += '%';
        } else if (letters.find(text[at]) == std::string_view::npos) {
            return Error{Errc::invalid, fmt::format("there is no format letter %{}", text[at])};
        } else {
            pieces.push_back({text[at], {}});
        }
    }
    return pieces;
}

}  // namespace

Result<Format> parse_format(std::string_view text) {
    Format format;
    constexpr std::string_view prefix = "format:";
    if (text.starts_with(prefix)) {
        format.output = Output::pattern;
        TRY(format.pattern, parse_pattern(text.substr(prefix.size())));
    } else if (text == "lines") {
        format.output = Output::lines;
    } else if (text == "nul") {
        format.output = Output::nul;
    } else if (text == "raw") {
        format.output = Output::raw;
    } else if (text == "json") {
        format.output = Output::json;
    } else if (text == "msgpack") {
        format.output = Output::msgpack;
    } else {
        return Error{Errc::invalid, fmt::format("'{}' is not one of {}", text, format_help)};
    }
    return format;
}

}  // namespace mqd::record
