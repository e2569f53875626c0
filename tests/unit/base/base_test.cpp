#include <doctest/doctest.h>

#include <string>

#include "base/bytes.h"
#include "base/compress.h"
#include "base/crc.h"
#include "base/c_escape.h"
#include "base/parse.h"
#include "base/whole_duration.h"
#include "base/result.h"

using namespace mqd;

namespace {

Result<int> half(int n) {
    if (n % 2 != 0) return Error{Errc::invalid, "odd"};
    return n / 2;
}
Result<int> quarter(int n) {
    TRY(const auto once, half(n));
    TRY(const auto twice, half(once));
    return twice;
}

}  // namespace

TEST_CASE("TRY hands on the value or the error") {
    CHECK(*quarter(8) == 2);
    REQUIRE(!quarter(6));
    CHECK(quarter(6).error().what == "odd");
}

TEST_CASE("big-endian integers survive a round trip and know their end") {
    Buffer out;
    out.put_be<std::int32_t>(-2);
    out.put_be<std::int64_t>(0x0102030405060708);
    out.put_be<std::int16_t>(0x7fff);
    CHECK(out.data()[4] == std::byte{1});
    ByteReader in(out.bytes());
    CHECK(in.take<std::int32_t>() == -2);
    CHECK(in.take<std::int64_t>() == 0x0102030405060708);
    CHECK(in.take<std::int16_t>() == 0x7fff);
    CHECK(in.ok());
    CHECK(in.take<std::int8_t>() == 0);
    CHECK(!in.ok());
}

TEST_CASE("the CRC is the zip polynomial without its sign bit") {
    CHECK(crc31(as_bytes("hello")) == 0x3610A686);
}

TEST_CASE("sizes, durations and integers are taken whole or not at all") {
    CHECK(*parse_size("64k") == 65536);
    CHECK(*parse_size("12") == 12);
    CHECK(!parse_size("12x"));
    CHECK(!parse_size(""));
    CHECK(!parse_size("9999999999999G"));
    CHECK(*parse_duration_ms("500ms") == 500);
    CHECK(*parse_duration_ms("2h") == 7'200'000);
    CHECK(*parse_duration_ms("2") == 2000);
    CHECK(*parse_duration_ms("0") == 0);
    CHECK(*parse_duration_ms("0.5") == 500);
    CHECK(*parse_duration_ms("1.5h") == 5'400'000);
    CHECK(*parse_duration_ms("0.0001ms") == 1);
    CHECK(*parse_duration_ms("1.0000000000001s") == 1001);
    CHECK(*parse_duration_ms("1.000") == 1000);
    for (const auto* const wrong : {"", ".", "s", ".5", "1.", "1.s", "-1", "1 s", "1x", "1.5.5",
                                    "1e3", "99999999999999999", "9223372036854775.9999"})
        CHECK_MESSAGE(!parse_duration_ms(wrong), wrong);
    CHECK(*parse_whole_duration_ms("2h") == 7'200'000);
    for (const auto* const wrong : {"2", "1.5s", ""})
        CHECK_MESSAGE(!parse_whole_duration_ms(wrong), wrong);
    CHECK(parse_int<int>("-5") == -5);
    CHECK(!parse_int<int>("+5"));
    CHECK(!parse_int<int>("5 "));
    CHECK(!parse_int<std::int8_t>("300"));
}

TEST_CASE("times") {
    CHECK(*parse_time_ms("now", 1000) == 1000);
    CHECK(*parse_time_ms("-1s", 5000) == 4000);
    CHECK(*parse_time_ms("-90", 100'000) == 10'000);
    CHECK(*parse_time_ms("1700000000123", 0) == 1700000000123);
    CHECK(*parse_time_ms("1700000000", 0) == 1700000000000);
    CHECK(*parse_time_ms("1700000000.25", 0) == 1700000000250);
    CHECK(*parse_time_ms("1700000000.123999", 0) == 1700000000123);
    CHECK(*parse_time_ms("0", 0) == 0);
    for (const auto* const wrong : {"17000000001", "170000000012", "17000000001234", "1700000000.",
                                    "1700000000123.5", "1.5.5", "+5", "1700000000s"})
        CHECK_MESSAGE(!parse_time_ms(wrong, 0), wrong);
    CHECK(*parse_time_ms("2026-11-20T10:00:00+01:00", 0) == 1795165200000);
    CHECK(*parse_time_ms("2026-11-20T09:00:00.250Z", 0) == 1795165200250);
    CHECK(!parse_time_ms("2026-13-20T10:00:00Z", 0));
    CHECK(!parse_time_ms("yesterday", 0));
    CHECK(!parse_time_ms("", 0));
    CHECK(!parse_time_ms("2026-11-20T10:00:00+", 0));
    CHECK(*parse_time_ms(format_time(1795165200250), 0) == 1795165200250);
}

TEST_CASE("C escapes are read, and what is none is an error") {
    CHECK(*unescape_c("") == "");
    CHECK(*unescape_c("a\\tb\\\\n") == "a\tb\\n");
    CHECK(*unescape_c("\\a\\b\\e\\f\\n\\r\\v\\'\\\"\\?") == "\a\b\x1b\f\n\r\v'\"?");
    CHECK(*unescape_c("\\0") == std::string(1, '\0'));
    CHECK(*unescape_c("\\0x\\101\\1018\\377") == std::string("\0xAA8\xff", 6));
    CHECK(*unescape_c("\\x1f\\x9\\x9z\\x411") == "\x1f\t\tzA1");
    for (const auto* const wrong : {"\\", "a\\", "\\q", "\\8", "\\400", "\\x", "\\xg"})
        CHECK_MESSAGE(!unescape_c(wrong), wrong);
}

TEST_CASE("base64 there and back, and nothing but base64") {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    for (std::size_t n = 0; n < 5; ++n)
        CHECK(*base64_decode(base64_encode(all.substr(n))) == all.substr(n));
    CHECK(base64_encode("foob") == "Zm9vYg==");
    CHECK(!base64_decode("Zm9"));
    CHECK(!base64_decode("Zm=v"));
    CHECK(!base64_decode("====Zm9v"));
}

TEST_CASE("UTF-8 is checked as Unicode has it") {
    CHECK(is_utf8("plain ascii that is longer than eight"));
    CHECK(is_utf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"));
    CHECK(!is_utf8("\xC0\x80"));
    CHECK(!is_utf8("\xED\xA0\x80"));
    CHECK(!is_utf8("\xF4\x90\x80\x80"));
    CHECK(!is_utf8("cut \xE2\x82"));
    CHECK(!is_utf8("\xFF"));
}

TEST_CASE("bodies come back from every compression, and damage is told from size") {
    std::string body;
    for (int i = 0; i < 5000; ++i) body += std::to_string(i % 97);
    for (const auto kind : {Compression::zlib, Compression::lz4, Compression::zstd}) {
        const auto packed = compress(kind, as_bytes(body), 3);
        REQUIRE(packed);
        CHECK(packed->size() < body.size());
        CHECK(*decompress(kind, as_bytes(*packed), 1 << 20) == body);
        const auto small = decompress(kind, as_bytes(*packed), 100);
        REQUIRE(!small);
        CHECK(small.error().code == Errc::invalid);
        const auto cut = decompress(kind, as_bytes(packed->substr(0, packed->size() / 2)), 1 << 20);
        REQUIRE(!cut);
        CHECK(cut.error().code == Errc::corrupt);
        CHECK(!decompress(kind, as_bytes("rubbish rubbish"), 1 << 20));
    }
}
