#include "record/reader.h"

#include <sys/eventfd.h>

#include <string>
#include <vector>

#include "pipe.h"

using namespace mqd;
using namespace std::string_literals;
using record::Input;

namespace {

struct Seen {
    std::vector<std::string> bodies;
    std::vector<std::string> errors;
    std::string refused;
};

Seen read_all(std::string_view content, record::ReaderOptions options) {
    const TemporaryFile file(content);
    Seen seen;
    options.refused = [&](std::string_view piece) { seen.refused += piece; };
    record::Reader reader(file.fd(), "in", options);
    for (;;) {
        const auto next = reader.next();
        if (!next) {
            seen.errors.push_back(next.error().what);
            REQUIRE(seen.errors.size() < 100);
        } else if (*next == nullptr) {
            return seen;
        } else {
            seen.bodies.emplace_back((*next)->body);
        }
    }
}

using Bodies = std::vector<std::string>;

}  // namespace

TEST_CASE("every line is a message, the last one also without its newline") {
    CHECK(read_all("a\n\nb \r\nc", {}).bodies == Bodies{"a", "", "b \r", "c"});
    CHECK(read_all("a\n", {}).bodies == Bodies{"a"});
    CHECK(read_all("", {}).bodies == Bodies{});
    CHECK(read_all("\n\nx\n", {.skip_empty = true}).bodies == Bodies{"x"});
}

TEST_CASE("all 256 byte values come through in NUL-ended chunks, files and lines") {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    CHECK(read_all(all, {.input = Input::file}).bodies == Bodies{all});
    CHECK(read_all(all + '\0' + "x" + '\0', {.input = Input::nul}).bodies ==
          Bodies{"", all.substr(1), "x"});
    const auto lines = read_all(all, {}).bodies;
    CHECK(lines == Bodies{all.substr(0, 10), all.substr(11)});
}

TEST_CASE("lines longer than a block come whole, and positions are those of the input") {
    const std::string big(3'000'000, 'x');
    const TemporaryFile file("ab\n" + big + "\nlast\n");
    record::Reader reader(file.fd(), "in", {});
    CHECK((*reader.next().value()).body == "ab");
    CHECK(reader.begin_at() == 0);
    CHECK(reader.end_at() == 3);
    CHECK((*reader.next().value()).body == big);
    CHECK(reader.begin_at() == 3);
    CHECK((*reader.next().value()).body == "last");
    CHECK(reader.raw() == "last");
    CHECK(reader.number() == 3);
    CHECK(reader.end_at() == 3 + big.size() + 1 + 5);
    CHECK(reader.next().value() == nullptr);
}

TEST_CASE("a line over the limit is refused with its place, kept whole, and the next one read") {
    const std::string big(2'500'000, 'x');
    const auto seen = read_all("ab\n" + big + "\nlast\n", {.record_bytes_max = 1000});
    CHECK(seen.bodies == Bodies{"ab", "last"});
    CHECK(seen.errors == Bodies{"in: line 2 (byte 3): longer than 1000 bytes"});
    CHECK(seen.refused == big + "\n");
    // Characters stay whole where there are any.
    CHECK(read_all("aä€😀b\n", {.record_bytes_max = 4, .split_long = true}).bodies ==
          std::vector<std::string>{"aä", "€", "😀", "b"});
    CHECK(read_all("\x80\x80\x80\x80\x80\x80\n", {.record_bytes_max = 5, .split_long = true})
              .bodies == std::vector<std::string>{"\x80\x80\x80\x80\x80", "\x80"});
    CHECK(read_all("abcdefg\nh\n", {.record_bytes_max = 3, .split_long = true}).bodies ==
          Bodies{"abc", "def", "g", "h"});
    CHECK(read_all("abc\n", {.record_bytes_max = 3}).bodies == Bodies{"abc"});
    CHECK(read_all("abcd", {.input = Input::file, .record_bytes_max = 3}).errors ==
          Bodies{"in: longer than 3 bytes"});
}

