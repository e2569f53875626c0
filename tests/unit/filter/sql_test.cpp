#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "filter/sql.h"
#include "message/properties.h"

using namespace mqd;
using filter::Sql;

namespace {

/// `a=1 b=x y` in a test's words: pairs between semicolons.
std::string properties(std::string_view pairs) {
    std::string out;
    while (!pairs.empty()) {
        const auto end = pairs.find(';');
        const auto pair = pairs.substr(0, end);
        const auto split = pair.find('=');
        message::append_property(out, pair.substr(0, split), pair.substr(split + 1));
        pairs.remove_prefix(end == std::string_view::npos ? pairs.size() : end + 1);
    }
    return out;
}

bool matches(std::string_view expression, std::string_view pairs) {
    const auto sql = Sql::parse(expression);
    REQUIRE_MESSAGE(sql, std::string(expression) << ": " << (sql ? "" : sql.error().what));
    return sql->matches(properties(pairs));
}

struct Row {
    const char* expression;
    const char* properties;
    bool wanted;
};

void check_rows(const std::vector<Row>& rows) {
    for (const auto& row : rows) {
        CAPTURE(row.expression);
        CAPTURE(row.properties);
        CHECK(matches(row.expression, row.properties) == row.wanted);
    }
}

void check_refused(const std::vector<std::pair<const char*, const char*>>& rows) {
    for (const auto& [expression, why] : rows) {
        CAPTURE(expression);
        const auto sql = Sql::parse(expression);
        REQUIRE_FALSE(sql);
        CHECK(sql.error().code == Errc::invalid);
        CHECK(sql.error().what == std::string(why));
    }
}

}  // namespace

TEST_CASE("a property is compared as the type of the constant") {
    check_rows({
        {"a > 5", "a=6", true},          {"a > 5", "a=5", false},
        {"a >= 5", "a=5", true},         {"a < 5", "a=-7", true},
        {"a <= 5", "a=+5", true},        {"a = 5", "a=5", true},
        {"a = 5", "a=05", true},         {"a <> 5", "a=6", true},
        {"a <> 5", "a=5", false},        {"5 < a", "a=6", true},
        {"5 = a", "a=5", true},          {"a = 5.0", "a=5", true},
        {"a > 7.0", "a=7.5", true},      {"a = -5", "a=-5", true},
        {"a < -5", "a=-6", true},        {"a = 'x y'", "a=x y", true},
        {"a = 'X'", "a=x", false},       {"a = 'it''s'", "a=it's", true},
        {"a = ''", "a=x", false},        {"a = b", "a=x;b=x", true},
        {"a = b", "a=5;b=5.0", false},  // texts
        {"5 = 5.0", "", true},           {"a > 3000000000", "a=3000000001", true},
        {"a > 5L", "a=6", true},         {"a > 5e0", "a=5.5", true},
        {"a > .5", "a=0.6", true},       {"a > 5.", "a=5.1", true},
        {"a > 1.5E-3", "a=0.002", true}, {"a = -2147483648", "a=-2147483648", true},
    });
}

TEST_CASE("a number is compared as one, whatever kind of number the other is") {
    check_rows({
        {"a > 5", "a=7.5", true},
        {"a <= 5", "a=7.5", false},
        {"a > 7", "a=7.5", true},
        {"a < 8", "a=7.5", true},
        {"a = 5", "a=5.0", true},
        {"a = 5", "a=5.5", false},
        {"a <> 5", "a=5.5", true},
        {"5 < a", "a=5.5", true},
        {"a > 5", "a= 6", true},
        {"a > 2147483647", "a=2147483648", true},
        {"a > 5", "a=99999999999", true},
        {"a > 5L", "a=99999999999", true},
        {"a > 5000000000", "a=99999999999", true},
        {"a > 5000000000", "a=99999999999999999999", true},
        {"a < 9223372036854775807", "a=9223372036854775806", true},  // no doubles
        {"a = 9223372036854775807", "a=9223372036854775806", false},
        {"a between 6 and 8", "a=7.5", true},
        {"a between 6.0 and 8.0", "a=7.5", true},
        {"a > 5", "a=NaN", false},
        {"a <> 5", "a=NaN", false},
    });
}

