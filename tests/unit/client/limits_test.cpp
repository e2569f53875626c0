// Limits that brokers have: batches are made for them, and what is refused for its length is sent
// again in pieces.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "client/producer.h"
#include "client/size_limits.h"
#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
namespace code = mqd::wire::response_code;

namespace {

constexpr std::size_t limit = 1000;

struct Sent {
    FakeServers servers;
    Producer::Options options;
    std::vector<std::string> bodies;
    Totals totals;
    std::optional<Error> first_error;
    std::vector<std::uint64_t> stored, refused;  ///< ordinals

    Sent() {
        servers.queues = 1;
        servers.body_bytes_max = limit;
        options.keeps_messages = true;
        options.on_settled = [this](const Settled& settled) {
            auto& into = settled.verdict == Verdict::stored ? stored : refused;
            into.insert(into.end(), settled.batch.ordinals.begin(), settled.batch.ordinals.end());
        };
    }
    void add(std::size_t bytes, std::size_t count = 1) {
        for (std::size_t i = 0; i < count; ++i) {
            auto text = std::to_string(bodies.size()) + ":";
            text.resize(bytes, 'x');
            bodies.push_back(text);
        }
    }
    /// `shard`: all of them keep their order.
    void send(std::string_view shard = {}) {
        const auto client = servers.client();
        Producer producer(*client, options);
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            Message message;
            message.topic = "T";
            message.body = bodies[i];
            message.shard = shard;
            message.ordinal = i;
            REQUIRE(producer.send(message));
        }
        producer.finish();
        totals = producer.totals();
        first_error = producer.first_error();
        CHECK(totals.settled() == bodies.size());
        if (options.keeps_messages) CHECK(stored.size() + refused.size() == bodies.size());
    }
    std::vector<std::string> arrived() const {
        auto all = servers.bodies();
        std::sort(all.begin(), all.end());
        return all;
    }
    std::vector<std::string> sorted() const {
        auto all = bodies;
        std::sort(all.begin(), all.end());
        return all;
    }
};

}  // namespace

TEST_CASE(
    "batches that are too long for a broker arrive in pieces, whatever it says of its limit") {
    for (const bool says : {true, false}) {
        for (const bool has_config : {true, false}) {
            Sent sent;
            sent.servers.says_body_bytes_max = says;
            if (has_config) sent.servers.config = "a=b\nmaxMessageSize=1000\n";
            sent.add(100, 300);
            sent.send();
            CHECK(sent.totals.acknowledged == 300);
            CHECK(sent.arrived() == sent.sorted());
            // Who does not say it is asked once.
            CHECK(sent.servers.asked_for_config == (says ? 0 : 1));
        }
    }
}

TEST_CASE("a message of exactly the limit is taken, one more byte is refused, and no other") {
    for (const std::size_t neighbours : {0, 5}) {
        Sent sent;
        sent.add(10, neighbours);
        sent.add(limit - 1);
        sent.add(limit);
        sent.add(limit + 1);
        sent.add(10, neighbours);
        sent.send();
        CHECK(sent.totals.acknowledged == 2 * neighbours + 2);
        CHECK(sent.totals.refused == 1);
        CHECK(sent.refused == std::vector<std::uint64_t>{neighbours + 2});
        REQUIRE(sent.first_error);
        CHECK(sent.first_error->remote_code == code::message_illegal);
    }
}

TEST_CASE("pieces of a shard arrive in order") {
    Sent sent;
    sent.servers.queues = 3;
    sent.add(100, 100);
    sent.add(limit + 1);
    sent.add(300, 30);
    sent.send("s");
    CHECK(sent.totals.acknowledged == 130);
    CHECK(sent.totals.refused == 1);
    auto wanted = sent.bodies;
    wanted.erase(wanted.begin() + 100);
    CHECK(sent.servers.bodies() == wanted);
}

TEST_CASE("one illegal message in a batch does not take the others with it") {
    Sent sent;
    sent.servers.body_bytes_max = 0;
    // The batch of 4, its first half, and that one's first message.
    sent.servers.answer_sends({code::message_illegal, code::message_illegal});
    sent.add(10, 4);
    sent.send();
    CHECK(sent.totals.acknowledged == 4);
    CHECK(sent.servers.sends() == 5);
}