TEST_CASE("a key is what stands before the delimiter") {
    const TemporaryFile file("k1::body::x\nno key\n::empty\n");
    record::Reader reader(file.fd(), "in", {.key_delimiter = "::"});
    const auto first = reader.next();
    REQUIRE(first);
    CHECK((*first)->keys == std::vector<std::string_view>{"k1"});
    CHECK((*first)->body == "body::x");
    CHECK(reader.raw() == "k1::body::x");
    CHECK((*reader.next().value()).body == "no key");
    const auto third = reader.next();
    CHECK((*third)->keys.empty());
    CHECK((*third)->body == "empty");
}

TEST_CASE("a JSON line may say all that a record can hold") {
    const TemporaryFile file(R"({"topic":"T","body":"h\u00e9\n","keys":["a","b"],"tags":"g",)"
                             R"("properties":{"p":"1","q":"2"},"flag":-7,"shard":"s",)"
                             R"("delay_level":3,"deliver_at":1700000000000,"offset":12,"x":[{}]})"
                             "\n");
    record::Reader reader(file.fd(), "in", {.input = Input::json});
    const auto next = reader.next();
    REQUIRE_MESSAGE(next, next.error().what);
    const auto& r = **next;
    CHECK(r.topic == "T");
    CHECK(r.body == "h\xc3\xa9\n");
    CHECK(r.keys == std::vector<std::string_view>{"a", "b"});
    CHECK(r.tags == "g");
    REQUIRE(r.properties.size() == 2);
    CHECK(r.properties[1].name == "q");
    CHECK(r.properties[1].value == "2");
    CHECK(r.flag == -7);
    CHECK(r.shard == "s");
    CHECK(r.delay_level == 3);
    CHECK(r.deliver_at_ms == 1700000000000);
    CHECK(reader.next().value() == nullptr);
}

TEST_CASE("a body may be base64, or any JSON value, which is sent as compact text") {
    const auto seen = read_all(
        "{\"body_b64\":\"AP8K\"}\n{\"body\":{\"a\": [1, "
        "2.50]}}\n\n{\"body\":1e3}\n{\"body\":null}\n",
        {.input = Input::json});
    CHECK(seen.errors == Bodies{});
    CHECK(seen.bodies == Bodies{"\x00\xff\n"s, "{\"a\":[1,2.50]}", "1e3", "null"});
}

TEST_CASE("JSON lines that are no record are refused one by one, with line, byte and reason") {
    const auto seen = read_all(
        "{\"body\":\"1\"}\n[]\n{\"topic\":1,\"body\":\"\"}\n{\"body_b64\":\"*\"}\n{\"tags\":\"x\"}"
        "\n"
        "{\"body\":\"\",\"properties\":{\"a\":1}}\n{\"body\":\"\",\"flag\":99999999999}\n{\"body\":"
        "\"2\"}",
        {.input = Input::json});
    CHECK(seen.bodies == Bodies{"1", "2"});
    REQUIRE(seen.errors.size() == 6);
    CHECK(seen.errors[0] == "in: line 2 (byte 13): not a JSON object");
    CHECK(seen.errors[1] == "in: line 3 (byte 16): 'topic' is not a string");
    CHECK(seen.errors[2].ends_with("'body_b64' is not base64"));
    CHECK(seen.errors[3].ends_with("there is neither a 'body' nor a 'body_b64'"));
    CHECK(seen.errors[4].ends_with("'properties' is not a map of strings"));
    CHECK(seen.errors[5].ends_with("'flag' is not an integer that fits"));
    CHECK(seen.refused.starts_with("[]\n{\"topic\":1,"));
    CHECK(seen.refused.ends_with("99999999999}\n"));
}

TEST_CASE("msgpack maps follow each other without anything between") {
    const auto seen = read_all(
        "\x82\xa4"
        "body\xc4\x02\x00\xff\xa4tags\xa1g"s
        "\x81\xa4"
        "body\xa1x"s
        "\x01"s
        "\x81\xa4"
        "flag\x01"s
        "\x81\xa4"
        "body\xa1y"s,
        {.input = Input::msgpack});
    CHECK(seen.bodies == Bodies{"\x00\xff"s, "x", "y"});
    CHECK(seen.errors == Bodies{"in: record 3 (byte 25): not a map",
                                "in: record 4 (byte 26): there is no 'body'"});
    CHECK(seen.refused ==
          "\x01\x81\xa4"
          "flag\x01"s);
}

