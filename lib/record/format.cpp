#include "record/format.h"

#include <fmt/format.h>

#include "base/c_escape.h"

namespace mqd::record {
namespace {

constexpr std::string_view letters = "sSRkKhtpqoTBgibxO";

Result<std::vector<PatternPiece>> parse_pattern(std::string_view text) {
    std::vector<PatternPiece> pieces(1);
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\') {
            TRY(const char c, read_c_escape(text, at));
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
