#include "client/producer.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;
namespace code = mqd::wire::response_code;

namespace {

Message message_of(std::string_view body, std::uint64_t ordinal = 0) {
    Message made;
    made.topic = "T";
    made.body = body;
    made.ordinal = ordinal;
    return made;
}

}  // namespace

TEST_CASE("messages arrive once and in order, and all are acknowledged") {
    FakeServers servers;
    servers.queues = 1;
    const auto client = servers.client();
    Producer producer(*client, {});
    std::vector<std::string> sent;
    for (int i = 0; i < 1000; ++i) {
        sent.push_back(std::string(static_cast<std::size_t>(i % 7), 'x') + std::to_string(i));
        REQUIRE(producer.send(message_of(sent.back())));
    }
    producer.finish();
    CHECK(servers.bodies() == sent);
    CHECK(producer.totals().acknowledged == 1000);
    CHECK(producer.totals().settled() == 1000);
}

TEST_CASE("full batches leave by themselves, open ones with flush()") {
    FakeServers servers;
    const auto client = servers.client();
    Producer::Options options;
    options.batch_bytes_max = 1000;
    Producer producer(*client, options);
    const std::string body(300, 'x');
    for (int i = 0; i < 5; ++i) REQUIRE(producer.send(message_of(body)));
    producer.finish();
    CHECK(servers.sends() == 3);
    CHECK(producer.totals().payload_bytes == 1500);
    CHECK(producer.open_since_ms() == -1);
}

TEST_CASE("a busy broker is waited for: nothing is refused and nothing counts as retried") {
    FakeServers servers;
    servers.answer_sends({code::system_busy, code::system_busy, code::system_busy});
    const auto client = servers.client();
    Producer::Options options;
    options.retries = 0;
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    producer.finish();
    CHECK(servers.bodies() == std::vector<std::string>{"a"});
    CHECK(producer.totals().acknowledged == 1);
    CHECK(producer.totals().retries == 0);
    CHECK(servers.sends() == 4);
}

TEST_CASE("a retry has the same unique key") {
    FakeServers servers;
    servers.answer_sends({10, code::system_error});
    const auto client = servers.client();
    std::vector<std::string> ids;
    Producer::Options options;
    options.keeps_messages = true;
    options.on_settled = [&](const Settled& settled) {
        settled.batch.for_each(
            [&](std::string_view id, std::string_view) { ids.emplace_back(id); });
    };
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    producer.flush();
    REQUIRE(producer.send(message_of("b")));
    producer.finish();
    CHECK(producer.totals().acknowledged == 2);
    CHECK(producer.totals().retries == 1);
    const auto stored = servers.properties();
    REQUIRE(stored.size() == 2);
    REQUIRE(ids.size() == 2);
    for (const auto& id : ids)
        CHECK(std::any_of(stored.begin(), stored.end(),
                          [&](const auto& p) { return p.find(id) != std::string::npos; }));
}

TEST_CASE("a refused batch has its reason, and the sums add up") {
    FakeServers servers;
    servers.answer_sends({code::message_illegal});
    const auto client = servers.client();
    std::vector<std::uint64_t> refused;
    Producer::Options options;
    options.keeps_messages = true;
    options.on_settled = [&](const Settled& settled) {
        if (settled.verdict != Verdict::stored) refused = settled.batch.ordinals;
    };
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a", 7)));
    REQUIRE(producer.send(message_of("b", 8)));
    producer.flush();
    REQUIRE(producer.send(message_of("c", 9)));
    producer.finish();
    CHECK(refused == std::vector<std::uint64_t>{7, 8});
    CHECK(producer.totals().refused == 2);
    CHECK(producer.totals().acknowledged == 1);
    REQUIRE(producer.first_error());
    CHECK(producer.first_error()->remote_code == code::message_illegal);
    CHECK(producer.first_error()->what.find(servers.address) != std::string::npos);
}

TEST_CASE("a message that nobody answered for is neither stored nor refused") {
    FakeServers servers;
    servers.answer_sends({-1, -1});
    const auto client = servers.client();
    Producer::Options options;
    options.retries = 1;
    options.attempt_ms = 20;
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    producer.finish();
    CHECK(servers.sends() == 2);
    CHECK(producer.totals().unknown == 1);
    CHECK(producer.totals().retries == 1);
}

TEST_CASE("an unknown topic is not found, and its message is in no sum") {
    FakeServers servers;
    const auto client = servers.client();
    Producer producer(*client, {});
    auto lost = message_of("a");
    lost.topic = "U";
    const auto sent = producer.send(lost);
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code == Errc::not_found);
    CHECK(sent.error().what.find("'U'") != std::string::npos);
    producer.finish();
    CHECK(producer.totals().settled() == 0);
}

