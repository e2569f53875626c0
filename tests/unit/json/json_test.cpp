#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "json/escape.h"
#include "json/value.h"
#include "json/writer.h"

using namespace mqd;
using json::Value;

namespace {

std::string again(std::string_view text) {
    const auto value = json::parse(text);
    return value ? json::to_text(*value) : value.error().what;
}

}  // namespace

TEST_CASE("every kind of value is read and written back") {
    const std::string text =
        R"({"a":[1,-2,0.5,true,false,null,"x"],"b":{},"c":[],"d":9223372036854775807})";
    CHECK(again(text) == text);
    CHECK(again(" [ 1 , 2 ]\n\t\r") == "[1,2]");
    CHECK(again(" \"top\" ") == "\"top\"");
}

TEST_CASE("unquoted integer keys become text keys") {
    const auto value = json::parse(R"({"T1@CG1":{0:3,1:7,-1:5}})");
    REQUIRE(value);
    const auto& queues = (*value)["T1@CG1"];
    CHECK(queues.members().size() == 3);
    CHECK(queues["1"].as_int() == 7);
    CHECK(queues["-1"].as_int() == 5);
}

TEST_CASE("an object as a key becomes its compact text") {
    const auto value = json::parse(
        R"({"offsetTable":{{"brokerName":"b", "queueId":0, "topic":"T"}:{"maxOffset":1}}})");
    REQUIRE(value);
    const auto& table = (*value)["offsetTable"];
    REQUIRE(table.members().size() == 1);
    CHECK(table.members()[0].first == R"({"brokerName":"b","queueId":0,"topic":"T"})");
    CHECK(table.members()[0].second["maxOffset"].as_int() == 1);
}

TEST_CASE("numbers, texts and booleans stand in for each other") {
    const auto parsed = json::parse(
        R"({"n":"123","m":123,"t":"true","one":1,"r":2.75,"rt":"2.5","b":true,"o":{},"big":1e300})");
    REQUIRE(parsed);
    const auto& v = *parsed;
    CHECK(v["n"].as_int() == 123);
    CHECK(v["m"].as_text() == "123");
    CHECK(v["t"].as_bool());
    CHECK(v["one"].as_bool());
    CHECK(v["r"].as_int() == 2);
    CHECK(v["r"].as_text() == "2.75");
    CHECK(v["rt"].as_real() == 2.5);
    CHECK(v["b"].as_text() == "true");
    CHECK(v["b"].as_int() == 1);
    CHECK(v["o"].as_text("none") == "none");
    CHECK(v["o"].as_int(-7) == -7);
    CHECK(v["big"].as_int(-7) == -7);
    CHECK(v["absent"].is_null());
    CHECK(v["absent"]["deeper"].as_bool(true));
}

TEST_CASE("the last of several equal keys wins, in small and in big objects") {
    CHECK(again(R"({"a":1,"b":2,"a":3,"a":4})") == R"({"a":4,"b":2})");
    std::string big = "{";
    for (int i = 0; i < 100; ++i) big += "\"key" + std::to_string(i) + "\":1,";
    big += R"("key0":2,"key50":3,"key0":4})";
    const auto value = json::parse(big);
    REQUIRE(value);
    CHECK(value->members().size() == 100);
    CHECK((*value)["key0"].as_int() == 4);
    CHECK((*value)["key50"].as_int() == 3);
    CHECK((*value)["key99"].as_int() == 1);
}

TEST_CASE("raw control characters are read and escapes are written") {
    const auto value = json::parse(
        "\"a\x01"
        "b\n\"");
    REQUIRE(value);
    CHECK(value->as_text() ==
          "a\x01"
          "b\n");
    CHECK(json::to_text(*value) == R"("a\u0001b\n")");
}

TEST_CASE("a byte is escaped wherever it stands in a text of whatever length") {
    const std::vector<std::pair<char, std::string>> bytes = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\x1f', "\\u001f"}, {'\0', "\\u0000"},
        {' ', " "},    {'!', "!"},     {'\x7f', "\x7f"}};
    for (std::size_t length = 1; length <= 20; ++length)
        for (std::size_t at = 0; at < length; ++at)
            for (const auto& [byte, written] : bytes) {
                std::string text(length, 'x');
                text[at] = byte;
                Buffer out;
                json::put_quoted(out, text);
                CHECK(out.text() == '"' + std::string(at, 'x') + written +
                                        std::string(length - at - 1, 'x') + '"');
            }
    Buffer out;
    json::put_quoted(out, "");
    CHECK(out.text() == "\"\"");
}