TEST_CASE("bytes that are no msgpack, or end inside a map, end the input with their place") {
    const auto broken = read_all(
        "\x81\xa4"
        "body\xa1x\xc1\x81"s,
        {.input = Input::msgpack});
    CHECK(broken.bodies == Bodies{"x"});
    REQUIRE(broken.errors.size() == 1);
    CHECK(broken.errors[0].starts_with("in: record 2 (byte 8): not msgpack"));
    const auto cut = read_all(
        "\x81\xa4"
        "bod"s,
        {.input = Input::msgpack});
    CHECK(cut.errors == Bodies{"in: record 1 (byte 0): the input ends inside a map"});
    // Four billion items are claimed: refused at once, and no memory taken for them.
    CHECK(read_all("\xdd\xff\xff\xff\xff"s, {.input = Input::msgpack}).errors.size() == 1);
}

TEST_CASE("entries of a journal come whole, whatever bytes are in their fields") {
    const auto binary = "DATA\n"s + "\x05\0\0\0\0\0\0\0"s + "\n\n=\0x"s + "\n";
    const Bodies entries = {"A=1\nMESSAGE=one\n", "MESSAGE=two\n" + binary + "B=\n", binary};
    record::ReaderOptions options;
    options.input = Input::journal;
    CHECK(read_all("\n\n" + entries[0] + "\n" + entries[1] + "\n\n\n" + entries[2] + "\n", options)
              .bodies == entries);
    CHECK(read_all(entries[0] + "\n" + entries[2], options).bodies ==
          Bodies{entries[0], entries[2]});
    CHECK(read_all("\n\n\n", options).bodies.empty());
    CHECK(read_all("", options).errors.empty());
    // What is cut or none at all ends the input with its place, behind what was whole.
    for (std::size_t cut = 1; cut < binary.size(); ++cut) {
        const auto seen = read_all(entries[0] + "\n" + binary.substr(0, cut), options);
        CHECK(seen.bodies == Bodies{entries[0]});
        CHECK(seen.errors ==
              Bodies{"in: record 2 (byte 17): the input ends inside an entry; nothing after it can "
                     "be read"});
    }
    const auto seen = read_all("no field at all\nand no length\n", options);
    CHECK(seen.errors ==
          Bodies{"in: record 1 (byte 0): not an entry of a journal; nothing after it can be read"});
    options.record_bytes_max = 16;
    CHECK(read_all(entries[0] + "\n", options).bodies == Bodies{entries[0]});
    options.record_bytes_max = 15;
    CHECK(read_all(entries[0] + "\n", options).errors ==
          Bodies{"in: record 1 (byte 0): longer than 15 bytes; nothing after it can be read"});
}

TEST_CASE("an interrupt ends the input without a half line, following waits for the rest") {
    const int stop = ::eventfd(1, 0);
    const TemporaryFile file("a\nb");
    record::Reader stopped(file.fd(), "in", {.stop_fd = stop});
    CHECK(stopped.next().value() == nullptr);
    ::close(stop);

    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const TemporaryFile growing("a\nb");
    record::Reader following(growing.fd(), "in", {.follow = true});
    CHECK((*following.next().value()).body == "a");
    CHECK(following.next().value() == nullptr);
    CHECK(following.end_at() == 2);
    REQUIRE(::pwrite(growing.fd(), "c\n", 2, 3) == 2);
    CHECK((*following.next().value()).body == "bc");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("ready tells whether a whole record is already here") {
    const TemporaryFile file("a\nb\nc");
    record::Reader reader(file.fd(), "in", {});
    CHECK(!reader.ready());
    REQUIRE(reader.next().value() != nullptr);
    CHECK(reader.ready());
    REQUIRE(reader.next().value() != nullptr);
    CHECK(!reader.ready());
}

TEST_CASE("ready tells of a map only when it is there as a whole") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto give = [&](std::string_view bytes) {
        REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    };
    record::Reader reader(ends[0], "in", {.input = Input::msgpack});
    CHECK(!reader.ready());
    give(
        "\x81\xa4"
        "body\xa3"
        "one\x81\xa4"
        "bo");
    REQUIRE(reader.fill());
    CHECK(reader.ready());
    CHECK(reader.ready());
    CHECK((*reader.next().value()).body == "one");
    CHECK(!reader.ready());
    give(
        "dy\xa3"
        "two\x81\xa4"
        "body\xa5"
        "three");
    REQUIRE(reader.fill());
    REQUIRE(reader.ready());
    // What was found before more is read is found again.
    give("\x81");
    REQUIRE(reader.fill());
    CHECK(reader.ready());
    CHECK((*reader.next().value()).body == "two");
    CHECK((*reader.next().value()).body == "three");
    CHECK(!reader.ready());
    ::close(ends[1]);
    REQUIRE(reader.fill());
    CHECK(reader.ready());
    CHECK(reader.next().error().code == Errc::corrupt);
    ::close(ends[0]);
}

