#pragma once
// SQL92 expressions over a message's properties, as RocketMQ's brokers read them, with every
// surprise of theirs (mqd-remoting(7), SQL EXPRESSIONS): `price > 10 AND region IN ('eu', 'us')`.
//
// An expression is compiled once into a flat program for a small stack machine. Running it reads
// the properties string in place: one pass picks the named ones, nothing is allocated.
//
// Threads: a value type, const after parse().

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "filter/sql_value.h"

namespace mqd::filter {

/// One step of the program; what each does to the stack stands in sql.cpp.
struct SqlStep {
    enum class Op : std::uint8_t {
        property,      ///< push the property `arg`
        constant,      ///< push the constant `arg`
        negate,        ///< of what is no number: null
        as_condition,  ///< a property as a condition is false, or unknown without it
        invert,        ///< NOT
        is_null,       ///< IS NULL
        equal,         ///< and the others: pop the right side, the left becomes the result
        less,
        less_equal,
        greater,
        greater_equal,
        low_bound,   ///< pop the bound, push whether the value below it fits
        high_bound,  ///< pop the bound and the first answer, push both together
        drop_value,  ///< a range is settled: drop the value below the result
        contains,    ///< and the others: the pattern is the constant `arg`
        starts_with,
        ends_with,
        in,            ///< one of the list `arg`
        both,          ///< AND of two
        either,        ///< OR of two
        skip_if_true,  ///< go on at step `arg` when the top is so; it stays
        skip_if_false,
        skip_if_null,
    };
    Op op;
    bool is_not = false;  ///< NOT BETWEEN, NOT IN, NOT CONTAINS ...
    std::uint32_t arg = 0;
};

class Sql {
public:
    static constexpr std::size_t names_max = 64;     ///< different properties in one expression
    static constexpr std::size_t nesting_max = 200;  ///< of brackets and signs
    static constexpr std::size_t stack_max = 128;

    /// invalid: what is wrong and at which character. Like RocketMQ's parser this one stops
    /// after the first complete expression: see ignored_from().
    static Result<Sql> parse(std::string_view expression);

    /// True only for true: unknown is no match, nor is what cannot be compared.
    bool matches(std::string_view properties) const;

    /// Where in the text the part begins that was not looked at; its length when there is none.
    std::size_t ignored_from() const { return ignored_from_; }

private:
    friend class SqlCompiler;
    struct Text {
        std::uint32_t at = 0, bytes = 0;
    };
    struct List {
        std::uint32_t first = 0, count = 0;
    };
    struct Constant {
        SqlValue value;  // of a text: without its place
        Text text;
    };
    class Run;
    std::string_view view(Text text) const { return {texts_.data() + text.at, text.bytes}; }

    std::vector<SqlStep> steps_;
    std::vector<char> texts_;  // of names and constants
    std::vector<Text> names_;
    std::vector<Constant> constants_;
    std::vector<Text> items_;  // of all lists
    std::vector<List> lists_;
    std::size_t ignored_from_ = 0;
};

}  // namespace mqd::filter
