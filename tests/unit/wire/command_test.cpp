#include <doctest/doctest.h>

#include <string>

#include "frames.h"
#include "wire/codes.h"
#include "wire/command.h"

using namespace mqd;
using test::Frame;
using test::frame_of;
using test::from_hex;
using test::json_frame;
using wire::Command;
using wire::Decoder;
using wire::Encoder;
using wire::Encoding;

namespace {

bool is_refused(const Frame& frame) {
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    return !command && command.error().code == Errc::invalid;
}

/// Written by an Encoder, read by `decoder`.
Command written(Decoder& decoder, Buffer& out, Encoding encoding, std::string_view remark) {
    Encoder encoder(out, encoding, 310, -7, wire::flag_oneway, remark);
    encoder.field("a", "PG");
    encoder.field("i", "KEYS\x01k \"1\"\\\x02TAGS\x01ä€😀\x02");
    encoder.field("g", std::int64_t{-1795220563453});
    encoder.field("k", false);
    encoder.field("m", true);
    CHECK(encoder.finish(as_bytes("body")));
    const auto bytes = out.size();
    out.room(Decoder::padding_bytes);
    auto command = decoder.decode(out.bytes().first(bytes));
    REQUIRE(command);
    return *command;
}

}  // namespace

TEST_CASE("a Java client's route request is read as the bytes say") {
    const auto header =
        R"({"code":105,"extFields":{"topic":"T"},"flag":0,"language":"JAVA","opaque":0,)"
        R"("serializeTypeCurrentRPC":"JSON","version":0})";
    const auto frame = Frame(from_hex("0000007d 00 000079") + header);
    CHECK(*wire::frame_bytes(frame.bytes()) == frame.bytes().size());
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    CHECK(command->code == wire::request_code::get_routeinfo_by_topic);
    CHECK(command->encoding == Encoding::json);
    CHECK(command->find("topic") == "T");
    CHECK_FALSE(command->find("Topic"));
    CHECK_FALSE(command->is_response());
    CHECK_FALSE(command->is_oneway());
    CHECK(command->body.empty());
}

TEST_CASE("the binary sample is read as the bytes say") {
    const Frame frame(
        from_hex("00000028 01000023 0069 00 0000 00000000 00000002 00000002 6869 0000000c 0005 "
                 "746f706963 00000001 54 01"));
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    CHECK(command->code == 105);
    CHECK(command->encoding == Encoding::binary);
    CHECK(command->is_oneway());
    CHECK(command->remark == "hi");
    CHECK(command->find("topic") == "T");
    CHECK(command->body.size() == 1);
}

TEST_CASE("a header without anything is a request of code 0") {
    const auto frame = json_frame("{}");
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    CHECK(command->code == 0);
    CHECK(command->ext.empty());
}

TEST_CASE("numbers, booleans, nulls and unknown members are taken as they come") {
    const auto frame = json_frame(
        " {\"opaque\" : -5 , \"x\":{\"a\":[1,{\"b\":[]},\"}\"]}, \"code\":\"34\",\"language\":9,\n"
        "\"extFields\":{\"d\":4,\"k\":false,\"r\":0.5,\"n\":null,\"s\":\"\"},\"remark\":null} ");
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    CHECK(command->opaque == -5);
    CHECK(command->code == 34);
    CHECK(command->language == 9);
    CHECK(command->find("d") == "4");
    CHECK(command->find("k") == "false");
    CHECK(command->find("r") == "0.5");
    CHECK_FALSE(command->find("n"));
    CHECK(command->find("s") == "");
    CHECK(command->remark.empty());
}

TEST_CASE("a language is known by name or number, and an unknown one is served") {
    const auto language = [](std::string_view json) {
        const auto frame = json_frame("{\"language\":" + std::string(json) + "}");
        Decoder decoder;
        return decoder.decode(frame.bytes()).value().language;
    };
    CHECK(language("\"GO\"") == 9);
    CHECK(language("\"NODE_JS\"") == 13);
    CHECK(language("\"COBOL\"") == 0);
    CHECK(language("1") == 1);
    CHECK(language("1000") == 0);
    CHECK(language("null") == 0);
}