TEST_CASE("too long bodies and properties are not taken") {
    FakeServers servers;
    const auto client = servers.client();
    Producer producer(*client, {});
    const std::string body(Producer::body_bytes_max, 'x');
    REQUIRE(producer.send(message_of(body)));
    CHECK(producer.send(message_of(body + "x")).error().code == Errc::invalid);
    auto wide = message_of("a");
    const std::string properties = "a\x01" + std::string(33'000, 'x') + "\x02";
    wide.properties = properties;
    CHECK(producer.send(wide).error().code == Errc::invalid);
    producer.finish();
    CHECK(producer.totals().acknowledged == 1);
}

TEST_CASE("a message that must be alone is a request of its own kind, in its place") {
    FakeServers servers;
    servers.queues = 1;
    const auto client = servers.client();
    Producer::Options options;
    options.queue = 0;
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    REQUIRE(producer.send(message_of("b")));
    auto alone = message_of("");
    alone.properties =
        "DELAY\x01"
        "1\x02";
    alone.alone = true;
    REQUIRE(producer.send(alone));
    REQUIRE(producer.send(message_of("c")));
    producer.finish();
    CHECK(servers.bodies() == std::vector<std::string>{"a", "b", "", "c"});
    CHECK(servers.sends() == 3);
    CHECK(servers.batches() == 1);
    CHECK(
        servers.properties()[2].ends_with("DELAY\x01"
                                          "1\x02"));
    alone.properties = "p\x01\xff\x02";
    CHECK(producer.send(alone).error().code == Errc::invalid);
    CHECK(producer.totals().settled() == 4);
}

TEST_CASE("who wants it on disk sends only to a broker that waits for that, and once") {
    FakeServers servers;
    const auto client = servers.client();
    Producer::Options options;
    options.ack = Ack::flush;
    {
        Producer producer(*client, options);
        servers.config = "flushDiskType=ASYNC_FLUSH";
        CHECK(producer.send(message_of("a")).error().code == Errc::unsupported);
        servers.config = "flushDiskType=SYNC_FLUSH";
        REQUIRE(producer.send(message_of("a")));
        producer.finish();
        CHECK(producer.totals().acknowledged == 1);
    }
    Producer producer(*client, options);
    servers.answer_sends({code::flush_disk_timeout});
    REQUIRE(producer.send(message_of("b")));
    producer.finish();
    CHECK(producer.totals().unknown == 1);
    REQUIRE(producer.first_error());
    CHECK(producer.first_error()->what.find("not known to be on disk (FLUSH_DISK_TIMEOUT)") !=
          std::string::npos);
    CHECK(servers.bodies() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("messages of one shard go to one queue, one request at a time") {
    FakeServers servers;
    servers.queues = 8;
    const auto client = servers.client();
    std::vector<std::int32_t> queues;
    Producer::Options options;
    options.batch_bytes_max = 1;
    options.keeps_messages = true;
    options.on_settled = [&](const Settled& s) { queues.push_back(s.queue_id); };
    Producer producer(*client, options);
    std::vector<std::string> sent;
    for (int i = 0; i < 50; ++i) {
        sent.push_back(std::to_string(i));
        auto one = message_of(sent.back());
        one.shard = "customer";
        REQUIRE(producer.send(one));
    }
    producer.finish();
    CHECK(servers.bodies() == sent);
    CHECK(std::count(queues.begin(), queues.end(), queues.front()) == 50);
}

TEST_CASE("one-way messages are handed over") {
    FakeServers servers;
    servers.queues = 1;
    const auto client = servers.client();
    Producer::Options options;
    options.oneway = true;
    Producer producer(*client, options);
    for (int i = 0; i < 100; ++i) REQUIRE(producer.send(message_of("a")));
    producer.finish();
    CHECK(producer.totals().handed_over == 100);
    CHECK(producer.totals().settled() == 100);
}

namespace {

/// A port that refuses connections, and that nobody else can take meanwhile.
struct ClosedPort {
    ClosedPort() : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in bound{};
        bound.sin_family = AF_INET;
        bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof bound;
        auto* any = reinterpret_cast<sockaddr*>(&bound);
        REQUIRE(bind(fd, any, bytes) == 0);
        REQUIRE(getsockname(fd, any, &bytes) == 0);
        address = "127.0.0.1:" + std::to_string(ntohs(bound.sin_port));
    }
    ~ClosedPort() { close(fd); }
    ClosedPort(const ClosedPort&) = delete;
    ClosedPort& operator=(const ClosedPort&) = delete;

    int fd;
    std::string address;
};

}  // namespace

TEST_CASE("without a server, one-way messages are refused within the timeout") {
    FakeServers servers;
    const ClosedPort closed;
    servers.broker_address = closed.address;
    const auto client = servers.client();
    Producer::Options options;
    options.oneway = true;
    options.retries = 1;
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    REQUIRE(producer.send(message_of("b")));
    producer.finish();
    CHECK(producer.totals().handed_over == 0);
    CHECK(producer.totals().refused == 2);
    REQUIRE(producer.first_error());
    CHECK(producer.first_error()->code == Errc::unavailable);
}