TEST_CASE("a followed file goes on behind its end, and a line that is too long too") {
    const TemporaryFile file("one\nhalf");
    std::string refused;
    record::ReaderOptions options;
    options.follow = true;
    options.at = 100;
    options.record_bytes_max = 10;
    options.refused = [&](std::string_view piece) { refused += piece; };
    record::Reader reader(file.fd(), "in", options);
    const auto append = [&](std::string_view text) {
        const auto at = ::lseek(file.fd(), 0, SEEK_CUR);
        REQUIRE(::pwrite(file.fd(), text.data(), text.size(), at) ==
                static_cast<ssize_t>(text.size()));
    };
    CHECK(reader.fill().value_or(false));
    REQUIRE(reader.ready());
    CHECK((*reader.next().value()).body == "one");
    CHECK(reader.end_at() == 104);
    CHECK_FALSE(reader.ready());
    CHECK_FALSE(reader.fill().value_or(true));
    CHECK_FALSE(reader.ready());
    append(" line\n0123456789a");
    CHECK(reader.fill().value_or(false));
    CHECK((*reader.next().value()).body == "half line");
    CHECK(reader.next().error().code == Errc::corrupt);
    CHECK_FALSE(reader.fill().value_or(true));
    append("bc\nbehind");
    CHECK(reader.fill().value_or(false));
    CHECK(refused == "0123456789abc\n");
    CHECK_FALSE(reader.ready());
    CHECK_FALSE(reader.fill().value_or(true));
    reader.end_here();
    REQUIRE(reader.ready());
    CHECK((*reader.next().value()).body == "behind");
    CHECK(reader.next().value() == nullptr);
}

TEST_CASE("keys that the table does not have are told of, or refused") {
    for (const bool is_strict : {false, true}) {
        std::vector<std::string> told;
        record::ReaderOptions options;
        options.input = Input::json;
        options.is_strict = is_strict;
        options.unknown_key = [&](std::string_view key, std::string_view where) {
            told.push_back(std::string(where) + " " + std::string(key));
        };
        const auto seen = read_all(
            R"({"body":"a","tag":1,"x":null})"
            "\n"
            R"({"body":"b","id":"i","offset_id":"o","broker":"b","queue":1,"offset":2,"log_offset":3,)"
            R"("size":4,"born_ts":5,"store_ts":6,"born_host":"h","store_host":"h","reconsume":0,)"
            R"("sys_flag":0,"system":{"a":"b"}})"
            "\n",
            options);
        CHECK(seen.bodies == (is_strict ? Bodies{"b"} : Bodies{"a", "b"}));
        CHECK(seen.errors.size() == (is_strict ? 1 : 0));
        if (is_strict) {
            CHECK(seen.errors[0].find("there is no key 'tag'") != std::string::npos);
        } else {
            CHECK(told ==
                  std::vector<std::string>{"in: line 1 (byte 0) tag", "in: line 1 (byte 0) x"});
        }
    }
}