TEST_CASE("escapes are undone and half surrogates replaced") {
    const auto text = [](std::string_view json) { return json::parse(json).value().as_text(); };
    CHECK(text(R"("\"\\\/\b\f\n\r\t\u0041")") == "\"\\/\b\f\n\r\tA");
    CHECK(text(R"("\u00e4\u20ac\ud83d\ude00")") == "ä€😀");
    CHECK(text(R"("\ud83d!\ude00")") == "\xef\xbf\xbd!\xef\xbf\xbd");
    CHECK_FALSE(json::parse(R"("\q")"));
    CHECK_FALSE(json::parse(R"("\u12g4")"));
    CHECK_FALSE(json::parse(R"("\u123)"));
}

TEST_CASE("what is no JSON by any rule is refused with its byte") {
    for (const auto* text : {"", "  ", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "nul",
                             "\"open", "1 2", "-", "+1", "{\"a\":1,}", "]", "1e999", "{,}"}) {
        CAPTURE(text);
        const auto value = json::parse(text);
        REQUIRE_FALSE(value);
        CHECK(value.error().code == Errc::invalid);
    }
    CHECK(json::parse("[1 2]").error().what.find("at byte 3") != std::string::npos);
}

TEST_CASE("nesting ends at 64 levels, object keys included") {
    CHECK(json::parse(std::string(64, '[') + std::string(64, ']')));
    CHECK_FALSE(json::parse(std::string(65, '[') + std::string(65, ']')));
    CHECK_FALSE(json::parse(std::string(1'000'000, '{')));
    CHECK_FALSE(json::parse(std::string(1'000'000, '[')));
}

TEST_CASE("as many values as a text may have are read, and one more is not") {
    std::string text = "[0";
    for (int i = 2; i < 2'000'000; ++i) text += ",0";  // with the array itself 2,000,000
    CHECK(json::parse(text + "]"));
    CHECK_FALSE(json::parse(text + ",0]"));
}

TEST_CASE("the writer separates members and keeps object keys native") {
    Buffer out;
    json::Writer writer(out);
    writer.begin_object().key("offsetTable").begin_object();
    writer.raw_key(R"({"brokerName":"b","queueId":0,"topic":"T"})").integer(5);
    writer.raw_key(R"({"brokerName":"b","queueId":1,"topic":"T"})").raw("[1,2]");
    writer.end_object().member("tps", 0.0).member("name", "n").member("ok", true);
    writer.key("none").null().end_object();
    CHECK(out.text() ==
          R"({"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:5,)"
          R"({"brokerName":"b","queueId":1,"topic":"T"}:[1,2]},"tps":0.0,"name":"n","ok":true,)"
          R"("none":null})");
}

TEST_CASE("doubles have a point and are never NaN") {
    CHECK(json::real_text(0) == "0.0");
    CHECK(json::real_text(-3) == "-3.0");
    CHECK(json::real_text(0.1) == "0.1");
    CHECK(json::real_text(1e300) == "1e+300");
    CHECK(json::real_text(std::numeric_limits<double>::quiet_NaN()) == "0.0");
    CHECK(json::real_text(std::numeric_limits<double>::infinity()) == "0.0");
}

TEST_CASE("bytes that are no UTF-8 are written as replacement characters") {
    std::string out;
    json::Writer(out).text(
        "a\xff"
        "b\xe4\xb8"
        "c€😀\xf0\x9f");
    CHECK(out ==
          "\"a\xef\xbf\xbd"
          "b\xef\xbf\xbd\xef\xbf\xbd"
          "c€😀\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(json::parse(out));
}

TEST_CASE("a text longer than a piece is escaped and repaired as a whole") {
    std::string text(4095, 'x');
    text += "ä\x01\n\"" + std::string(5000, 'y') + "\\";
    std::string out;
    json::Writer(out).text(text);
    CHECK(json::parse(out)->as_text() == text);
    CHECK(out.find("ä\\u0001\\n\\\"y") == 1 + 4095);
    json::Writer(out).text(text + "\xff");
    CHECK(out.ends_with("y\\\\\xef\xbf\xbd\""));
    Buffer buffer;
    json::Writer(buffer).text("");
    CHECK(buffer.text() == "\"\"");
}

TEST_CASE("pretty text has one member a line behind tabs") {
    const auto value = json::parse(R"({"a":{"0":1},"b":[1,"x"],"c":{},"d":[]})");
    REQUIRE(value);
    CHECK(json::to_text(*value, true) ==
          "{\n\t\"a\":{\n\t\t\"0\":1\n\t},\n\t\"b\":[\n\t\t1,\n\t\t\"x\"\n\t],\n\t\"c\":{},"
          "\n\t\"d\":[]\n}");
}

TEST_CASE("set replaces or appends") {
    Value value;
    value.set("a", 1);
    value.set("b", "two");
    value.set("a", Value::array({Value(true)}));
    CHECK(json::to_text(value) == R"({"a":[true],"b":"two"})");
}
