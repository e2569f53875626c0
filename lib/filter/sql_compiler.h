#pragma once
// Text to program: the grammar (mqd-remoting(7), SQL EXPRESSIONS) by recursive descent, each rule
// leaving the steps that compute it after those of what stands before it.
//
// Threads: one.
// Owner:   Sql::parse().

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filter/sql.h"
#include "filter/sql_lexer.h"

namespace mqd::filter {

class SqlCompiler {
public:
    explicit SqlCompiler(std::string_view text) : text_(text), lexer_(text) {}
    Result<Sql> run();

private:
    using Op = SqlStep::Op;

    /// What a part of the expression is, for the rules about which may stand where.
    struct Part {
        enum class Kind : std::uint8_t { property, constant, condition, computed } kind;
        std::size_t at = 0;  ///< its first byte in the text
        SqlValue value;      ///< of a constant

        bool is_condition() const {
            return kind == Kind::condition ||
                   (kind == Kind::constant &&
                    (value.is_null() || value.is_true() || value.is_false()));
        }
        bool is_number() const { return kind == Kind::constant && value.is_number(); }
    };

    Result<Part> disjunction();
    Result<Part> conjunction();
    Result<Part> equality();
    Result<Part> comparison();
    Result<Part> unary();
    Result<Part> primary();
    Result<Part> negation(std::size_t at);
    Result<Part> bracket(std::size_t at);
    Result<Part> number();

    Result<Part> equal(const Part& left, bool is_not);
    Result<Part> null_test(const Part& left);
    /// One operator of the comparison level, nothing when none comes.
    Result<std::optional<Part>> one_comparison(const Part& left);
    Result<Part> order(const Part& left, Op op);
    Result<Part> range(const Part& left, bool is_not);
    Result<Part> pattern(const Part& left, Op op, bool is_not);
    Result<Part> list(const Part& left, bool is_not);

    Result<> make_condition(Part& part);
    Result<> check_ordered(const Part& part) const;
    Result<> check_equal(const Part& left, const Part& right) const;

    Result<> advance();
    Result<> expect(SqlWord word, std::string_view what);
    Result<std::string> take_text();
    Error unexpected(std::string_view wanted) const;
    Error error_at(std::size_t at, std::string_view what) const { return lexer_.error(at, what); }
    Part condition_from(const Part& left) const {
        return {Part::Kind::condition, left.at, SqlValue::of_null()};
    }

    /// Adds a step that changes the stack's height by `by`; its index.
    std::size_t emit(Op op, int by, std::uint32_t arg = 0, bool is_not = false);
    void land(std::size_t skip) { sql_.steps_[skip].arg = step_count(); }
    std::uint32_t step_count() const { return static_cast<std::uint32_t>(sql_.steps_.size()); }
    Result<Part> property();
    Part constant(std::size_t at, Sql::Constant value);
    Sql::Text keep(std::string_view text);

    std::string_view text_;
    SqlLexer lexer_;
    SqlToken token_;  // the one to be read next
    Sql sql_;
    std::size_t nesting_ = 0;
    int height_ = 0, height_max_ = 0;
};

}  // namespace mqd::filter
