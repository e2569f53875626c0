#include "filter/sql_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace mqd::filter {
namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

constexpr bool begins_name(char c) {
    return (upper(c) >= 'A' && upper(c) <= 'Z') || c == '_' || c == '$';
}

constexpr auto keywords = std::to_array<std::pair<std::string_view, SqlWord>>({
    {"NOT", SqlWord::not_},
    {"AND", SqlWord::and_},
    {"OR", SqlWord::or_},
    {"BETWEEN", SqlWord::between},
    {"IN", SqlWord::in},
    {"TRUE", SqlWord::true_},
    {"FALSE", SqlWord::false_},
    {"NULL", SqlWord::null},
    {"IS", SqlWord::is},
    {"CONTAINS", SqlWord::contains},
    {"STARTSWITH", SqlWord::starts_with},
    {"ENDSWITH", SqlWord::ends_with},
});

// The longer ones first.
constexpr auto signs = std::to_array<std::pair<std::string_view, SqlWord>>({
    {"<>", SqlWord::unequal},
    {"<=", SqlWord::less_equal},
    {">=", SqlWord::greater_equal},
    {"=", SqlWord::equal},
    {"<", SqlWord::less},
    {">", SqlWord::greater},
    {"(", SqlWord::open},
    {")", SqlWord::close},
    {",", SqlWord::comma},
    {"+", SqlWord::plus},
    {"-", SqlWord::minus},
});

SqlWord word_of(std::string_view name) {
    for (const auto& [keyword, word] : keywords) {
        if (std::equal(name.begin(), name.end(), keyword.begin(), keyword.end(),
                       [](char a, char b) { return upper(a) == b; }))
            return word;
    }
    return SqlWord::name;
}

std::size_t digits_at(std::string_view text, std::size_t at) {
    std::size_t end = std::min(at, text.size());
    while (end < text.size() && is_digit(text[end])) ++end;
    return end - at;
}

/// Of an exponent at `at`, 0 when there is none.
std::size_t exponent_at(std::string_view text, std::size_t at) {
    if (at >= text.size() || upper(text[at]) != 'E') return 0;
    std::size_t sign = 0;
    if (at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-')) sign = 1;
    const auto digits = digits_at(text, at + 1 + sign);
    return digits == 0 ? 0 : 1 + sign + digits;
}

/// `5.`, `.5`, `5.5E3` or `5E3` at the beginning, 0 when there is none.
std::size_t real_bytes(std::string_view text) {
    std::size_t end = digits_at(text, 0);
    const bool has_whole = end > 0;
    if (end < text.size() && text[end] == '.') {
        const auto fraction = digits_at(text, end + 1);
        if (!has_whole && fraction == 0) return 0;
        end += 1 + fraction;
        return end + exponent_at(text, end);
    }
    const auto exponent = has_whole ? exponent_at(text, end) : 0;
    return exponent == 0 ? 0 : end + exponent;
}

/// `0`, or digits that begin with another, and perhaps an L.
std::size_t decimal_bytes(std::string_view text) {
    if (text.front() == '0') return 1;
    const auto digits = digits_at(text, 0);
    return digits + (digits < text.size() && upper(text[digits]) == 'L' ? 1 : 0);
}

/// With its quotes; 0 when it is not closed.
std::size_t text_bytes(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] != '\'') continue;
        if (i + 1 == text.size() || text[i + 1] != '\'') return i + 1;
        ++i;
    }
    return 0;
}

}  // namespace

Error SqlLexer::error(std::size_t at, std::string_view what) const {
    const auto before = text_.substr(0, at);
    const auto characters = std::count_if(before.begin(), before.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    });
    return {Errc::invalid, fmt::format("character {}: {}", characters + 1, what)};
}

void SqlLexer::skip_blanks() {
    while (at_ < text_.size()) {
        const auto ahead = rest();
        std::size_t bytes = 0;
        if (std::string_view(" \t\n\r\f").find(ahead.front()) != std::string_view::npos) {
            bytes = 1;
        } else if (ahead.starts_with("--")) {
            const auto end = ahead.find_first_of("\n\r");
            if (end == std::string_view::npos) return;  // two signs, since no line ends here
            bytes = end + 1;
        } else if (ahead.starts_with("/*")) {
            const auto end = ahead.find("*/", 2);
            if (end == std::string_view::npos) return;
            bytes = end + 2;
        } else {
            return;
        }
        at_ += bytes;
    }
}

SqlToken SqlLexer::take(SqlWord word, std::size_t bytes) {
    const SqlToken token{word, at_, text_.substr(at_, bytes)};
    at_ += bytes;
    return token;
}

Result<SqlToken> SqlLexer::next() {
    skip_blanks();
    const auto ahead = rest();
    if (ahead.empty()) return take(SqlWord::end, 0);
    const char first = ahead.front();
    if (begins_name(first)) {
        std::size_t bytes = 1;
        while (bytes < ahead.size() && (begins_name(ahead[bytes]) || is_digit(ahead[bytes])))
            ++bytes;
        return take(word_of(ahead.substr(0, bytes)), bytes);
    }
    if (const auto bytes = real_bytes(ahead); bytes > 0) return take(SqlWord::real, bytes);
    if (is_digit(first)) return take(SqlWord::decimal, decimal_bytes(ahead));
    if (first == '\'') {
        const auto bytes = text_bytes(ahead);
        if (bytes == 0) return error(at_, "the quotation that begins here is not closed");
        return take(SqlWord::text, bytes);
    }
    for (const auto& [sign, word] : signs)
        if (ahead.starts_with(sign)) return take(word, sign.size());
    const bool prints = first > ' ' && first < '\x7f';
    return error(at_, prints ? fmt::format("'{}' is no part of an expression", first)
                             : std::string("no part of an expression"));
}

std::string unquoted(std::string_view image) {
    std::string out;
    for (std::size_t i = 1; i + 1 < image.size(); ++i) {
        out += image[i];
        if (image[i] == '\'') ++i;
    }
    return out;
}

}  // namespace mqd::filter
