#include "filter/sql_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace mqd::filter {
namespace {

using Type = SqlValue::Type;

template <class T>
SqlOrder order_of(T left, T right) {
    if (left == right) return SqlOrder::equal;
    return left < right ? SqlOrder::less : SqlOrder::greater;
}

// As numbers, and NaN equal to itself and after everything, as in Java's Double.compare. Unlike
// there, -0.0 equals 0.0.
SqlOrder order_of_reals(double left, double right) {
    if (std::isnan(left) || std::isnan(right))
        return order_of<int>(std::isnan(left) ? 1 : 0, std::isnan(right) ? 1 : 0);
    return order_of(left, right);
}

double as_real(const SqlValue& value) {
    return value.type == Type::real ? value.number : static_cast<double>(value.integer);
}

SqlOrder compare_numbers(const SqlValue& left, const SqlValue& right) {
    if (left.type == Type::real || right.type == Type::real)
        return order_of_reals(as_real(left), as_real(right));
    return order_of(left.integer, right.integer);
}

/// `text` as a number to be compared with `like`. With an integer it is one too where it can be:
/// not all integers of 64 bits are doubles. RocketMQ knows nothing else there, `a > 5` does not
/// match 7.5.
std::optional<SqlValue> read_like(std::string_view text, const SqlValue& like) {
    const bool wants_integer = like.type != Type::real;
    if (wants_integer) {
        if (const auto value = java_integer(text)) return SqlValue::of_int(*value);
    }
    const auto value = java_double(text);
    if (!value || (wants_integer && std::isnan(*value))) return std::nullopt;
    return SqlValue::of_real(*value);
}

bool same_but_for_case(std::string_view text, std::string_view lower) {
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
    });
}

SqlOrder compare_texts_with(const SqlValue& left, const SqlValue& right) {
    if (left.is_text() && right.is_text())
        return left.text() == right.text() ? SqlOrder::equal : SqlOrder::unlike;
    const auto as_boolean = [](const SqlValue& value) {
        if (!value.is_text()) return value.integer;
        return std::int64_t{same_but_for_case(value.text(), "true") ? 1 : 0};
    };
    if (left.type == Type::boolean || right.type == Type::boolean)
        return order_of(as_boolean(left), as_boolean(right));
    const auto read =
        left.is_text() ? read_like(left.text(), right) : read_like(right.text(), left);
    if (!read) return SqlOrder::fails;
    return left.is_text() ? compare_numbers(*read, right) : compare_numbers(left, *read);
}

bool is_digit(char c, bool hex) {
    return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/// The number's shape, which from_chars is laxer about: digits with at most one point, an exponent
/// that hexadecimal ones must have.
bool has_shape(std::string_view text, bool hex) {
    std::size_t i = 0, digits = 0, points = 0;
    for (; i < text.size() && (is_digit(text[i], hex) || text[i] == '.'); ++i)
        ++(text[i] == '.' ? points : digits);
    if (digits == 0 || points > 1) return false;
    if (i == text.size()) return !hex;
    const char mark = static_cast<char>(text[i] | 0x20);
    if (mark != (hex ? 'p' : 'e')) return false;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    return i < text.size() && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(),
                                          [](char c) { return is_digit(c, false); });
}

/// Whether a number that is out of range is so for being too big.
bool is_big(std::string_view text, bool hex) {
    const auto exponent = text.find_first_of(hex ? "pP" : "eE");
    if (exponent != std::string_view::npos) return text[exponent + 1] != '-';
    const auto first = text.find_first_not_of("0.");
    return first < text.find('.');
}

double read_magnitude(std::string_view text, bool hex) {
    double value = 0;
    const auto format = hex ? std::chars_format::hex : std::chars_format::general;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, format);
    if (error != std::errc::result_out_of_range) return value;
    return is_big(text, hex) ? std::numeric_limits<double>::infinity() : 0.0;
}

}  // namespace

SqlValue SqlValue::of_null() {
    SqlValue out;
    out.type = Type::null;
    return out;
}

SqlValue SqlValue::of(bool value) {
    SqlValue out;
    out.type = Type::boolean;
    out.integer = value ? 1 : 0;
    return out;
}

SqlValue SqlValue::of_int(std::int64_t value) {
    SqlValue out;
    out.type = Type::integer;
    out.integer = value;
    return out;
}

SqlValue SqlValue::of_real(double value) {
    SqlValue out;
    out.type = Type::real;
    out.number = value;
    return out;
}

SqlValue SqlValue::of_text(std::string_view text) {
    SqlValue out;
    out.type = Type::text;
    out.text_bytes = static_cast<std::uint32_t>(text.size());
    out.chars = text.data();
    return out;
}

SqlOrder compare(const SqlValue& left, const SqlValue& right) {
    if (left.is_text() || right.is_text()) return compare_texts_with(left, right);
    if (left.is_number() && right.is_number()) return compare_numbers(left, right);
    if (left.type == right.type) return order_of(left.integer, right.integer);
    return SqlOrder::unlike;
}

SqlOrder compare_as_reals(std::string_view left, std::string_view right) {
    const auto l = java_double(left);
    const auto r = l ? java_double(right) : std::nullopt;
    return r ? order_of_reals(*l, *r) : SqlOrder::fails;
}

std::optional<std::int64_t> java_integer(std::string_view text) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<double> java_double(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    const double sign = is_negative ? -1.0 : 1.0;
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return sign * std::numeric_limits<double>::infinity();
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex) text.remove_prefix(2);
    if (!text.empty() && std::string_view("fFdD").find(text.back()) != std::string_view::npos &&
        (!hex || text.find_first_of("pP") != std::string_view::npos))
        text.remove_suffix(1);
    if (!has_shape(text, hex)) return std::nullopt;
    return sign * read_magnitude(text, hex);
}

}  // namespace mqd::filter
