#pragma once
// The words of SQL92 expressions (mqd-remoting(7), SQL EXPRESSIONS).
//
// Threads: a value type over its caller's text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::filter {

enum class SqlWord : std::uint8_t {
    end,
    text,
    decimal,
    real,
    name,
    not_,
    and_,
    or_,
    between,
    in,
    true_,
    false_,
    null,
    is,
    contains,
    starts_with,
    ends_with,
    equal,
    unequal,
    less,
    less_equal,
    greater,
    greater_equal,
    open,
    close,
    comma,
    plus,
    minus,
};

struct SqlToken {
    SqlWord word = SqlWord::end;
    std::size_t at = 0;      ///< its first byte
    std::string_view image;  ///< as written, a text's quotes included
};

class SqlLexer {
public:
    explicit SqlLexer(std::string_view text) : text_(text) {}

    /// invalid: no word begins here, or a quotation is not closed.
    Result<SqlToken> next();
    /// `what` with the number of the character at that byte.
    Error error(std::size_t at, std::string_view what) const;

private:
    void skip_blanks();
    std::string_view rest() const { return text_.substr(at_); }
    SqlToken take(SqlWord word, std::size_t bytes);

    std::string_view text_;
    std::size_t at_ = 0;
};

/// What a text's image stands for.
std::string unquoted(std::string_view image);

}  // namespace mqd::filter
