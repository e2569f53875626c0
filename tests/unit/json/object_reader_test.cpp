#include "json/object_reader.h"

#include <doctest/doctest.h>

#include <string>

using namespace mqd;
using Kind = json::ObjectReader::Kind;

namespace {

Result<> read(json::ObjectReader& reader, std::string& text) {
    const auto size = text.size();
    text.append(json::ObjectReader::padding_bytes, '#');
    return reader.read(std::string_view(text).substr(0, size), text.size());
}

}  // namespace

TEST_CASE("members come in order, strings unescaped and numbers as they were written") {
    json::ObjectReader reader;
    std::string text = R"( {"a\u0062":"x\ny\u00e9","n": 1.00 ,"big":123456789012345678901234567890,
        "t":true,"z":null,"list":["p", 2],"map":{"k":"v","deep":{"x":[1]}}} )";
    const auto done = read(reader, text);
    REQUIRE_MESSAGE(done, done.error().what);
    const auto m = reader.members();
    REQUIRE(m.size() == 7);
    CHECK(m[0].key == "ab");
    CHECK(m[0].text == "x\ny\xc3\xa9");
    CHECK(m[1].text == "1.00");
    CHECK(m[2].text == "123456789012345678901234567890");
    CHECK(m[3].kind == Kind::boolean);
    CHECK(m[4].kind == Kind::null);
    REQUIRE(reader.children(m[5]).size() == 2);
    CHECK(reader.children(m[5])[0].text == "p");
    CHECK(reader.children(m[5])[1].text == "2");
    CHECK(m[6].text == R"({"k":"v","deep":{"x":[1]}})");
    REQUIRE(reader.children(m[6]).size() == 2);
    CHECK(reader.children(m[6])[0].key == "k");
    CHECK(reader.children(m[6])[1].kind == Kind::object);
}

TEST_CASE("what is not one strict JSON object is refused wherever the mistake lies") {
    const char* const bad[] = {
        "",
        "[]",
        "1",
        "{\"a\":1} x",
        "{\"a\":1",
        "{\"a\":}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":tru}",
        "{\"a\":nul}",
        "{a:1}",
        "{\"a\":\"\n\"}",
        "{\"a\":'x'}",
        "{\"u\":{\"v\":1x}}",
        "{\"a\":\"\xff\"}",
        "{\"a\":[1,]}",
        "{\"a\":\"\\q\"}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"x\":[{\"y\":nope}]}",
    };
    json::ObjectReader reader;
    for (const std::string original : bad) {
        auto text = original;
        CHECK_MESSAGE(!read(reader, text), original);
        CHECK(reader.members().empty());
    }
    std::string deep = "{\"a\":" + std::string(80, '[') + std::string(80, ']') + "}";
    CHECK(!read(reader, deep));
}

TEST_CASE("minify drops the blanks between tokens and none inside strings") {
    const std::string_view json = "{ \"a b\" : [ 1 , 2.50 ] }";
    std::string out;
    json::ObjectReader::minify(json, out);
    CHECK(out == "{\"a b\":[1,2.50]}");
}