TEST_CASE("strings may hold escapes and raw control bytes") {
    const auto frame = json_frame(
        "{\"extFields\":{\"i\":\"KEYS\\u0001k1\\u0002TAGS\\u0001\\u00c4\\ud83d\\ude00\\n\\u0002\","
        "\"raw\":\"a\x01"
        "b\x02"
        "c\",\"\\u0074opic\":\"\\\"\"},\"remark\":\"no\\tmore\"}");
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    CHECK(command->find("i") ==
          "KEYS\x01k1\x02TAGS\x01"
          "Ä😀\n\x02");
    CHECK(command->find("raw") ==
          "a\x01"
          "b\x02"
          "c");
    CHECK(command->find("topic") == "\"");
    CHECK(command->remark == "no\tmore");
}

TEST_CASE("a decoder forgets the command before") {
    Decoder decoder;
    const auto first = json_frame(R"({"code":1,"remark":"r","extFields":{"a":"\u0041"}})");
    REQUIRE(decoder.decode(first.bytes()));
    const auto second = json_frame(R"({"extFields":{"b":"\u0042"}})", "xyz");
    const auto command = decoder.decode(second.bytes());
    REQUIRE(command);
    CHECK(command->code == 0);
    CHECK(command->remark.empty());
    CHECK(command->ext.size() == 1);
    CHECK(command->find("b") == "B");
    CHECK(as_text(command->body) == "xyz");
}

TEST_CASE("every string of a long header stays where its view points") {
    std::string header = R"({"extFields":{"k0":"\u0041")";
    for (int i = 1; i < 256; ++i)
        header += ",\"k" + std::to_string(i) + R"(":"\u0041)" + std::to_string(i) + R"(\u0002")";
    const auto frame = json_frame(header + "}}");
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    for (int i = 1; i < 256; ++i)
        CHECK(command->find("k" + std::to_string(i)) == "A" + std::to_string(i) + "\x02");
}

TEST_CASE("lengths that no frame has are refused as soon as they are seen") {
    const auto bytes_of = [](std::string_view hex) {
        return wire::frame_bytes(as_bytes(from_hex(hex)));
    };
    CHECK(*bytes_of("") == 0);
    CHECK(*bytes_of("000000") == 0);
    CHECK(*bytes_of("00000028 010000") == 0);
    CHECK(*bytes_of("00000028 01000023") == 0x2c);
    CHECK(*bytes_of("00fffffc 00000002") == wire::frame_bytes_max);
    for (const auto* hex : {"00fffffd", "00000003", "00000000", "ffffffff", "80000000", "47455420",
                            "00000028 02000002", "00000028 00000025", "00000004 00000001"}) {
        CAPTURE(hex);
        const auto bytes = bytes_of(hex);
        REQUIRE_FALSE(bytes);
        CHECK(bytes.error().code == Errc::invalid);
    }
}

