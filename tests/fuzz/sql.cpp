// SQL92 expressions: the first line is one, the rest a properties string. What was read of it says
// the same without what was ignored, and its opposite never matches together with it.

#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "filter/sql.h"

using namespace mqd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = as_text(std::as_bytes(std::span(data, size)));
    const auto line_end = input.find('\n');
    const auto expression = input.substr(0, line_end);
    const auto properties =
        line_end == std::string_view::npos ? std::string_view() : input.substr(line_end + 1);

    const auto sql = filter::Sql::parse(expression);
    if (!sql) {
        check(sql.error().what.starts_with("character "));
        return 0;
    }
    const bool matches = sql->matches(properties);
    check(sql->ignored_from() <= expression.size());
    const std::string head(expression.substr(0, sql->ignored_from()));
    const auto again = filter::Sql::parse(head);
    check(again.has_value() && again->matches(properties) == matches);
    const auto opposite = filter::Sql::parse("NOT (" + head + ")");
    if (opposite) check(!(matches && opposite->matches(properties)));
    return 0;
}