TEST_CASE("0.0 is a number, and its sign makes no difference") {
    check_rows({
        {"a > 0.0", "a=2.5", true},
        {"a > 0.0", "a=0.0", false},
        {"a > 0.0", "a=-1.5", false},
        {"a = 0.0", "a=0", true},
        {"a = 0.0", "a=-0.0", true},
        {"a = -0.0", "a=0.0", true},
        {"a < -0.0", "a=0.0", false},
        {"a < -0.0", "a=-1.5", true},
        {"a >= 0e0", "a=0", true},
        {"a >= .0", "a=-0.1", false},
        {"a >= 0.", "a=0.1", true},
        {"a > 0.000e-999", "a=1e-300", true},
        {"a = 0.0E5", "a=0", true},
        {"a between 0.0 and 1.0", "a=0.0", true},
        {"a between 0.0 and 1.0", "a=1.5", false},
        {"a not between 0.0 and 0.0", "a=0.0", false},
        {"a > 4.9E-324", "a=1e-300", true},
    });
}

TEST_CASE("what is no number is an error beside one, and no match either way") {
    check_rows({
        {"a <> 5", "a=x", false},
        {"NOT (a = 5)", "a=x", false},
        {"a > 5", "a=", false},
        {"a > b", "a=x;b=1", false},
        {"a = 5 or b = 'y'", "a=x;b=y", false},
        {"b = 'y' or a = 5", "a=x;b=y", true},  // not reached
        {"b = 'x' and a = 5 or TRUE", "a=x;b=y", true},
    });
}

TEST_CASE("two properties are ordered as doubles and equal as texts") {
    check_rows({
        {"a > b", "a=10;b=9", true},
        {"a > b", "a=1e1;b=9.5", true},
        {"a < b", "a=-0.0;b=0.0", false},
        {"a >= b", "a=-0.0;b=0.0", true},
        {"a > b", "a=NaN;b=Infinity", true},
        {"a >= b", "a=NaN;b=NaN", true},
        {"a < b", "a=-Infinity;b=-1e308", true},
        {"a > b", "a= 0x1p4f ;b=15d", true},
        {"a > b", "a=1e999;b=1e308", true},
        {"a < b", "a=1e-999;b=1e-300", true},
        {"a > b", "a=infinity;b=1", false},
        {"a > b", "a=1e;b=0", false},
        {"a > b", "a=0x10;b=1", false},
        {"a > b", "a=1_0;b=1", false},
    });
}

TEST_CASE("unknown goes through conditions by three-valued logic") {
    check_rows({
        {"a = 5", "", false},
        {"a <> 5", "", false},
        {"NOT (a = 5)", "", false},
        {"a > 5 or b = 'x'", "b=x", true},
        {"b = 'x' or a > 5", "b=x", true},
        {"a > 5 or b = 'x'", "b=y", false},
        {"NOT (a > 5 or b = 'x')", "b=y", false},
        {"NOT (a > 5 and b = 'x')", "b=y", true},
        {"NOT (b = 'x' and a > 5)", "b=y", true},
        {"NOT (a > 5 and b = 'x')", "b=x", false},
        {"(a > 5) is null", "", true},
        {"(a > 5) is not null", "a=1", true},
        {"(a > 5 and b = 'x') is null", "b=x", true},
        {"NULL or TRUE", "", true},
        {"NULL and TRUE", "", false},
        {"NULL", "", false},
    });
}

TEST_CASE("equality with a missing side is unknown, false or true") {
    check_rows({
        {"(a = 'x') is null", "", true},
        {"(a = b) is null", "b=x", true},
        {"(b = a) is null", "b=x", false},
        {"'x' = a", "", false},
        {"'x' <> a", "", true},  // only the right side is missing
        {"b <> a", "b=x", true},
        {"a = b", "", true},
        {"a <> b", "", false},
        {"-a = b", "a=5", true},  // a minus makes a text nothing
        {"-a = 5", "a=-5", false},
    });
}

TEST_CASE("a property alone is false, and unknown without a value") {
    check_rows({
        {"a", "a=true", false},
        {"a", "", false},
        {"NOT a", "a=true", true},
        {"NOT a", "", false},
        {"a or b = 'x'", "a=1;b=x", true},
        {"a is null or NOT a", "a=1", true},
    });
}

