#include <doctest/doctest.h>

#include <string>

#include "message/id.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/sys_flag.h"

using namespace mqd;
using namespace mqd::message;

TEST_CASE("a record holds what was put in, byte for byte where RocketMQ's is known") {
    Draft draft;
    draft.topic = "T1";
    draft.body = "hello";
    draft.born_ts_ms = 0x1a1fb7a47da;
    draft.born_host = *Host::parse("127.0.0.1:40454");
    draft.store_host = *Host::parse("127.0.0.1:30911");
    draft.properties = "KEYS\x01k";
    draft.more_properties =
        "CLUSTER\x01"
        "c\x02";
    Buffer out;
    encode(draft, out);
    CHECK(out.size() == encoded_bytes(draft));
    CHECK(out.size() == 91 + 5 + 2 + 6 + 1 + 10);
    CHECK(load_be<std::uint32_t>(out.data() + 8) == 0x3610a686);
    CHECK(load_be<std::uint64_t>(out.data() + 48) == 0x7f00000100009e06);

    place(out.bytes(), QueueOffset{7}, PhysicalOffset{4096}, 123456);
    const auto view = RecordView::parse(out.bytes());
    REQUIRE(view);
    CHECK(view->queue_offset.value == 7);
    CHECK(view->at.value == 4096);
    CHECK(view->store_ts_ms == 123456);
    CHECK(view->body == "hello");
    CHECK(view->topic == "T1");
    CHECK(view->properties ==
          "KEYS\x01k\x02"
          "CLUSTER\x01"
          "c\x02");
    CHECK(view->store_host.to_string() == "127.0.0.1:30911");
    CHECK(view->body_crc_ok());
}

TEST_CASE("long topics make V2 records, IPv6 hosts longer ones") {
    Draft draft;
    const std::string topic(200, 't');
    draft.topic = topic;
    draft.body = "b";
    draft.born_host = *Host::parse("[2001:db8::1]:80");
    draft.store_host = *Host::parse("[::1]:10911");
    Buffer out;
    encode(draft, out);
    place(out.bytes(), QueueOffset{1}, PhysicalOffset{2}, 3);
    const auto view = RecordView::parse(out.bytes());
    REQUIRE(view);
    CHECK(view->v2);
    CHECK(view->topic == topic);
    CHECK(view->born_host.to_string() == "[2001:db8::1]:80");
    CHECK(view->store_ts_ms == 3);
}

TEST_CASE("a record cut anywhere, or with any length bent, is refused") {
    Draft draft;
    draft.topic = "topic";
    draft.body = "body";
    draft.properties =
        "A\x01"
        "b\x02";
    Buffer out;
    encode(draft, out);
    for (std::size_t n = 0; n < out.size(); ++n) CHECK(!RecordView::parse(out.bytes().first(n)));
    for (const std::size_t at : {0U, 3U, 4U, 84U, 85U, 87U, 92U, 98U}) {
        Buffer bent;
        bent.put(out.bytes());
        bent.data()[at] ^= std::byte{0x81};
        CHECK_MESSAGE(!RecordView::parse(bent.bytes()), at);
    }
}

TEST_CASE("a record that ends with its CRC shows every flipped bit") {
    Draft draft;
    draft.topic = "T";
    draft.body = "hello";
    draft.properties =
        "A\x01"
        "b";
    draft.append_crc = true;
    Buffer out;
    encode(draft, out);
    CHECK(out.size() == encoded_bytes(draft));
    MutableBytes record(out.data(), out.size());
    place(record, QueueOffset{7}, PhysicalOffset{1234}, 1'700'000'000'000);
    const auto whole = RecordView::parse(record);
    REQUIRE(whole);
    CHECK(whole->sum() == RecordView::Sum::right);
    CHECK(whole->properties.substr(0, 4) ==
          "A\x01"
          "b\x02");
    CHECK(find_property(whole->properties, property::crc32)->size() == 10);
    for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
        CAPTURE(bit);
        const auto mask = static_cast<std::byte>(1U << (bit % 8));
        record[bit / 8] ^= mask;
        const auto bent = RecordView::parse(record);
        CHECK((!bent || bent->sum() == RecordView::Sum::wrong));
        record[bit / 8] ^= mask;
    }
}

TEST_CASE("a CRC in a sender's properties is not taken for the record's") {
    Draft draft;
    draft.topic = "T";
    draft.body = "hello";
    draft.properties =
        "__CRC32#\x01"
        "1234567890\x02";
    draft.more_properties =
        "A\x01"
        "b\x02";
    Buffer out;
    encode(draft, out);
    CHECK(RecordView::parse(out.bytes())->properties == draft.more_properties);
    out.clear();
    draft.more_properties = {};
    draft.properties =
        "A\x01"
        "b\x02__CRC32#\x01"
        "1234567890";  // not closed, so it stays
    encode(draft, out);
    const auto record = RecordView::parse(out.bytes());
    REQUIRE(record);
    CHECK(record->properties == draft.properties);
    CHECK(record->sum() == RecordView::Sum::absent);
}