TEST_CASE("of two brokers each gets what it takes") {
    Sent sent;
    FakeServers larger;
    larger.queues = 1;
    larger.body_bytes_max = 4 * limit;
    sent.servers.add_broker("larger", larger.address);
    sent.add(limit / 2, 20);
    for (int i = 0; i < 8; ++i) sent.add(2 * limit + static_cast<std::size_t>(i));
    sent.add(4 * limit);
    sent.add(4 * limit + 1);
    sent.send();
    CHECK(sent.totals.refused == 1);
    CHECK(sent.totals.acknowledged == 29);
    CHECK(sent.servers.bodies().size() + larger.bodies().size() == 29);
    for (const auto& body : sent.servers.bodies()) CHECK(body.size() <= limit);
    const auto at_larger = larger.bodies();
    CHECK(std::count_if(at_larger.begin(), at_larger.end(),
                        [](const auto& body) { return body.size() > limit; }) == 9);
}

TEST_CASE("a broker whose limit becomes smaller is gone by at once") {
    Sent sent;
    sent.servers.body_bytes_max = 100 * limit;
    const auto client = sent.servers.client();
    Producer producer(*client, sent.options);
    std::uint64_t n = 0;
    const auto send = [&](std::size_t count) {
        const std::string body(100, 'x');
        for (std::size_t i = 0; i < count; ++i) {
            Message message;
            message.topic = "T";
            message.body = body;
            message.ordinal = n++;
            REQUIRE(producer.send(message));
        }
        producer.finish();
    };
    send(200);
    CHECK(sent.servers.batches() == 1);
    sent.servers.body_bytes_max = limit;
    send(200);
    CHECK(producer.totals().acknowledged == 400);
    CHECK(producer.totals().refused == 0);
}

TEST_CASE(
    "one-way messages go in batches that their broker takes, and what it never would is "
    "refused here") {
    Sent sent;
    sent.options.oneway = true;
    sent.servers.config = "maxMessageSize=1000\n";
    sent.add(100, 300);
    sent.add(limit);
    sent.add(limit + 1);
    sent.send();
    CHECK(sent.totals.handed_over == 301);
    CHECK(sent.totals.refused == 1);
    REQUIRE(sent.first_error);
    CHECK(sent.first_error->what.find("maxMessageSize") != std::string::npos);
    CHECK(sent.arrived().size() == 301);
}

TEST_CASE("a broker tells how many one-way messages it has not stored") {
    for (const bool all : {true, false}) {
        Sent sent;
        sent.options.oneway = true;
        sent.servers.body_bytes_max = 0;
        sent.servers.oneways_lost = all ? 5 : 2;
        sent.add(10, 5);
        sent.send();
        CHECK(sent.totals.refused == (all ? 5 : 2));
        CHECK(sent.totals.handed_over == (all ? 0 : 3));
        REQUIRE(sent.first_error);
        CHECK(sent.first_error->what.find("oneway_send_not_stored") != std::string::npos);
    }
}

TEST_CASE("limits are read from answers and configurations") {
    SizeLimits limits;
    remoting::Answer answer;
    CHECK_FALSE(limits.learn("a", answer));
    CHECK(limits.of("a") == SizeLimits::bytes_max);
    answer.ext.emplace_back("mqdMaxMessageSize", "65536");
    CHECK(limits.learn("a", answer));
    CHECK(limits.of("a") == 65536);
    CHECK(limits.of("b") == SizeLimits::bytes_max);
    CHECK(limits.learn_from_config("b", "x=1\r\nmaxMessageSize=128\r\n"));
    CHECK(limits.of("b") == 128);
    for (const auto* const none : {"", "maxMessageSize=", "maxMessageSize=0", "maxMessageSize=-1"})
        CHECK_FALSE(limits.learn_from_config("b", none));
    CHECK(limits.of("b") == 128);
}
