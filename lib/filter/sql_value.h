#pragma once
// Values of SQL92 expressions and how they compare: texts become numbers or booleans where the
// other side is one, by Java's rules for reading numbers (mqd-remoting(7), SQL EXPRESSIONS).
//
// Threads: value types and pure functions.

#include <cstdint>
#include <optional>
#include <string_view>

namespace mqd::filter {

/// Left without initializers: an evaluation's stack of them costs nothing.
struct SqlValue {
    enum class Type : std::uint8_t { null, boolean, integer, real, text };
    Type type;
    std::uint32_t text_bytes;
    union {
        std::int64_t integer;  // of a boolean too
        double number;
        const char* chars;
    };

    static SqlValue of_null();
    static SqlValue of(bool value);
    static SqlValue of_int(std::int64_t value);
    static SqlValue of_real(double value);
    static SqlValue of_text(std::string_view text);

    bool is_null() const { return type == Type::null; }
    bool is_text() const { return type == Type::text; }
    bool is_number() const { return type == Type::integer || type == Type::real; }
    bool is_true() const { return type == Type::boolean && integer != 0; }
    bool is_false() const { return type == Type::boolean && integer == 0; }
    std::string_view text() const { return {chars, text_bytes}; }
};

/// unlike: of types that never equal each other. fails: cannot be compared, an error.
enum class SqlOrder : std::uint8_t { less, equal, greater, unlike, fails };

/// Of two that are not null. Two texts are equal or unlike.
SqlOrder compare(const SqlValue& left, const SqlValue& right);
/// Of two texts: their order as doubles.
SqlOrder compare_as_reals(std::string_view left, std::string_view right);

/// Java's Long.valueOf: a sign, digits, nothing else.
std::optional<std::int64_t> java_integer(std::string_view text);
/// Java's Double.valueOf: blanks around, NaN, Infinity, a suffix, hexadecimal; too big is infinite.
std::optional<double> java_double(std::string_view text);

}  // namespace mqd::filter
