#include "record/writer.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "json/value.h"
#include "message/properties.h"
#include "message/record.h"
#include "pipe.h"
#include "record/reader.h"

using namespace mqd;
using namespace std::string_literals;

namespace {

struct Message {
    Buffer bytes;
    message::RecordView view;

    explicit Message(std::string_view body, std::string_view properties = {}) {
        message::Draft draft;
        draft.topic = "T1";
        draft.queue_id = 3;
        draft.flag = 5;
        draft.sys_flag = 4;
        draft.body = body;
        draft.properties = properties;
        draft.born_ts_ms = 1000;
        draft.reconsume_times = 2;
        draft.born_host = *message::Host::parse("10.0.0.1:5");
        draft.store_host = *message::Host::parse("127.0.0.1:10911");
        message::encode(draft, bytes);
        message::place(bytes.bytes(), QueueOffset{7}, PhysicalOffset{255}, 2000);
        view = *message::RecordView::parse(bytes.bytes());
    }
};

std::string written(std::string_view format, const Message& message, bool json_body = false,
                    std::string_view broker = "b1") {
    auto parsed = record::parse_format(format);
    REQUIRE(parsed);
    parsed->json_body = json_body;
    record::Encoder encoder(*parsed);
    Buffer out;
    encoder.append(out, message.view, broker, message.view.body);
    return std::string(out.text());
}

const std::string properties =
    "KEYS\x01k1 k2\x02TAGS\x01tag\x02UNIQ_KEY\x01U1\x02WAIT\x01true\x02"
    "color\x01red\x02size\x01\xc3\xa9";

}  // namespace

TEST_CASE("lines, nul and raw are the body and what ends it") {
    const Message message("he\0llo"s);
    CHECK(written("lines", message) == "he\0llo\n"s);
    CHECK(written("nul", message) == "he\0llo\0"s);
    CHECK(written("raw", message) == "he\0llo"s);
}

TEST_CASE("a JSON record has every key of the table, known or absent") {
    CHECK(written("json", Message("a\"\\\n\x01/\xc3\xa9 and some more", properties)) ==
          "{\"topic\":\"T1\",\"body\":\"a\\\"\\\\\\n\\u0001/\xc3\xa9 and some more\","
          "\"keys\":[\"k1\",\"k2\"],\"tags\":\"tag\","
          "\"properties\":{\"color\":\"red\",\"size\":\"\xc3\xa9\"},\"id\":\"U1\","
          "\"offset_id\":\"7F00000100002A9F00000000000000FF\",\"broker\":\"b1\",\"queue\":3,"
          "\"offset\":7,\"log_offset\":255,\"size\":174,\"born_ts\":1000,\"store_ts\":2000,"
          "\"born_host\":\"10.0.0.1:5\",\"store_host\":\"127.0.0.1:10911\",\"reconsume\":2,"
          "\"flag\":5,\"sys_flag\":4,\"system\":{\"WAIT\":\"true\"}}\n");
    CHECK(written("json", Message("\xff\x00"s), false, "") ==
          "{\"topic\":\"T1\",\"body_b64\":\"/wA=\",\"id\":\"7F00000100002A9F00000000000000FF\","
          "\"offset_id\":\"7F00000100002A9F00000000000000FF\",\"queue\":3,"
          "\"offset\":7,\"log_offset\":255,\"size\":95,\"born_ts\":1000,\"store_ts\":2000,"
          "\"born_host\":\"10.0.0.1:5\",\"store_host\":\"127.0.0.1:10911\",\"reconsume\":2,"
          "\"flag\":5,\"sys_flag\":4}\n");
}

TEST_CASE("every string that JSON must escape is read back as it was, at every length") {
    for (std::size_t length = 0; length < 40; ++length) {
        for (const char c : {'"', '\\', '\n', '\x1f', '\x7f', '\b'}) {
            std::string body(length, 'x');
            for (std::size_t at = 0; at <= length; at += 3) {
                auto changed = body;
                changed.insert(at, 1, c);
                const auto text = written("json", Message(changed));
                const auto value = json::parse(text.substr(0, text.size() - 1));
                REQUIRE_MESSAGE(value, text);
                REQUIRE((*value)["body"].as_text() == changed);
            }
        }
    }
}

