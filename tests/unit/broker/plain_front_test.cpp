// A second front end over the broker: plain_front.h.

#include "running.h"

using namespace mqd;
using namespace mqd::test;

TEST_CASE_FIXTURE(Running, "a front end of its own publishes, fetches and acknowledges") {
    auto& ask = *this;
    start();
    CHECK(ask("put T 0 a") == "0");
    CHECK(ask("put T 0 b") == "1");
    CHECK(ask("put T 1 c") == "0");
    until_dispatched();
    CHECK(ask("get G T 0 1 1@0") == "1 found 1 c");
    CHECK(ask("get G T 10000 1 0@0") == "0 found 2 a b");
    CHECK(ask("get G T 0 1 0@1 1@0") == "0 found 2 b; 1 found 1 c");
    CHECK(ask("get G T 0 1 0@2") == "0 none 2");
    CHECK(ask("get G T 10000 1 0@7") == "0 moved 2");
    CHECK(ask("ack G T 0 2") == "ok");
    CHECK(ask("ack G T 0 3") == "refused");
    CHECK(broker->offsets().find("G", "T", 0) == 2);
    CHECK(ask("put T 2 x").starts_with("refused: request queueId[2]"));
    CHECK(ask("put bad.name 0 x").starts_with("refused: "));
    REQUIRE(broker->follow());  // what was refused holds nothing
    REQUIRE(broker->lead());
    CHECK(ask("get G T 0 1 5@0").starts_with("refused: queueId[5]"));
    CHECK(broker->counters().totals().put_messages == 3);
    CHECK(broker->counters().totals().got_messages == 5);
}

TEST_CASE_FIXTURE(Running, "a fetch waits for whichever of its queues has something first") {
    auto& ask = *this;
    start();
    CHECK(ask("put T 0 a") == "0");
    CHECK(ask("put T 1 b") == "0");
    until_dispatched();
    auto waiting = front->ask("get G T 20000 1 0@1 1@1");
    until_waiting(1);
    SUBCASE("the first") {
        CHECK(ask("put T 0 c") == "1");
        CHECK(waiting.get() == "0 found 2 c; 1 none 1");
    }
    SUBCASE("the second") {
        CHECK(ask("put T 1 c") == "1");
        CHECK(waiting.get() == "0 none 1; 1 found 2 c");
    }
    SUBCASE("a reset") {
        broker->offsets().reset("G", "T", 1, 0);
        broker->arrivals().wake(broker->topics().find("T")->queue(1));
        CHECK(waiting.get() == "1 moved 0");
    }
    SUBCASE("the topic's end") {
        REQUIRE(broker->delete_topic("T"));
        CHECK(waiting.get() == "0 unreadable 0; 1 unreadable 0");
    }
    until_waiting(0);
}

TEST_CASE_FIXTURE(Running, "a fetch waits until it has the bytes it wants, or for its time") {
    auto& ask = *this;
    start();
    CHECK(ask("put T 0 a") == "0");
    until_dispatched();
    const auto one = broker->store().end().value;
    auto waiting = front->ask(fmt::format("get G T 20000 {} 0@0 1@0", one + 1));
    until_waiting(1);
    CHECK(ask("put T 1 b") == "0");
    CHECK(waiting.get() == "0 found 1 a; 1 found 1 b");
    CHECK(ask("get G T 50 1000000 0@0 1@1") == "0 found 1 a; 1 none 1");
    CHECK(ask("get G T 20 1 0@1") == "0 none 1");
    // What the limits keep is not waited for.
    for (int i = 1; i <= store::ReadLimits().messages; ++i) ask("put T 0 x");
    until_dispatched();
    CHECK(ask("get G T 600000 1000000 0@0").starts_with("0 found 32 a x"));
}

TEST_CASE_FIXTURE(Running, "a publication that is put off comes when it is due") {
    auto& ask = *this;
    start();
    CHECK(ask("later T 1 a") == "0");
    CHECK(ask("get G T 20000 1 0@0") == "0 found 1 a");
}

TEST_CASE_FIXTURE(Running, "a publication is acknowledged when it is as safe as promised") {
    auto& ask = *this;
    SUBCASE("in memory") {
        start();
        CHECK(ask("put! T 0 a") == "0");
    }
    SUBCASE("on the disk") {
        settings.durability.flush_sync = true;
        start();
        CHECK(ask("put! T 0 a") == "0 safe");
        CHECK(broker->store().synced() == broker->store().end());
    }
    SUBCASE("on replicas") {
        settings.durability.sync_master = true;
        settings.durability.in_sync_replicas = 2;
        SUBCASE("in time") {
            settings.durability.slave_timeout_ms = 60'000;
            start();
            auto waiting = front->ask("put! T 0 a");
            CHECK(ask("put T 0 b") == "1");  // it has been stored by then
            broker->durability().replicated(broker->store().end());
            CHECK(waiting.get() == "0 safe");
        }
        SUBCASE("too late") {
            settings.durability.slave_timeout_ms = 10;
            start();
            CHECK(ask("put! T 0 a") == "0 not safe yet");
        }
    }
}

TEST_CASE_FIXTURE(Running, "only a group whose members send messages back gets a retry topic") {
    struct Plain final : broker::Peer {
        const std::string at = "plain:1";
        const std::string& address() const override { return at; }
        void close() override {}
    };
    start();
    const auto peer = std::make_shared<Plain>();
    broker::Membership plain, retrying;
    plain.group = "P";
    retrying.group = "R";
    retrying.has_retry_topic = true;
    broker->heartbeat(peer, {"c", 0, 0}, {plain, retrying}, {"S"});
    CHECK(broker->clients().standing("P", {}).online);
    CHECK(broker->topics().find("%RETRY%P") == nullptr);
    CHECK(broker->topics().find("%RETRY%R") != nullptr);
    broker->disconnected(*peer);
}

TEST_CASE_FIXTURE(Running, "an acknowledgement that throws is not made again with the next") {
    start();
    struct Acks : broker::Publisher {
        void published(const broker::Published& is) override {
            tokens.push_back(is.token);
            if (is.token == 1) throw std::runtime_error("no memory");
        }
        std::vector<std::uint64_t> tokens;
    } acks;
    broker::TopicCache topics(broker->topics());
    broker::TrafficCache traffic(broker->counters().traffic());
    broker::Intake intake(*broker, topics, traffic);
    const auto add = [&](std::uint64_t token) {
        broker::Publication message;
        REQUIRE(!intake.find({"T", 0, {"TBW102", 2}, false, 1}, message.topic).is_refused());
        message.body = "x";
        message.token = token;
        message.born_host = *message::Host::make("127.0.0.1", 1);
        REQUIRE(!intake.add(message).is_refused());
    };
    add(1);
    add(2);
    CHECK_THROWS_AS(intake.flush(acks), std::runtime_error);
    add(3);
    intake.flush(acks);
    CHECK(acks.tokens == std::vector<std::uint64_t>{1, 3});
    REQUIRE(broker->follow());  // nothing is held
}