TEST_CASE("TRUE and FALSE are compared with texts on either side") {
    check_rows({
        {"TRUE", "", true},
        {"FALSE", "", false},
        {"NOT FALSE", "", true},
        {"a = TRUE", "a=true", true},
        {"a = TRUE", "a=TrUe", true},
        {"a = true", "a=1", false},
        {"a = FALSE", "a=whatever", true},
        {"a <> FALSE", "a=true", true},
        {"TRUE = TRUE", "", true},
        {"5 = TRUE", "", false},
        {"5 <> TRUE", "", true},
        {"(b > 3) = TRUE", "b=4", true},
        {"(b > 3) = 4", "b=4", false},
        {"a = (b > 3)", "a=true;b=4", true},
        {"(b > 3) = a", "a=true;b=4", true},
        {"NOT ((b > 3) = a)", "a=true;b=4", false},
        {"TRUE = a", "a=true", true},
        {"TRUE = a", "a=TrUe", true},
        {"TRUE = a", "a=1", false},
        {"TRUE = a", "", false},
        {"FALSE = a", "a=whatever", true},
        {"TRUE <> a", "a=false", true},
    });
}

TEST_CASE("NOT binds tighter than a comparison") {
    check_rows({
        {"NOT a = 'x'", "a=y", false},  // (NOT a) = 'x', an error
        {"NOT a = 'x'", "", false},
        {"NOT (a = 'x')", "a=y", true},
        {"NOT a is null", "", true},  // (NOT a) IS NULL
        {"NOT NOT (a = 'x')", "a=x", true},
        {"(NOT NULL = b) is null", "b=x", true},  // no literal any more
        {"a = 'x' or a = 'y' and b = '1'", "a=x", true},
        {"(a = 'x' or a = 'y') and b = '1'", "a=x", false},
        {"a > 1 = TRUE", "a=2", true},
    });
}

TEST_CASE("IS NULL asks whether a property is there") {
    check_rows({
        {"a is null", "", true},
        {"a IS NULL", "a=1", false},
        {"a Is Not Null", "a=1", true},
        {"a is not null", "", false},
        {"5 is null", "", false},
        {"a is null is not null", "a=1", true},
    });
}

TEST_CASE("BETWEEN takes both bounds in") {
    check_rows({
        {"a between 5 and 7", "a=5", true},
        {"a between 5 and 7", "a=7", true},
        {"a between 5 and 7", "a=8", false},
        {"a between 5 and 7", "a=4", false},
        {"a between 5 and 5", "a=5", true},
        {"a between 5 and 7.5", "a=6", true},
        {"a between 0 and 3000000000", "a=6", true},
        {"a between b and c", "a=2;b=1;c=3", true},
        {"a between b and c", "a=2;b=1", false},
        {"(a between b and c) is null", "a=2;b=1", true},
        {"(a between b and c) is null", "a=2;b=3", false},  // settled by the first bound
        {"6 between a and 7", "a=5", true},
        {"a between 5 and 7", "", false},
        {"a not between 5 and 7", "a=4", true},
        {"a not between 5 and 7", "a=8", true},
        {"a not between 5 and 7", "a=6", false},
        {"a not between 5 and 7", "", false},
        {"(a not between 5 and 7) is null", "", true},
        {"a not between 7 and 5", "a=6", true},
        {"a between -5 and -7", "a=-6", false},  // a sign hides the wrong order
        {"a between 1 and 5 and b between 1 and 5", "a=2;b=3", true},
    });
}

TEST_CASE("IN looks for a property's text in a list") {
    check_rows({
        {"a in ('x')", "a=x", true},
        {"a in ('x', 'y','z')", "a=z", true},
        {"a in ('x')", "a=X", false},
        {"a in ('x')", "", false},
        {"(a in ('x')) is null", "", true},
        {"a not in ('x', 'y')", "a=z", true},
        {"a not in ('x', 'y')", "a=y", false},
        {"a not in ('x', 'y')", "", false},
        {"(a) in ('x')", "a=x", true},
        {"a in ('5')", "a=5", true},
    });
}