TEST_CASE("a property that is there twice, or is no UTF-8, leaves the JSON valid") {
    const auto text = written("json", Message("",
                                              "a\x01"
                                              "1\x02"
                                              "a\x01"
                                              "2\x02"
                                              "b\x01\xff\x02"));
    CHECK(text.find("\"properties\":{\"a\":\"2\",\"b\":\"\xef\xbf\xbd\"}") != std::string::npos);
    std::string many;
    for (int i = 0; i < 100; ++i)
        message::append_property(many, "n" + std::to_string(i % 50), std::to_string(i));
    const auto value = json::parse(written("json", Message("", many)));
    REQUIRE(value);
    CHECK((*value)["properties"].members().size() == 50);
    CHECK((*value)["properties"]["n0"].as_text() == "50");
}

TEST_CASE("with json_body a body that is itself one JSON value is embedded compactly") {
    const auto body_of = [](std::string_view body) {
        const auto text = written("json", Message(body), true);
        const auto from = text.find("\"body\":") + 7;
        return text.substr(from, text.find(",\"id\"") - from);
    };
    CHECK(body_of("{ \"a\" : [1, 2.50] }") == "{\"a\":[1,2.50]}");
    CHECK(body_of(" 12 ") == "12");
    CHECK(body_of("true") == "true");
    CHECK(body_of("1,\"x\":2") == "\"1,\\\"x\\\":2\"");
    CHECK(body_of("1},{") == "\"1},{\"");
    CHECK(body_of("hello") == "\"hello\"");
    CHECK(body_of("") == "\"\"");
}

TEST_CASE("a pattern's letters are kcat's, with escapes") {
    const Message message("body", properties);
    CHECK(written("format:%t %q/%p:%o %k|%g %S %s%% %h %T %B %i %b %O\\t\\x41\\n", message) ==
          "T1 3/3:7 k1 k2|tag 4 body% color=red,size=\xc3\xa9 2000 1000 U1 b1 255\tA\n");
    CHECK(written("format:%R%K", message) ==
          "\0\0\0\x04"
          "5"s);
    CHECK(written("format:%i%x", Message("")) == "7F00000100002A9F00000000000000FF");
    for (const std::string wrong : {"xml", "format:%z", "format:%", "format:\\", "format:\\q",
                                    "format:\\x", "format:\\xzz", ""})
        CHECK_MESSAGE(!record::parse_format(wrong), wrong);
}

TEST_CASE("what is written as json, msgpack or nul is read back with nothing lost") {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    struct Case {
        std::string_view format;
        record::Input input;
        std::string body;
    };
    const Case cases[] = {{"json", record::Input::json, all},
                          {"json", record::Input::json, all.substr(0, 128)},
                          {"msgpack", record::Input::msgpack, all},
                          {"nul", record::Input::nul, all.substr(1)}};
    for (const auto& c : cases) {
        const auto bytes =
            written(c.format, Message(c.body, properties + "\x02__SHARDINGKEY\x01s1"));
        const TemporaryFile file(bytes + bytes);
        record::Reader reader(file.fd(), "in", {.input = c.input});
        for (int i = 0; i < 2; ++i) {
            const auto next = reader.next();
            REQUIRE_MESSAGE(next, next.error().what);
            REQUIRE(*next != nullptr);
            CHECK((*next)->body == c.body);
            if (c.input == record::Input::nul) continue;
            CHECK((*next)->topic == "T1");
            CHECK((*next)->keys == std::vector<std::string_view>{"k1", "k2"});
            CHECK((*next)->tags == "tag");
            CHECK((*next)->shard == "s1");
            CHECK((*next)->flag == 5);
            REQUIRE((*next)->properties.size() == 2);
            CHECK((*next)->properties[0].name == "color");
            CHECK((*next)->properties[1].value == "\xc3\xa9");
        }
        CHECK(reader.next().value() == nullptr);
    }
}

TEST_CASE("a writer gives its bytes in blocks, in order, and says why it cannot") {
    const TemporaryFile file;
    record::Writer writer(file.fd(), "out", *record::parse_format("lines"));
    std::string expected;
    for (int i = 0; i < 20000; ++i) {
        const Message message(std::string(20, static_cast<char>('a' + i % 26)));
        REQUIRE(writer.write(message.view, "", message.view.body));
        expected += std::string(message.view.body) + "\n";
    }
    CHECK(!writer.empty());
    CHECK(!file.content().empty());
    REQUIRE(writer.flush());
    CHECK(writer.empty());
    CHECK(file.content() == expected);

    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(full >= 0);
    record::Writer refused(full, "out", *record::parse_format("lines"));
    const Message message("x");
    REQUIRE(refused.write(message.view, "", "x"));
    const auto flushed = refused.flush();
    REQUIRE(!flushed);
    CHECK(flushed.error().code == Errc::io);
    CHECK(flushed.error().what == "out: No space left on device");
    ::close(full);
}
