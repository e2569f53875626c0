#include "client/requests.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "base/compress.h"
#include "base/mutex.h"
#include "client/replies.h"
#include "fake_servers.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/bodies/heartbeat.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
namespace property = mqd::message::property;

namespace {

bool comes_true(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

}  // namespace

TEST_CASE("a reply comes to whom the request names, and who brings it hears so") {
    FakeServers servers;
    std::string client_id;
    std::atomic<int> answered = 0;
    std::string compressed = *compress(Compression::zlib, as_bytes("the reply"), 5);
    servers.on_other = [&](remoting::Session& session, const wire::Command& request) {
        REQUIRE(request.code == wire::request_code::heart_beat);
        const auto heartbeat = wire::HeartbeatData::read(as_text(request.body));
        REQUIRE(heartbeat);
        CHECK(heartbeat->producer_groups == std::vector<std::string>{"P"});
        client_id = heartbeat->client_id;
        session.reply(request, 0, wire::NoHeader{});
        const auto push = [&](std::string_view id, std::int32_t sys_flag, std::string_view body) {
            wire::PushReplyMessage header;
            header.topic = "C_REPLY_TOPIC";
            header.sys_flag = sys_flag;
            if (!id.empty())
                message::append_property(header.properties, property::correlation_id, id);
            session.call(wire::request_code::push_reply_message_to_client, header, as_bytes(body),
                         3000, [&](const Result<remoting::Answer>& answer) {
                             if (answer && answer->code == 0) ++answered;
                         });
        };
        push("", 0, "nobody's");
        push("1", message::sys_flag::of(Compression::zlib), compressed);
        push("2", message::sys_flag::of(Compression::zlib), "not compressed");
    };
    const auto client = servers.client();
    Requests requests(*client, "P");
    REQUIRE(requests.set_brokers({servers.address}));
    std::vector<Requests::Reply> replies;
    CHECK(comes_true([&] {
        for (auto& reply : requests.take()) replies.push_back(std::move(reply));
        return replies.size() == 2;
    }));
    CHECK(replies[0].correlation_id == "1");
    REQUIRE(replies[0].body);
    CHECK(*replies[0].body == "the reply");
    CHECK(replies[1].correlation_id == "2");
    CHECK_FALSE(replies[1].body);
    CHECK(comes_true([&] { return answered == 3; }));

    std::string properties;
    requests.append_properties(properties, "ID", 1000);
    CHECK(message::find_property(properties, property::correlation_id) == "ID");
    CHECK(message::find_property(properties, property::reply_to_client) == client_id);
    CHECK(message::find_property(properties, property::ttl) == "1000");
}

TEST_CASE("a broker that was away hears who asks before it is asked anything") {
    FakeServers servers;
    constexpr std::int32_t question = wire::request_code::get_max_offset;
    Mutex lock;
    std::vector<std::int32_t> heard;
    std::atomic<bool> goes_away = false;
    servers.on_other = [&](remoting::Session& session, const wire::Command& request) {
        {
            Lock guard(lock);
            heard.push_back(request.code);
            if (goes_away.exchange(false)) {
                heard.clear();
                return session.close();
            }
        }
        session.reply(request, 0, wire::OffsetResponse{});
    };
    const auto client = servers.client();
    Requests requests(*client, "P");
    const auto ask = [&] {
        return client->channel(servers.address)
            ->call_and_wait(question, wire::NoHeader{}, {}, 3000)
            .has_value();
    };
    // Nobody has said that it is a broker.
    CHECK(ask());
    REQUIRE(requests.set_brokers({servers.address}));
    for (int i = 0; i < 3; ++i) {
        goes_away = true;
        CHECK_FALSE(ask());
        CHECK(ask());
        Lock guard(lock);
        REQUIRE_FALSE(heard.empty());
        CHECK(heard.front() == wire::request_code::heart_beat);
    }
}

TEST_CASE("a reply says whose it is, and what became of it is told") {
    const std::string request =
        "CLUSTER\x01"
        "C\x02"
        "CORRELATION_ID\x01"
        "17\x02"
        "REPLY_TO_CLIENT\x01"
        "me\x02"
        "TTL\x01"
        "3000\x02";
    const auto to = ReplyTo::read(request);
    REQUIRE(to);
    CHECK_FALSE(
        ReplyTo::read("CLUSTER\x01"
                      "C\x02"
                      "CORRELATION_ID\x01"
                      "17\x02"));
    FakeServers servers;
    servers.on_other = [&](remoting::Session& session, const wire::Command& command) {
        REQUIRE(command.code == wire::request_code::send_reply_message_v2);
        const auto header = wire::read_send_message(command);
        REQUIRE(header);
        CHECK(header->topic == "C_REPLY_TOPIC");
        const auto get = [&](auto name) {
            return message::find_property(header->properties, name);
        };
        CHECK(get(property::message_type) == "reply");
        CHECK(get(property::correlation_id) == "17");
        CHECK(get(property::reply_to_client) == "me");
        CHECK(get(property::ttl) == "3000");
        const bool is_first = as_text(command.body) == "first";
        session.reply(command, is_first ? 0 : 1, wire::SendMessageResponse{}, {}, "gone");
    };
    const auto client = servers.client();
    Replies replies(*client, "G");
    const auto first = replies.send(servers.address, *to, as_bytes("first"));
    const auto second = replies.send(servers.address, *to, as_bytes("second"));
    std::vector<Replies::Sent> sent;
    CHECK(comes_true([&] {
        for (auto& one : replies.take()) sent.push_back(std::move(one));
        return sent.size() == 2;
    }));
    CHECK(sent[0].first == first);
    CHECK(sent[0].second.has_value());
    CHECK(sent[1].first == second);
    CHECK(sent[1].second.error().remote_code == 1);
}

TEST_CASE("who only waits makes a connection that broke again, and is known there") {
    FakeServers servers;
    std::atomic<int> beats = 0;
    std::atomic<bool> goes_away = false;
    servers.on_other = [&](remoting::Session& session, const wire::Command& request) {
        REQUIRE(request.code == wire::request_code::heart_beat);
        ++beats;
        session.reply(request, 0, wire::NoHeader{});
        if (goes_away.exchange(false)) session.close();
    };
    const auto client = servers.client();
    Requests requests(*client, "P");
    goes_away = true;  // after its answer
    REQUIRE(requests.set_brokers({servers.address}));
    // Nothing is sent, and nobody calls take().
    CHECK(comes_true([&] { return beats >= 2; }));
    CHECK(client->disconnects() == 1);
}
