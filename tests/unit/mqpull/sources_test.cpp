#include <doctest/doctest.h>

#include "pulling.h"

using namespace mqd;
using mqpull::parse_brokers;
using Names = std::vector<std::string>;

TEST_CASE("--brokers is a number or names, and a number with a comma is a name") {
    CHECK(parse_brokers("1")->count == 1);
    CHECK(parse_brokers("12")->count == 12);
    CHECK(parse_brokers("12")->names.empty());
    CHECK(parse_brokers("a")->names == Names{"a"});
    CHECK(parse_brokers("a,2b")->names == Names{"a", "2b"});
    CHECK(parse_brokers("2,")->names == Names{"2"});
    CHECK(parse_brokers("2,3")->names == Names{"2", "3"});
    CHECK(parse_brokers("2,")->count == 0);
    for (const auto* const wrong : {"", ",", ",,", "0", "00", "4294967296"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_brokers(wrong));
    }
}