TEST_CASE("properties: the last wins, empty ones do not count") {
    const std::string text =
        "A\x01"
        "1\x02"
        "B\x01\x02"
        "\x01x\x02"
        "C\x02"
        "A\x01"
        "2";
    CHECK(find_property(text, "A") == "2");
    CHECK(!find_property(text, "B"));
    CHECK(!find_property(text, "C"));
    CHECK(!find_property(text, ""));
    PropertyReader reader(text);
    CHECK(reader.next()->value == "1");
    CHECK(reader.next()->value == "2");
    CHECK(!reader.next());
    CHECK(without_property(text, "A").empty());
    std::string grown =
        "A\x01"
        "1";
    append_property(grown, "B", "2");
    CHECK(grown ==
          "A\x01"
          "1\x02"
          "B\x01"
          "2\x02");
}

TEST_CASE("the tag hash is Java's, also outside ASCII") {
    CHECK(java_hash("TagB") == 2598920);
    CHECK(java_hash("") == 0);
    CHECK(java_hash("\xC3\xA9") == 0xE9);
    CHECK(java_hash("\xF0\x9F\x98\x80") == 31 * 0xD83D + 0xDE00);
    CHECK(tags_code("TAGS\x01TagB\x02") == 2598920);
    CHECK(tags_code("") == 0);
}

TEST_CASE("offset ids are RocketMQ's") {
    const auto id = parse_offset_id("7F000001000078BF0000000000004461");
    REQUIRE(id);
    CHECK(id->store_host.to_string() == "127.0.0.1:30911");
    CHECK(id->at.value == 0x4461);
    CHECK(offset_id(id->store_host, id->at) == "7F000001000078BF0000000000004461");
    CHECK(!parse_offset_id("7F000001000078BF000000000000446"));
    CHECK(!parse_offset_id("7F000001000078BF000000000000446Z"));
}

TEST_CASE("unique keys are 32 digits and never the same") {
    UniqueKeys keys;
    const auto a = keys.next();
    const auto b = keys.next();
    CHECK(a.size() == 32);
    CHECK(a != b);
    CHECK(UniqueKeys().next().substr(0, 16) != a.substr(0, 16));
}

TEST_CASE("batch items come off one by one, and a bent length ends it") {
    Buffer out;
    append_batch_item(out, {.flag = 3,
                            .body = "one",
                            .properties = "A\x01"
                                          "b\x02"});
    append_batch_item(out, {.flag = 0, .body = "", .properties = ""});
    BatchReader reader(out.bytes());
    const auto first = reader.next();
    REQUIRE(first);
    CHECK(first->flag == 3);
    CHECK(first->body == "one");
    CHECK(first->properties ==
          "A\x01"
          "b\x02");
    CHECK(reader.next()->body.empty());
    CHECK(reader.at_end());
    for (std::size_t n = 1; n < out.size(); ++n) {
        BatchReader cut(out.bytes().first(n));
        while (!cut.at_end() && cut.next()) {
        }
        CHECK(cut.at_end());
    }
    store_be<std::int32_t>(out.data(), 1 << 30);
    BatchReader bent(out.bytes());
    CHECK(!bent.next());
}

TEST_CASE("compressed bodies are shown plain") {
    RecordView view;
    const auto packed = *compress(Compression::lz4, as_bytes("some body"), 1);
    view.body = packed;
    view.sys_flag = sys_flag::of(Compression::lz4);
    CHECK(*view.plain_body(100) == "some body");
    view.sys_flag = 0x401;
    CHECK(!view.plain_body(100));
}

TEST_CASE(
    "properties of exactly the greatest length are stored, with a CRC or without room for it") {
    constexpr std::size_t room = crc_property_bytes + 1;  // with its separator
    for (const std::size_t left : {std::size_t{0}, std::size_t{1}, room - 1, room}) {
        CAPTURE(left);
        Draft draft;
        draft.topic = "T";
        draft.body = "b";
        draft.append_crc = true;
        draft.born_host = draft.store_host = *Host::parse("127.0.0.1:1");
        std::string properties = "k\x01";
        properties.resize(properties_bytes_max - left, 'v');
        draft.properties = properties;
        Buffer out;
        encode(draft, out);
        CHECK(out.size() == encoded_bytes(draft));
        place(out.bytes(), QueueOffset{1}, PhysicalOffset{2}, 3);
        const auto view = RecordView::parse(out.bytes());
        REQUIRE(view);
        CHECK(view->properties.starts_with(properties));
        const bool has_crc = left == room;
        CHECK(view->properties.size() == (has_crc ? properties_bytes_max : properties.size()));
    }
}

TEST_CASE("a batch counts as many messages as one may hold, and one more counts as one") {
    for (const std::int32_t messages :
         {1, 2, inner_batch_messages_max, inner_batch_messages_max + 1}) {
        CAPTURE(messages);
        Draft draft;
        draft.topic = "T";
        draft.sys_flag = sys_flag::inner_batch;
        draft.born_host = draft.store_host = *Host::parse("127.0.0.1:1");
        std::string properties;
        append_inner_batch(properties, messages);
        draft.properties = properties;
        Buffer out;
        encode(draft, out);
        const auto view = RecordView::parse(out.bytes());
        REQUIRE(view);
        CHECK(view->messages() == (messages > inner_batch_messages_max ? 1 : messages));
    }
}