TEST_CASE("patterns are texts, and without value or pattern nothing matches") {
    check_rows({
        {"a contains 'bc'", "a=abcd", true},
        {"a contains 'bd'", "a=abcd", false},
        {"a startswith 'ab'", "a=abcd", true},
        {"a startswith 'b'", "a=abcd", false},
        {"a endswith 'cd'", "a=abcd", true},
        {"a endswith 'abcde'", "a=abcd", false},
        {"a not contains 'x'", "a=abcd", true},
        {"a not startswith 'ab'", "a=abcd", false},
        {"a not endswith 'ab'", "a=abcd", true},
        {"a contains 'x'", "", false},
        {"a not contains 'x'", "", false},
        {"NOT (a not contains 'x')", "", true},  // false, not unknown
        {"a contains ''", "a=x", false},
        {"a not contains ''", "a=x", false},
        {"5 not contains 'x'", "", false},
        {"a contains '%'", "a=50%", true},
    });
}

TEST_CASE("names have letters, digits, _ and $, and their case counts") {
    check_rows({
        {"A = 'x'", "a=x", false},
        {"_a$1 = 'x'", "_a$1=x", true},
        {"TAGS = 'TagA' and KEYS is not null", "TAGS=TagA;KEYS=k", true},
        {"a = 'x' AnD b = 'y'", "a=x;b=y", true},
        {"notes = 'x'", "notes=x", true},
        {"a = 'x'", "aa=x;a=y;a=x", true},  // the last of two wins
    });
}

TEST_CASE("blanks and comments are passed over") {
    check_rows({
        {"\t a\n>\r5\f ", "a=6", true},
        {"a /* and b > 7 */ > 5", "a=6", true},
        {"a > /**/ 5 /* ** */", "a=6", true},
        {"-- all\na > 5", "a=6", true},
        {"a>5and b>5", "a=6;b=6", true},
    });
}

TEST_CASE("what stands behind a complete expression is not looked at") {
    struct {
        const char* expression;
        std::size_t from;
    } const rows[] = {{"a > 3 foo", 6},    {"a LIKE 'x%'", 2}, {"a + 1 = 2", 2}, {"a = 0x10", 5},
                      {"a > 3 -- end", 6}, {"a > 3 /**/", 10}, {"a = 007", 5},   {"TRUE)", 4},
                      {"a > 3", 5},        {"a > 3 foo !", 6}};
    for (const auto& row : rows) {
        CAPTURE(row.expression);
        const auto sql = Sql::parse(row.expression);
        REQUIRE(sql);
        CHECK(sql->ignored_from() == row.from);
    }
    check_rows({
        {"a > 3 foo", "a=4", true},
        {"a LIKE 'x%'", "a=x1", false},
        {"a = 0x10", "a=0", true},
    });
}

TEST_CASE("an error says what is wrong and at which character") {
    check_refused({
        {"", "character 1: a property, a value or ( is missing"},
        {"  ", "character 3: a property, a value or ( is missing"},
        {"*", "character 1: '*' is no part of an expression"},
        {"a >", "character 4: a property, a value or ( is missing"},
        {"a > > 3", "character 5: a property, a value or ( is wanted, not >"},
        {"a != 3", "character 3: '!' is no part of an expression"},
        {"a == 3", "character 4: a property, a value or ( is wanted, not ="},
        {"a.b = 3", "character 2: '.' is no part of an expression"},
        {"a = \"x\"", "character 5: '\"' is no part of an expression"},
        {"a = 'x", "character 5: the quotation that begins here is not closed"},
        {"\u00e4 = 'x'", "character 1: no part of an expression"},
        {"a = '\u00e4\u00e4' and > 3", "character 14: a property, a value or ( is wanted, not >"},
        {"(a = 3", "character 7: an operator or ) is missing"},
        {"a is 3", "character 6: NULL or NOT NULL after IS is wanted, not 3"},
        {"a is not 3", "character 10: NULL after IS NOT is wanted, not 3"},
        {"a not b",
         "character 7: BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH after NOT is wanted, not b"},
        {"a in ()", "character 7: a text in single quotes is wanted, not )"},
        {"a in (5)", "character 7: a text in single quotes is wanted, not 5"},
        {"a in ('x'", "character 10: a comma or ) is missing"},
        {"'a' in ('x')", "character 1: only a property can be looked for with IN"},
        {"a contains b", "character 12: a text in single quotes is wanted, not b"},
        {"a between 3", "character 12: AND and the upper bound is missing"},
        {"a between 7 and 5", "character 11: the lower bound lies above the upper one"},
        {"a between 7.5 and 7", "character 11: the lower bound lies above the upper one"},
        {"a between 'a' and 'b'", "character 11: only properties and numbers have an order"},
        {"a > 'x'", "character 5: only properties and numbers have an order"},
        {"a > TRUE", "character 5: only properties and numbers have an order"},
        {"a > NULL", "character 5: only properties and numbers have an order"},
        {"NOT a > 3", "character 1: only properties and numbers have an order"},
        {"(a = 3) > 3", "character 2: only properties and numbers have an order"},
        {"a = NULL", "character 5: NULL equals nothing: write IS NULL"},
        {"NULL <> a", "character 1: NULL equals nothing: write IS NULL"},
        {"TRUE = 5", "character 8: TRUE and FALSE cannot be compared with this"},
        {"5", "character 1: this is no condition"},
        {"'x' and a = 3", "character 1: this is no condition"},
        {"NOT 5", "character 5: this is no condition"},
        {"-a", "character 1: this is no condition"},
        {"a > 1e-400", "character 5: 1e-400 is too small for a number"},
        {"a > 1e400", "character 5: 1e400 is too big for a number"},
        {"a > 9223372036854775808", "character 5: 9223372036854775808 is too big for a number"},
        {"a > 3 !", "character 7: '!' is no part of an expression"},
    });
}

