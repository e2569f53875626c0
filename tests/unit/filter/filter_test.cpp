#include <doctest/doctest.h>

#include "filter/tags.h"
#include "message/properties.h"

using namespace mqd;
using filter::Tags;

TEST_CASE("a star, nothing and blanks match every message") {
    for (const char* text : {"*", "", "  ", " * "}) {
        const auto tags = Tags::parse(text);
        REQUIRE(tags);
        CHECK(tags->matches_all());
        CHECK(tags->code_matches(0));
        CHECK(tags->tag_matches("anything"));
    }
}

TEST_CASE("tags between bars are trimmed, kept once and compared by Java's hash") {
    const auto tags = Tags::parse(" TagA||TagB ||TagA|| ");
    REQUIRE(tags);
    CHECK(tags->tags() == std::vector<std::string>{"TagA", "TagB"});
    CHECK(tags->codes() == std::vector<std::int32_t>{2598919, 2598920});  // mqd-store(5), UNITS
    CHECK(tags->code_matches(2598920));
    CHECK_FALSE(tags->code_matches(2598921));
    CHECK_FALSE(tags->code_matches(0));
    CHECK(tags->tag_matches("TagB"));
    CHECK_FALSE(tags->tag_matches(""));
}

TEST_CASE("a negative hash matches the sign-extended code of the consume queue") {
    const std::string tag = "zzzzzzzz";
    REQUIRE(message::java_hash(tag) < 0);
    const auto tags = Tags::parse(tag);
    REQUIRE(tags);
    std::string properties;
    message::append_property(properties, message::property::tags, tag);
    CHECK(tags->code_matches(message::tags_code(properties)));
}

TEST_CASE("two tags with one hash pass the broker and are told apart by text") {
    REQUIRE(message::java_hash("Aa") == message::java_hash("BB"));
    const auto tags = Tags::parse("Aa");
    REQUIRE(tags);
    CHECK(tags->code_matches(message::java_hash("BB")));
    CHECK_FALSE(tags->tag_matches("BB"));
}

TEST_CASE("bars without a tag are an error") {
    CHECK_FALSE(Tags::parse("||"));
    CHECK_FALSE(Tags::parse(" || || "));
}
