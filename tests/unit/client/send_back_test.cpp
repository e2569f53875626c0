#include "client/send_back.h"

#include <doctest/doctest.h>

#include <vector>

#include "fake_servers.h"
#include "message/id.h"
#include "message/properties.h"
#include "wire/headers/messages.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
namespace code = mqd::wire::response_code;

namespace {

/// Until one has been taken; fails the test after 10 s.
std::vector<std::uint64_t> next_taken(SendBack& back) {
    for (int i = 0; i < 1000; ++i) {
        auto taken = back.take();
        if (!taken.empty()) return taken;
        wait_for_either(back.fd(), -1, 10);
    }
    FAIL("none was taken");
    return {};
}

}  // namespace

TEST_CASE("a message goes back to the broker that holds it, with its place and its group") {
    FakeServers servers;
    servers.on_other = [](auto& session, const wire::Command& request) {
        REQUIRE(request.code == wire::request_code::consumer_send_msg_back);
        const auto header = wire::read_header<wire::SendMessageBack>(request);
        REQUIRE(header);
        CHECK(header->offset == 4711);
        CHECK(header->group == "G");
        CHECK(header->delay_level == 0);
        CHECK(header->origin_topic == "T");
        CHECK_FALSE(header->max_reconsume_times);
        session.reply(request, code::success, wire::NoHeader{});
    };
    const auto client = servers.client();
    SendBack back(*client, "G");
    const auto id = back.send({"T", "b", 0, servers.address}, PhysicalOffset{4711});
    CHECK(back.waiting() == 1);
    CHECK(next_taken(back) == std::vector{id});
    CHECK(back.waiting() == 0);
    CHECK(back.due_ms() == -1);
}

TEST_CASE("what the broker refuses is sent again until it takes it") {
    FakeServers servers;
    int requests = 0;
    servers.on_other = [&](auto& session, const wire::Command& request) {
        const auto answer = ++requests < 3 ? code::system_error : code::success;
        session.reply(request, answer, wire::NoHeader{}, {}, "told so");
    };
    const auto client = servers.client();
    SendBack back(*client, "G");
    const auto id = back.send({"T", "b", 0, servers.address}, PhysicalOffset{1});
    for (int i = 0; i < 1000 && !back.trouble(); ++i) {
        CHECK(back.take().empty());
        wait_for_either(back.fd(), -1, 10);
    }
    REQUIRE(back.trouble());
    CHECK(back.trouble()->what.find("told so") != std::string::npos);
    CHECK(back.due_ms() > 0);
    CHECK(next_taken(back) == std::vector{id});
    CHECK(requests == 3);
    CHECK_FALSE(back.trouble());
}

TEST_CASE("one of a batch that is one record goes to the retry topic as official clients send it") {
    FakeServers servers;
    const auto client = servers.client();
    message::RecordView message;
    message.topic = "T";
    message.body = "body";
    const std::string properties =
        "KEYS\x01k\x02"
        "DELAY\x01"
        "9\x02"
        "UNIQ_KEY\x01id\x02";
    message.properties = properties;
    message.reconsume_times = 2;
    message.flag = 7;
    message.born_ts_ms = 4711;
    message.at = PhysicalOffset{100};
    SendBack back(*client, "G");
    const auto id = back.send({"T", "b", 0, servers.address}, SendBack::part_of(message));
    CHECK(next_taken(back) == std::vector{id});
    REQUIRE(servers.bodies() == std::vector<std::string>{"body"});
    CHECK(servers.born_ms() == 4711);
    const auto sent = servers.properties()[0];
    const auto find = [&](std::string_view name) {
        return std::string(message::find_property(sent, name).value_or("none"));
    };
    CHECK(find("KEYS") == "k");
    CHECK(find("UNIQ_KEY") == "id");
    CHECK(find("DELAY") == "5");
    CHECK(find("RETRY_TOPIC") == "T");
    CHECK(find("WAIT") == "false");
    CHECK(find("ORIGIN_MESSAGE_ID") == message::offset_id(message.store_host, message.at));
    // Failed once more, it keeps what it was in the beginning.
    message.properties = sent;
    message.topic = "%RETRY%G";
    message.at = PhysicalOffset{200};
    message.reconsume_times = 3;
    const auto again = SendBack::part_of(message);
    CHECK(again.reconsume_times == 4);
    CHECK(message::find_property(again.properties, "RETRY_TOPIC") == "T");
    CHECK(message::find_property(again.properties, "DELAY") == "6");
    CHECK(message::find_property(again.properties, "ORIGIN_MESSAGE_ID") ==
          find("ORIGIN_MESSAGE_ID"));
}
