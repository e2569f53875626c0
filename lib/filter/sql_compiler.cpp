#include "filter/sql_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/parse.h"

namespace mqd::filter {

Result<Sql> Sql::parse(std::string_view expression) {
    return SqlCompiler(expression).run();
}

Result<Sql> SqlCompiler::run() {
    TRY_OK(advance());
    TRY(auto whole, disjunction());
    TRY_OK(make_condition(whole));
    if (height_max_ > static_cast<int>(Sql::stack_max))
        return error_at(0, "the expression is nested too deeply");
    sql_.ignored_from_ = token_.word == SqlWord::end ? text_.size() : token_.at;
    return std::move(sql_);
}

// Rules

Result<SqlCompiler::Part> SqlCompiler::disjunction() {
    TRY(auto left, conjunction());
    while (token_.word == SqlWord::or_) {
        TRY_OK(advance());
        TRY_OK(make_condition(left));
        const auto skip = emit(Op::skip_if_true, 0);
        TRY(auto right, conjunction());
        TRY_OK(make_condition(right));
        emit(Op::either, -1);
        land(skip);
        left = condition_from(left);
    }
    return left;
}

Result<SqlCompiler::Part> SqlCompiler::conjunction() {
    TRY(auto left, equality());
    while (token_.word == SqlWord::and_) {
        TRY_OK(advance());
        TRY_OK(make_condition(left));
        const auto skip = emit(Op::skip_if_false, 0);
        TRY(auto right, equality());
        TRY_OK(make_condition(right));
        emit(Op::both, -1);
        land(skip);
        left = condition_from(left);
    }
    return left;
}

Result<SqlCompiler::Part> SqlCompiler::equality() {
    TRY(auto left, comparison());
    while (true) {
        if (token_.word == SqlWord::equal || token_.word == SqlWord::unequal) {
            TRY(left, equal(left, token_.word == SqlWord::unequal));
        } else if (token_.word == SqlWord::is) {
            TRY(left, null_test(left));
        } else {
            return left;
        }
    }
}

Result<SqlCompiler::Part> SqlCompiler::equal(const Part& left, bool is_not) {
    TRY_OK(advance());
    TRY(const auto right, comparison());
    TRY_OK(check_equal(left, right));
    emit(Op::equal, -1);
    if (is_not) emit(Op::invert, 0);
    return condition_from(left);
}

Result<SqlCompiler::Part> SqlCompiler::null_test(const Part& left) {
    TRY_OK(advance());
    const bool is_not = token_.word == SqlWord::not_;
    if (is_not) TRY_OK(advance());
    TRY_OK(expect(SqlWord::null, is_not ? "NULL after IS NOT" : "NULL or NOT NULL after IS"));
    emit(Op::is_null, 0, 0, is_not);
    return condition_from(left);
}

Result<SqlCompiler::Part> SqlCompiler::comparison() {
    TRY(auto left, unary());
    while (true) {
        TRY(const auto more, one_comparison(left));
        if (!more) return left;
        left = *more;
    }
}

Result<std::optional<SqlCompiler::Part>> SqlCompiler::one_comparison(const Part& left) {
    const auto some = [](Result<Part> part) -> Result<std::optional<Part>> {
        if (!part) return part.error();
        return std::optional<Part>(*part);
    };
    const bool is_not = token_.word == SqlWord::not_;
    if (is_not) TRY_OK(advance());
    switch (token_.word) {
        case SqlWord::contains:
            return some(pattern(left, Op::contains, is_not));
        case SqlWord::starts_with:
            return some(pattern(left, Op::starts_with, is_not));
        case SqlWord::ends_with:
            return some(pattern(left, Op::ends_with, is_not));
        case SqlWord::between:
            return some(range(left, is_not));
        case SqlWord::in:
            return some(list(left, is_not));
        default:
            break;
    }
    if (is_not) return unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH after NOT");
    switch (token_.word) {
        case SqlWord::less:
            return some(order(left, Op::less));
        case SqlWord::less_equal:
            return some(order(left, Op::less_equal));
        case SqlWord::greater:
            return some(order(left, Op::greater));
        case SqlWord::greater_equal:
            return some(order(left, Op::greater_equal));
        default:
            return std::optional<Part>();
    }
}

Result<SqlCompiler::Part> SqlCompiler::order(const Part& left, Op op) {
    TRY_OK(advance());
    // Without a left side the right one is not looked at, nor can it fail.
    const auto skip = emit(Op::skip_if_null, 0);
    TRY(const auto right, unary());
    TRY_OK(check_ordered(left));
    TRY_OK(check_ordered(right));
    emit(op, -1);
    land(skip);
    return condition_from(left);
}

// value low `low_bound` high `high_bound` `drop_value`: the value is computed once, and the second
// bound only where the first one has not settled it.
Result<SqlCompiler::Part> SqlCompiler::range(const Part& left, bool is_not) {
    TRY_OK(advance());
    TRY(const auto low, unary());
    emit(Op::low_bound, 0, 0, is_not);
    const auto skip = emit(is_not ? Op::skip_if_true : Op::skip_if_false, 0);
    TRY_OK(expect(SqlWord::and_, "AND and the upper bound"));
    TRY(const auto high, unary());
    if (!is_not && low.is_number() && high.is_number() &&
        compare(high.value, low.value) == SqlOrder::less)
        return error_at(low.at, "the lower bound lies above the upper one");
    TRY_OK(check_ordered(left));
    TRY_OK(check_ordered(low));
    TRY_OK(check_ordered(high));
    emit(Op::high_bound, -1, 0, is_not);
    land(skip);
    emit(Op::drop_value, -1);
    return condition_from(left);
}

Result<SqlCompiler::Part> SqlCompiler::pattern(const Part& left, Op op, bool is_not) {
    TRY_OK(advance());
    TRY(const auto wanted, take_text());
    const Sql::Constant kept{SqlValue::of_text({}), keep(wanted)};
    sql_.constants_.push_back(kept);
    emit(op, 0, static_cast<std::uint32_t>(sql_.constants_.size() - 1), is_not);
    return condition_from(left);
}

Result<SqlCompiler::Part> SqlCompiler::list(const Part& left, bool is_not) {
    TRY_OK(advance());
    if (left.kind != Part::Kind::property)
        return error_at(left.at, "only a property can be looked for with IN");
    TRY_OK(expect(SqlWord::open, "( after IN"));
    Sql::List items{static_cast<std::uint32_t>(sql_.items_.size()), 0};
    while (true) {
        TRY(const auto item, take_text());
        sql_.items_.push_back(keep(item));
        ++items.count;
        if (token_.word != SqlWord::comma) break;
        TRY_OK(advance());
    }
    TRY_OK(expect(SqlWord::close, "a comma or )"));
    sql_.lists_.push_back(items);
    emit(Op::in, 0, static_cast<std::uint32_t>(sql_.lists_.size() - 1), is_not);
    return condition_from(left);
}

Result<SqlCompiler::Part> SqlCompiler::unary() {
    const auto at = token_.at;
    const auto word = token_.word;
    if (word != SqlWord::plus && word != SqlWord::minus && word != SqlWord::not_) return primary();
    TRY_OK(advance());
    if (++nesting_ > Sql::nesting_max) return error_at(at, "the expression is nested too deeply");
    if (word == SqlWord::minus) return negation(at);
    TRY(auto part, unary());
    --nesting_;
    if (word == SqlWord::not_) {
        TRY_OK(make_condition(part));
        emit(Op::invert, 0);
        part = condition_from(part);
    }
    part.at = at;
    return part;
}

// A number with a minus is no literal any more: the rules for those do not hold for it.
Result<SqlCompiler::Part> SqlCompiler::negation(std::size_t at) {
    TRY_OK(unary());
    --nesting_;
    emit(Op::negate, 0);
    return Part{Part::Kind::computed, at, SqlValue::of_null()};
}

Result<SqlCompiler::Part> SqlCompiler::primary() {
    const auto at = token_.at;
    switch (token_.word) {
        case SqlWord::open:
            return bracket(at);
        case SqlWord::name:
            return property();
        case SqlWord::decimal:
        case SqlWord::real:
            return number();
        case SqlWord::text: {
            TRY(const auto text, take_text());
            return constant(at, {SqlValue::of_text({}), keep(text)});
        }
        case SqlWord::true_:
        case SqlWord::false_: {
            const bool value = token_.word == SqlWord::true_;
            TRY_OK(advance());
            return constant(at, {SqlValue::of(value), {}});
        }
        case SqlWord::null:
            TRY_OK(advance());
            return constant(at, {SqlValue::of_null(), {}});
        default:
            return unexpected("a property, a value or (");
    }
}

Result<SqlCompiler::Part> SqlCompiler::bracket(std::size_t at) {
    if (++nesting_ > Sql::nesting_max) return error_at(at, "the expression is nested too deeply");
    TRY_OK(advance());
    TRY(auto part, disjunction());
    TRY_OK(expect(SqlWord::close, "an operator or )"));
    --nesting_;
    return part;
}

Result<SqlCompiler::Part> SqlCompiler::number() {
    const auto token = token_;
    TRY_OK(advance());
    auto digits = token.image;
    if (token.word == SqlWord::real) {
        const auto value = java_double(digits).value_or(0);
        const auto mantissa = digits.substr(0, digits.find_first_of("eE"));
        const bool is_zero = mantissa.find_first_not_of("0.") == std::string_view::npos;
        if ((value <= 0 && !is_zero) || value > std::numeric_limits<double>::max())
            return error_at(token.at, fmt::format("{} is too {} for a number", digits,
                                                  value > 0 ? "big" : "small"));
        return constant(token.at, {SqlValue::of_real(value), {}});
    }
    if (digits.back() == 'l' || digits.back() == 'L') digits.remove_suffix(1);
    const auto value = parse_int<std::int64_t>(digits);
    if (!value) return error_at(token.at, fmt::format("{} is too big for a number", token.image));
    return constant(token.at, {SqlValue::of_int(*value), {}});
}

// Checks

/// AND, OR, NOT and the whole take conditions, and properties for lack of better.
Result<> SqlCompiler::make_condition(Part& part) {
    if (part.is_condition()) return {};
    if (part.kind != Part::Kind::property) return error_at(part.at, "this is no condition");
    emit(Op::as_condition, 0);
    part = condition_from(part);
    return {};
}

Result<> SqlCompiler::check_ordered(const Part& part) const {
    if (part.is_number() || (part.kind != Part::Kind::constant && !part.is_condition())) return {};
    return error_at(part.at, "only properties and numbers have an order");
}

Result<> SqlCompiler::check_equal(const Part& left, const Part& right) const {
    for (const auto* part : {&left, &right}) {
        if (part->kind == Part::Kind::constant && part->value.is_null())
            return error_at(part->at, "NULL equals nothing: write IS NULL");
    }
    if (left.kind == Part::Kind::constant && right.kind == Part::Kind::constant &&
        left.is_condition() && !right.is_condition())
        return error_at(right.at, "TRUE and FALSE cannot be compared with this");
    return {};
}

// Words

Result<> SqlCompiler::advance() {
    TRY(token_, lexer_.next());
    return {};
}

Result<> SqlCompiler::expect(SqlWord word, std::string_view what) {
    if (token_.word != word) return unexpected(what);
    return advance();
}

Result<std::string> SqlCompiler::take_text() {
    if (token_.word != SqlWord::text) return unexpected("a text in single quotes");
    auto text = unquoted(token_.image);
    TRY_OK(advance());
    return text;
}

Error SqlCompiler::unexpected(std::string_view wanted) const {
    if (token_.word == SqlWord::end)
        return error_at(token_.at, fmt::format("{} is missing", wanted));
    return error_at(token_.at, fmt::format("{} is wanted, not {}", wanted, token_.image));
}

// Program

std::size_t SqlCompiler::emit(Op op, int by, std::uint32_t arg, bool is_not) {
    sql_.steps_.push_back({op, is_not, arg});
    height_ += by;
    height_max_ = std::max(height_max_, height_);
    return sql_.steps_.size() - 1;
}

Result<SqlCompiler::Part> SqlCompiler::property() {
    const auto token = token_;
    TRY_OK(advance());
    auto& names = sql_.names_;
    const auto known = std::find_if(names.begin(), names.end(), [&](const Sql::Text& name) {
        return sql_.view(name) == token.image;
    });
    const auto index = static_cast<std::uint32_t>(known - names.begin());
    if (known == names.end()) {
        if (names.size() == Sql::names_max)
            return error_at(token.at, fmt::format("more than {} properties", Sql::names_max));
        names.push_back(keep(token.image));
    }
    emit(Op::property, 1, index);
    return Part{Part::Kind::property, token.at, SqlValue::of_null()};
}

SqlCompiler::Part SqlCompiler::constant(std::size_t at, Sql::Constant value) {
    sql_.constants_.push_back(value);
    emit(Op::constant, 1, static_cast<std::uint32_t>(sql_.constants_.size() - 1));
    return {Part::Kind::constant, at, value.value};
}

Sql::Text SqlCompiler::keep(std::string_view text) {
    const Sql::Text out{static_cast<std::uint32_t>(sql_.texts_.size()),
                        static_cast<std::uint32_t>(text.size())};
    sql_.texts_.insert(sql_.texts_.end(), text.begin(), text.end());
    return out;
}

}  // namespace mqd::filter
