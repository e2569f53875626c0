#include "client/batch.h"

#include <doctest/doctest.h>

#include "wire/codes.h"
#include "wire/headers/send.h"

using namespace mqd;
using namespace mqd::client;

namespace {

const Queue queue{"T", "b", 3, "10.0.0.1:1"};

Message message_of(std::string_view body, std::string_view properties = {}) {
    Message made;
    made.topic = "T";
    made.body = body;
    made.properties = properties;
    return made;
}

/// A frame read as a broker does; `bytes` must outlive the views.
struct Read {
    explicit Read(const Buffer& frame) {
        bytes.put(frame.bytes());
        size = bytes.size();
        bytes.put(std::string(wire::Decoder::padding_bytes, '\0'));
        const auto length = wire::frame_bytes(std::as_const(bytes).bytes());
        REQUIRE(length);
        REQUIRE(*length == size);
        auto decoded = decoder.decode(std::as_const(bytes).bytes().first(size));
        REQUIRE(decoded);
        command = *decoded;
        auto read = wire::read_send_message(command);
        REQUIRE(read);
        header = *read;
    }
    wire::Decoder decoder;
    Buffer bytes;
    std::size_t size;
    wire::Command command;
    wire::SendMessage header;
};

Batch make_batch(wire::Encoding encoding = wire::Encoding::json, bool oneway = false) {
    return Batch({"G", encoding, oneway}, queue, 0, 0, 42);
}

std::vector<std::string> ids(const Batch& batch) {
    std::vector<std::string> all;
    batch.for_each([&](std::string_view id, std::string_view) { all.emplace_back(id); });
    return all;
}

}  // namespace

TEST_CASE("a batch is one request of items, each with a unique key before its properties") {
    for (const auto encoding : {wire::Encoding::json, wire::Encoding::binary}) {
        message::UniqueKeys keys;
        auto batch = make_batch(encoding);
        batch.add(message_of("one",
                             "a\x01"
                             "b\x02"),
                  keys);
        auto second = message_of(std::string_view("t\0wo\xff", 5));
        second.flag = 7;
        batch.add(second, keys);
        batch.add(message_of(""), keys);
        CHECK(batch.count() == 3);
        CHECK(batch.payload_bytes() == 8);
        const Read read(batch.request(false));
        CHECK(read.command.code == wire::request_code::send_batch_message);
        CHECK(read.command.opaque == 42);
        CHECK(read.header.batch);
        CHECK(read.header.topic == "T");
        CHECK(read.header.queue_id == 3);
        CHECK(read.header.producer_group == "G");
        CHECK(read.header.properties == "");
        message::BatchReader items(read.command.body);
        const auto all = ids(batch);
        const auto first = items.next();
        REQUIRE(first);
        CHECK(first->body == "one");
        CHECK(first->properties == "UNIQ_KEY\x01" + all[0] +
                                       "\x02"
                                       "a\x01"
                                       "b\x02");
        const auto next = items.next();
        REQUIRE(next);
        CHECK(next->body == std::string_view("t\0wo\xff", 5));
        CHECK(next->flag == 7);
        CHECK(items.next()->body.empty());
        CHECK(items.at_end());
    }
}

TEST_CASE("an item is written as message::append_batch_item() does") {
    message::UniqueKeys keys;
    auto batch = make_batch();
    const auto one = message_of("body",
                                "a\x01"
                                "b\x02");
    batch.add(one, keys);
    CHECK(batch.body_bytes() == Batch::item_bytes(one));
    batch.add(one, keys);
    const Read read(batch.request(false));
    Buffer expected;
    for (const auto& id : ids(batch)) {
        const std::string properties = "UNIQ_KEY\x01" + id +
                                       "\x02"
                                       "a\x01"
                                       "b\x02";
        message::append_batch_item(expected, {0, "body", properties});
    }
    CHECK(as_text(read.command.body) == expected.text());
}

TEST_CASE("a single message goes out as one, unless its header could not carry it") {
    message::UniqueKeys keys;
    auto batch = make_batch();
    auto one = message_of("body",
                          "a\x01"
                          "b\x02");
    one.flag = 5;
    batch.add(one, keys);
    const Read read(batch.request(false));
    CHECK(read.command.code == wire::request_code::send_message_v2);
    CHECK_FALSE(read.header.batch);
    CHECK(read.header.flag == 5);
    CHECK(read.header.properties == "UNIQ_KEY\x01" + ids(batch)[0] +
                                        "\x02"
                                        "a\x01"
                                        "b\x02");
    CHECK(as_text(read.command.body) == "body");

    for (const auto& other : {message_of(""), message_of("x", "a\x01\xff\x02")}) {
        auto alone = make_batch();
        alone.add(other, keys);
        CHECK(Read(alone.request(false)).command.code == wire::request_code::send_batch_message);
    }
}

TEST_CASE("a batch sent once more has the same messages and ids for another queue") {
    message::UniqueKeys keys;
    auto batch = make_batch();
    batch.add(message_of("one"), keys);
    batch.add(message_of("two"), keys);
    const Read first(batch.request(false));
    const auto before = ids(batch);
    batch.readdress({"T", "other", 0, "10.0.0.2:1"}, 43);
    const Read second(batch.request(false));
    CHECK(second.command.opaque == 43);
    CHECK(second.header.queue_id == 0);
    CHECK(second.header.broker_name == "other");
    CHECK(as_text(second.command.body) == as_text(first.command.body));
    CHECK(ids(batch) == before);
}

TEST_CASE("a one-way batch says so") {
    message::UniqueKeys keys;
    auto batch = make_batch(wire::Encoding::json, true);
    batch.add(message_of("one"), keys);
    batch.add(message_of("two"), keys);
    CHECK(Read(batch.request(true)).command.is_oneway());
}
