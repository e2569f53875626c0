#include "filter/sql.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "message/properties.h"

namespace mqd::filter {

/// One message's evaluation: the properties it needs, and the stack.
class Sql::Run {
public:
    Run(const Sql& sql, std::string_view properties) : sql_(sql) {
        const std::size_t count = sql.names_.size();
        for (std::size_t i = 0; i < count; ++i) properties_[i].type = SqlValue::Type::null;
        if (count > 0) gather(properties);
    }

    bool matches() {
        const auto& steps = sql_.steps_;
        for (std::size_t at = 0; at < steps.size();) {
            const SqlStep& step = steps[at++];
            if (skips(step)) {
                at = step.arg;
            } else if (!take(step)) {
                return false;
            }
        }
        return top().is_true();
    }

private:
    using Op = SqlStep::Op;
    enum class Answer : std::uint8_t { no, yes, unknown };

    void gather(std::string_view properties) {
        message::PropertyReader reader(properties);
        while (const auto property = reader.next()) {
            for (std::size_t i = 0; i < sql_.names_.size(); ++i) {
                if (sql_.view(sql_.names_[i]) != property->name) continue;
                properties_[i] = SqlValue::of_text(property->value);  // the last one wins
                break;
            }
        }
    }

    SqlValue& top() { return stack_[height_ - 1]; }
    SqlValue& below() { return stack_[height_ - 2]; }
    void push(const SqlValue& value) { stack_[height_++] = value; }
    void put(Answer answer) {
        top() =
            answer == Answer::unknown ? SqlValue::of_null() : SqlValue::of(answer == Answer::yes);
    }
    void put(bool answer) { top() = SqlValue::of(answer); }

    bool skips(const SqlStep& step) {
        switch (step.op) {
            case Op::skip_if_true:
                return top().is_true();
            case Op::skip_if_false:
                return top().is_false();
            case Op::skip_if_null:
                return top().is_null();
            default:
                return false;
        }
    }

    /// False: an error, after which nothing can match.
    bool take(const SqlStep& step) {
        switch (step.op) {
            case Op::property:
                push(properties_[step.arg]);
                return true;
            case Op::constant:
                push(constant(step.arg));
                return true;
            case Op::negate:
                negate();
                return true;
            case Op::as_condition:
                if (!top().is_null()) put(false);
                return true;
            case Op::invert:
                if (!top().is_null()) put(!top().is_true());
                return true;
            case Op::is_null:
                put(top().is_null() != step.is_not);
                return true;
            case Op::equal:
                return equal();
            case Op::less:
            case Op::less_equal:
            case Op::greater:
            case Op::greater_equal:
                return order(step.op);
            case Op::low_bound:
                return low_bound(step.is_not);
            case Op::high_bound:
                return high_bound(step.is_not);
            case Op::drop_value:
                below() = top();
                --height_;
                return true;
            case Op::contains:
            case Op::starts_with:
            case Op::ends_with:
                put(has_pattern(step.op, constant(step.arg).text(), step.is_not));
                return true;
            case Op::in:
                in(sql_.lists_[step.arg], step.is_not);
                return true;
            case Op::both:
            case Op::either:
                --height_;
                put(step.op == Op::both ? both(top(), stack_[height_])
                                        : either(top(), stack_[height_]));
                return true;
            case Op::skip_if_true:
            case Op::skip_if_false:
            case Op::skip_if_null:
                return true;
        }
        return false;
    }

    SqlValue constant(std::uint32_t index) const {
        const Constant& kept = sql_.constants_[index];
        return kept.value.is_text() ? SqlValue::of_text(sql_.view(kept.text)) : kept.value;
    }

    void negate() {
        if (!top().is_number()) {
            top() = SqlValue::of_null();
        } else if (top().type == SqlValue::Type::real) {
            top().number = -top().number;
        } else {
            top().integer = -top().integer;  // literals are not negative and fit with either sign
        }
    }

    // Only a missing left side is unknown: the right one alone is just not the same.
    bool equal() {
        const SqlValue right = top();
        --height_;
        const SqlValue& left = top();
        if (left.is_null() || right.is_null()) {
            put(!left.is_null() ? Answer::no : right.is_null() ? Answer::yes : Answer::unknown);
            return true;
        }
        const auto order = compare(left, right);
        put(order == SqlOrder::equal);
        return order != SqlOrder::fails;
    }

    /// False: they cannot be compared.
    static bool ordered(const SqlValue& left, Op op, const SqlValue& right, Answer& answer) {
        if (left.is_null() || right.is_null()) {
            answer = Answer::unknown;
            return true;
        }
        const auto order = left.is_text() && right.is_text()
                               ? compare_as_reals(left.text(), right.text())
                               : compare(left, right);
        const bool is_less = order == SqlOrder::less;
        const bool is_greater = order == SqlOrder::greater;
        const bool is_equal = order == SqlOrder::equal;
        const bool yes = (is_less && (op == Op::less || op == Op::less_equal)) ||
                         (is_greater && (op == Op::greater || op == Op::greater_equal)) ||
                         (is_equal && (op == Op::less_equal || op == Op::greater_equal));
        answer = yes ? Answer::yes : Answer::no;
        return order != SqlOrder::fails;
    }

    bool order(Op op) {
        const SqlValue right = top();
        --height_;
        Answer answer = Answer::unknown;
        const bool done = ordered(top(), op, right, answer);
        put(answer);
        return done;
    }

    bool low_bound(bool is_not) {
        Answer answer = Answer::unknown;
        const bool done = ordered(below(), is_not ? Op::less : Op::greater_equal, top(), answer);
        put(answer);
        return done;
    }

    bool high_bound(bool is_not) {
        Answer answer = Answer::unknown;
        const SqlValue& value = stack_[height_ - 3];
        const bool done = ordered(value, is_not ? Op::greater : Op::less_equal, top(), answer);
        put(answer);
        --height_;
        put(is_not ? either(top(), stack_[height_]) : both(top(), stack_[height_]));
        return done;
    }

    // No value and no pattern is no match, with NOT as well.
    bool has_pattern(Op op, std::string_view pattern, bool is_not) {
        if (pattern.empty() || !top().is_text()) return false;
        const auto text = top().text();
        bool has = false;
        if (op == Op::contains) has = text.find(pattern) != std::string_view::npos;
        if (op == Op::starts_with) has = text.starts_with(pattern);
        if (op == Op::ends_with) has = text.ends_with(pattern);
        return has != is_not;
    }

    void in(const List& list, bool is_not) {
        if (top().is_null()) return;
        const auto first = sql_.items_.begin() + list.first;
        const bool found = std::any_of(first, first + list.count,
                                       [&](Text item) { return sql_.view(item) == top().text(); });
        put(found != is_not);
    }

    static Answer both(const SqlValue& left, const SqlValue& right) {
        if (left.is_false() || right.is_false()) return Answer::no;
        return left.is_null() || right.is_null() ? Answer::unknown : Answer::yes;
    }

    static Answer either(const SqlValue& left, const SqlValue& right) {
        if (left.is_true() || right.is_true()) return Answer::yes;
        return left.is_null() || right.is_null() ? Answer::unknown : Answer::no;
    }

    const Sql& sql_;
    std::size_t height_ = 0;
    std::array<SqlValue, names_max> properties_;
    std::array<SqlValue, stack_max> stack_;
};

bool Sql::matches(std::string_view properties) const {
    check(!steps_.empty());
    return Run(*this, properties).matches();
}

}  // namespace mqd::filter