TEST_CASE("depth and number of properties are bounded, length is not") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '(') + "a = 'x'" + std::string(depth, ')');
    };
    CHECK(matches(nested(Sql::nesting_max), "a=x"));
    CHECK_FALSE(Sql::parse(nested(Sql::nesting_max + 1)));
    CHECK_FALSE(Sql::parse(std::string(1'000'000, '(')));
    CHECK_FALSE(Sql::parse(std::string(1'000'000, '-') + "a = 5"));

    std::string high = "a = 'x'";
    for (int i = 0; i < 150; ++i) high = "b = 'x' or (" + high + ")";
    const auto refused = Sql::parse(high);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what == "character 1: the expression is nested too deeply");

    std::string names = "n0 = 'x'";
    for (std::size_t i = 1; i < Sql::names_max; ++i)
        names += " or n" + std::to_string(i) + " = 'x'";
    CHECK(matches(names, "n63=x"));
    CHECK_FALSE(Sql::parse(names + " or n64 = 'x'"));

    std::string all = "a = '0'";
    for (int i = 1; i < 10'000; ++i) all += " or a = '" + std::to_string(i) + "'";
    CHECK(matches(all, "a=9999"));
    CHECK_FALSE(matches(all, "a=10000"));
}

TEST_CASE("a copy of an expression stands for itself") {
    auto sql = Sql::parse("a = 'x' and b in ('y')");
    REQUIRE(sql);
    const Sql copy = *sql;
    *sql = *Sql::parse("TRUE");
    CHECK(copy.matches(properties("a=x;b=y")));
    CHECK_FALSE(copy.matches(properties("a=x;b=z")));
}

TEST_CASE("doubles are read as Java reads them") {
    const auto read = [](std::string_view text) { return filter::java_double(text); };
    CHECK(read("5.") == 5.0);
    CHECK(read(".5f") == 0.5);
    CHECK(read("+5D") == 5.0);
    CHECK(read("\t-5e+2 ") == -500.0);
    CHECK(read("0x1.8p1") == 3.0);
    CHECK(read("0x.8P1d") == 1.0);
    CHECK(read("4.9e-324") == 4.9e-324);
    CHECK(std::isinf(*read("-1e999")));
    CHECK(std::isinf(*read(std::string(400, '9'))));
    CHECK(read("0." + std::string(400, '0') + "1") == 0.0);
    CHECK(std::isnan(*read("-NaN")));
    for (const char* text : {"", ".", "+", "nan", "inf", "1e", "1e+", "0x1", "0xp1", "1.2.3", "5ff",
                             "--5", "1,5", "5 5", "f", "0x", "5x"}) {
        CAPTURE(text);
        CHECK_FALSE(read(text));
    }
}