TEST_CASE("headers that are no JSON are refused") {
    for (const auto* header : {"",
                               " ",
                               "x",
                               "{",
                               "}",
                               "[]",
                               "{\"code\"}",
                               "{\"code\":}",
                               "{\"code\":1",
                               "{\"code\":x}",
                               "{\"code\":1,}",
                               "{\"code\":1}}",
                               "{\"code\":1.5}",
                               "{\"code\":99999999999}",
                               "{\"opaque\":true}",
                               "{code:1}",
                               "{\"remark\":\"open",
                               "{\"remark\":\"\\",
                               "{\"a\":\"\\u00",
                               "{\"a\":\"\\q\"}",
                               "{\"extFields\":[]}",
                               "{\"extFields\":{\"a\"}}",
                               "{\"extFields\":{\"a\":\"b\"",
                               "{\"extFields\":nul}",
                               "{\"a\":[1,]}",
                               "{\"a\":[}"}) {
        CAPTURE(header);
        CHECK(is_refused(json_frame(header)));
        CHECK(is_refused(json_frame(header, "\"}}}}")));
    }
    CHECK(is_refused(json_frame("{\"a\":" + std::string(100'000, '[') + "}")));
    CHECK(is_refused(json_frame("{\"a\":" + std::string(65, '[') + std::string(65, ']') + "}")));
}

TEST_CASE(
    "as many ext fields as a header may have are read, and one more is not, in either encoding") {
    constexpr int most = 256;
    std::string json = R"({"extFields":{"k":"v")", binary = from_hex("0001 6b 00000001 76");
    const std::string one = binary;
    for (int i = 1; i < most; ++i) {
        json += R"(,"k":"v")";
        binary += one;
    }
    const auto binary_header = [](const std::string& ext) {
        Buffer out;
        out.put(from_hex("0069 00 0000 00000000 00000002 00000000"));
        out.put_be(static_cast<std::uint32_t>(ext.size()));
        out.put(ext);
        return std::string(out.text());
    };
    CHECK_FALSE(is_refused(json_frame(json + "}}")));
    CHECK(is_refused(json_frame(json + R"(,"k":"v"}})")));
    CHECK_FALSE(is_refused(frame_of(1, binary_header(binary))));
    CHECK(is_refused(frame_of(1, binary_header(binary + one))));
}

TEST_CASE("binary headers that end too early are refused") {
    const auto whole = from_hex(
        "0069 00 0000 00000000 00000002 00000002 6869 0000000c 0005 746f706963 00000001 54");
    CHECK_FALSE(is_refused(frame_of(1, whole)));
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
        CAPTURE(bytes);
        CHECK(is_refused(frame_of(1, whole.substr(0, bytes))));
    }
    // An ext block that ends inside a field, and lengths below zero.
    CHECK(is_refused(frame_of(1, from_hex("0069 00 0000 00000000 00000002 00000000 00000003 "
                                          "0005 74"))));
    CHECK(is_refused(frame_of(1, from_hex("0069 00 0000 00000000 00000002 ffffffff 00000000"))));
    CHECK(is_refused(frame_of(1, from_hex("0069 00 0000 00000000 00000002 00000000 ffffffff"))));
}

TEST_CASE("a binary field without key or value is absent, and negative codes survive") {
    const auto frame = frame_of(1, from_hex("fc18 09 01df ffffffff 00000001 00000000 0000000d "
                                            "0001 61 00000000 0000 00000000"));
    Decoder decoder;
    const auto command = decoder.decode(frame.bytes());
    REQUIRE(command);
    CHECK(command->code == -1000);
    CHECK(command->language == 9);
    CHECK(command->version == 479);
    CHECK(command->opaque == -1);
    CHECK(command->is_response());
    CHECK(command->ext.empty());
}

TEST_CASE("what is written in either encoding is read back") {
    for (const auto encoding : {Encoding::json, Encoding::binary}) {
        for (const auto* remark : {"", "topic[\x01] not \"exist\""}) {
            Decoder decoder;
            Buffer out;
            const auto command = written(decoder, out, encoding, remark);
            CHECK(command.encoding == encoding);
            CHECK(command.code == 310);
            CHECK(command.opaque == -7);
            CHECK(command.flag == wire::flag_oneway);
            CHECK(command.language == wire::language_cpp);
            CHECK(command.version == wire::our_version);
            CHECK(command.remark == remark);
            REQUIRE(command.ext.size() == 5);
            CHECK(command.find("i") == "KEYS\x01k \"1\"\\\x02TAGS\x01ä€😀\x02");
            CHECK(command.find("g") == "-1795220563453");
            CHECK(command.find("k") == "false");
            CHECK(command.find("m") == "true");
            CHECK(as_text(command.body) == "body");
        }
    }
}

TEST_CASE("a response is strict JSON with text values only") {
    Buffer out;
    out.put("before");
    Encoder encoder(out, Encoding::json, 0, 12, wire::flag_response);
    encoder.field("queueId", std::int64_t{3});
    encoder.field("TRACE_ON", true);
    encoder.field("x", "a\x01\x1f\"\\/\xff");
    CHECK(encoder.finish());
    CHECK(out.text().substr(14) ==
          R"({"code":0,"flag":1,"language":"CPP","opaque":12,"serializeTypeCurrentRPC":"JSON",)"
          R"("version":479,"extFields":{"queueId":"3","TRACE_ON":"true",)"
          R"("x":"a\u0001\u001f\"\\/)"
          "\xef\xbf\xbd\"}}");
    CHECK(*wire::frame_bytes(out.bytes().subspan(6)) == out.size() - 6);

    out.clear();
    Encoder(out, Encoding::json, 17, -1, wire::flag_response, "gone").finish();
    CHECK(out.text().substr(8) ==
          R"({"code":17,"flag":1,"language":"CPP","opaque":-1,"remark":"gone",)"
          R"("serializeTypeCurrentRPC":"JSON","version":479,"extFields":{}})");
}

TEST_CASE("a header closed for a body counts it without holding it") {
    for (const auto encoding : {Encoding::json, Encoding::binary}) {
        Buffer out;
        Encoder encoder(out, encoding, 0, 1, wire::flag_response);
        encoder.field("offset", std::int64_t{9});
        CHECK(encoder.finish_for(1000));
        CHECK(*wire::frame_bytes(out.bytes()) == out.size() + 1000);
    }
}

TEST_CASE("a code above 16 bits is never cut: its header becomes JSON") {
    Buffer out;
    CHECK(Encoder(out, Encoding::binary, 200050, 1, 0).finish());
    out.room(Decoder::padding_bytes);
    Decoder decoder;
    const auto command = decoder.decode(out.bytes());
    REQUIRE(command);
    CHECK(command->encoding == Encoding::json);
    CHECK(command->code == 200050);
}

TEST_CASE("a response too long for a frame becomes an error, a request vanishes") {
    Buffer out;
    out.put("before");
    CHECK_FALSE(
        Encoder(out, Encoding::json, 0, 5, wire::flag_response).finish_for(wire::frame_bytes_max));
    out.room(Decoder::padding_bytes);
    Decoder decoder;
    const auto command = decoder.decode(out.bytes().subspan(6));
    REQUIRE(command);
    CHECK(command->code == wire::response_code::system_error);
    CHECK(command->opaque == 5);
    CHECK_FALSE(command->remark.empty());

    out.clear();
    Encoder encoder(out, Encoding::binary, 10, 5, 0);
    encoder.field("i", std::string(wire::frame_bytes_max, 'x'));
    CHECK_FALSE(encoder.finish());
    CHECK(out.empty());
}

TEST_CASE("a frame of exactly the greatest length is written, and one byte more is not") {
    Buffer out;
    Encoder empty(out, Encoding::binary, 10, 5, 0);
    REQUIRE(empty.finish());
    const std::size_t rest = wire::frame_bytes_max - out.size();
    for (const std::size_t more : {0U, 1U}) {
        CAPTURE(more);
        out.clear();
        const std::string body(rest + more, 'x');
        Encoder encoder(out, Encoding::binary, 10, 5, 0);
        CHECK(encoder.finish(as_bytes(body)) == (more == 0));
        CHECK(out.size() == (more == 0 ? wire::frame_bytes_max : 0));
    }
}

TEST_CASE("a long remark is cut between characters") {
    std::string remark = "x";
    while (remark.size() < Encoder::remark_bytes_max + 10) remark += "ä";
    Buffer out;
    Encoder(out, Encoding::json, 1, 5, wire::flag_response, remark).finish();
    out.room(Decoder::padding_bytes);
    Decoder decoder;
    const auto command = decoder.decode(out.bytes());
    REQUIRE(command);
    CHECK(command->remark == std::string_view(remark).substr(0, Encoder::remark_bytes_max - 1));
}

TEST_CASE("response codes have names") {
    CHECK(wire::response_name(0) == "SUCCESS");
    CHECK(wire::response_name(17) == "TOPIC_NOT_EXIST");
    CHECK(wire::response_name(1500) == "GO_AWAY");
    CHECK(wire::response_name(3002) == "POLICY_NOT_EXIST");
    CHECK(wire::response_name(5).empty());
    CHECK(wire::response_name(9999).empty());
}
