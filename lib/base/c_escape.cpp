#include "base/c_escape.h"

#include <fmt/format.h>

#include <charconv>

namespace mqd {

Result<char> read_c_escape(std::string_view text, std::size_t& at) {
    constexpr std::string_view names = "abefnrtv\\'\"?";
    constexpr std::string_view values = "\a\b\x1b\f\n\r\t\v\\'\"?";
    static_assert(names.size() == values.size());
    if (++at >= text.size())
        return Error{Errc::invalid, "it cannot end with a backslash: \\\\ is one"};
    if (const auto known = names.find(text[at]); known != std::string_view::npos)
        return values[known];
    const bool is_hex = text[at] == 'x';
    const auto digits = is_hex ? text.substr(at + 1, 2) : text.substr(at, 3);
    unsigned value = 0;
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 8);
    if (code != std::errc{} || value > 0xFF)
        return Error{Errc::invalid, is_hex ? "\\x needs hexadecimal digits"
                                           : fmt::format("there is no escape \\{}", text[at])};
    at += static_cast<std::size_t>(end - digits.data()) - (is_hex ? 0 : 1);
    return static_cast<char>(value);
}

Result<std::string> unescape_c(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char c = text[at];
        if (c == '\\') {
            TRY(c, read_c_escape(text, at));
        }
        out += c;
    }
    return out;
}

}  // namespace mqd
