#include "client/producer.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "base/clock.h"
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

TEST_CASE("what was to leave and had no room leaves with the answer that makes room") {
    FakeServers servers;
    servers.queues = 1;
    servers.hold_answers();
    const auto client = servers.client();
    Producer::Options options;
    options.window = 1;
    options.attempt_ms = 60'000;
    Producer producer(*client, options);
    const auto pump_until = [&](auto holds) {
        while (!holds()) {
            wait_for_either(producer.fd(), -1, 20);
            producer.pump();
        }
    };
    REQUIRE(producer.try_send(message_of("a")).value_or(false));
    producer.flush_some();
    REQUIRE(producer.try_send(message_of("b")).value_or(false));
    CHECK(producer.open_since_ms() >= 0);
    producer.flush_some();
    CHECK(producer.open_since_ms() == -1);  // it is the producer's now
    pump_until([&] { return servers.held() == 1; });
    CHECK(servers.sends() == 1);
    servers.release();
    pump_until([&] { return servers.held() == 1; });
    CHECK(servers.sends() == 2);
    servers.release();
    pump_until([&] { return producer.totals().acknowledged == 2; });
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
    servers.answer_sends({code::message_illegal, code::message_illegal, code::message_illegal});
    const auto client = servers.client();
    std::vector<std::uint64_t> refused;
    Producer::Options options;
    options.keeps_messages = true;
    options.on_settled = [&](const Settled& settled) {
        if (settled.verdict != Verdict::stored)
            refused.insert(refused.end(), settled.batch.ordinals.begin(),
                           settled.batch.ordinals.end());
    };
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a", 7)));
    REQUIRE(producer.send(message_of("b", 8)));
    producer.finish();
    REQUIRE(producer.send(message_of("c", 9)));
    producer.finish();
    std::sort(refused.begin(), refused.end());
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

TEST_CASE("a topic that a send has made is known when the producer is finished") {
    FakeServers servers;
    servers.has_template = true;
    servers.not_yet = 4;
    const auto client = servers.client();
    Producer producer(*client, {});
    REQUIRE(producer.send(message_of("a")));
    CHECK(servers.not_yet == 3);
    producer.finish();
    CHECK(producer.totals().acknowledged == 1);
    CHECK(servers.not_yet == -1);
    // Of one that is known nobody asks again.
    producer.finish();
    CHECK(servers.not_yet == -1);
}

TEST_CASE("a topic that never comes keeps the end for a second, and one without messages not") {
    FakeServers servers;
    servers.has_template = true;
    servers.knows_topic = false;
    const auto client = servers.client();
    Producer producer(*client, {});
    bool is_taken = false;
    SUBCASE("with a message") {
        is_taken = true;
    }
    SUBCASE("without") {}
    if (is_taken) REQUIRE(producer.send(message_of("a")));
    const auto asked = servers.asked_for_routes.load();
    producer.finish();
    CHECK((servers.asked_for_routes > asked + 2) == is_taken);
}

TEST_CASE("too long bodies and properties are not taken") {
    FakeServers servers;
    const auto client = servers.client();
    Producer producer(*client, {});
    const std::string body(Producer::body_bytes_max, 'x');
    REQUIRE(producer.send(message_of(body)));
    CHECK(producer.send(message_of(body + "x")).error().code == Errc::invalid);
    auto misnamed = message_of("a");
    const std::string name(256, 'T');
    misnamed.topic = name;
    CHECK(producer.send(misnamed).error().code == Errc::invalid);
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
    Producer producer(*client, {});
    const auto to_queue = [](std::string_view body) {
        auto made = message_of(body);
        made.queue = 0;
        return made;
    };
    REQUIRE(producer.send(to_queue("a")));
    REQUIRE(producer.send(to_queue("b")));
    auto alone = to_queue("");
    alone.properties =
        "DELAY\x01"
        "1\x02";
    alone.alone = true;
    REQUIRE(producer.send(alone));
    REQUIRE(producer.send(to_queue("c")));
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

TEST_CASE("a message keeps the unique key and the time of birth that it brings") {
    FakeServers servers;
    const auto client = servers.client();
    Producer producer(*client, {});
    const std::string key(32, 'K');
    auto old = message_of("a");
    old.unique_key = key;
    old.born_ms = 12345;
    REQUIRE(producer.send(old));
    producer.finish();
    REQUIRE(servers.properties().size() == 1);
    CHECK(servers.properties()[0].find(key) != std::string::npos);
    CHECK(servers.born_ms() == 12345);
}

TEST_CASE("a refusal for good is heard from each broker once") {
    for (const auto no : {code::no_permission, code::topic_not_exist}) {
        FakeServers servers;
        FakeServers other;
        FakeServers third;
        servers.add_broker("c", other.address);
        servers.add_broker("d", third.address);
        for (auto* const broker : {&servers, &other, &third})
            broker->answer_sends(std::deque<std::int32_t>(20, no));
        const auto client = servers.client();
        Producer producer(*client, {});
        REQUIRE(producer.send(message_of("a")));
        producer.finish();
        CHECK(producer.totals().refused == 1);
        CHECK(servers.sends() == 1);
        CHECK(other.sends() == 1);
        CHECK(third.sends() == 1);
        REQUIRE(producer.first_error());
        CHECK(producer.first_error()->remote_code == no);
    }
}

TEST_CASE("who does not wait is told that there is no room, and loses nothing") {
    FakeServers servers;
    servers.answer_sends({-1});
    const auto client = servers.client();
    Producer::Options options;
    options.window = 1;
    options.batch_bytes_max = 1;
    options.attempt_ms = 50;
    options.retries = 0;
    options.timeout_ms = 1;
    options.never_gives_up = true;
    Producer producer(*client, options);
    CHECK(producer.try_send(message_of("a")).value_or(false));
    CHECK(producer.try_send(message_of("b")).value_or(false));  // a leaves, b is open
    CHECK_FALSE(producer.try_send(message_of("c")).value_or(true));
    producer.flush_some();
    CHECK(producer.open_since_ms() == -1);  // b waits for room
    const auto pump = [&] {
        wait_for_either(producer.fd(), -1, 20);
        producer.pump();
    };
    while (!producer.is_failing()) pump();
    CHECK(producer.totals().settled() == 0);
    for (bool is_taken = false; !is_taken; pump()) {
        const auto taken = producer.try_send(message_of("c"));
        REQUIRE(taken);
        is_taken = *taken;
    }
    CHECK_FALSE(producer.is_failing());
    while (producer.totals().settled() < 3) {
        producer.flush_some();
        pump();
    }
    CHECK(producer.totals().acknowledged == 3);
    CHECK(servers.bodies() == std::vector<std::string>{"a", "b", "c"});
    CHECK(producer.open_since_ms() == -1);
}

TEST_CASE("what cannot be reached is tried for ever, what is refused is not") {
    FakeServers servers;
    servers.answer_sends(
        {code::system_error, code::system_error, code::system_error, code::message_illegal});
    const auto client = servers.client();
    Producer::Options options;
    options.retries = 0;
    options.timeout_ms = 1;
    options.never_gives_up = true;
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    producer.finish();
    CHECK(servers.sends() == 4);
    CHECK(producer.totals().refused == 1);
}

TEST_CASE("a broker that comes back elsewhere is found again") {
    FakeServers servers;
    servers.move_broker("127.0.0.1:1");
    const auto client = servers.client();
    SendTopics topics(*client, Ack::one);
    const auto topic = topics.find("T", {});
    REQUIRE(topic);
    CHECK((*topic)->queues[0].address == "127.0.0.1:1");
    servers.move_broker("127.0.0.1:2");
    topics.refresh(**topic);
    CHECK((*topic)->queues[0].address == "127.0.0.1:1");  // asked just now
    (*topic)->routed_ms -= 10'000;
    servers.queues = 5;
    topics.refresh(**topic);
    REQUIRE((*topic)->queues.size() == 5);
    for (const auto& queue : (*topic)->queues) CHECK(queue.address == "127.0.0.1:2");
    const auto one = topics.find("T", 3);
    REQUIRE(one);
    CHECK((*one)->queues.size() == 1);
    CHECK(topics.find("T", {}).value_or(nullptr) == *topic);
}

TEST_CASE("queues that come are sent to in turn, those that go are not, and none loses its place") {
    FakeServers servers;
    const auto client = servers.client();
    SendTopics topics(*client, Ack::one, 1);
    const auto topic = topics.find("T", {});
    const auto only = topics.find("T", 1);
    REQUIRE(topic);
    REQUIRE(only);
    const auto look_until = [&](std::size_t queues) {
        const auto deadline_ms = monotonic_ms() + 10'000;
        while ((*topic)->in_turn.size() != queues && monotonic_ms() < deadline_ms) topics.look();
        return (*topic)->in_turn.size() == queues;
    };
    servers.queues = 5;
    REQUIRE(look_until(5));
    std::set<std::int32_t> ids;
    for (int i = 0; i < 5; ++i) ids.insert((*topic)->next_queue().id);
    CHECK(ids.size() == 5);
    servers.queues = 1;
    REQUIRE(look_until(1));
    for (int i = 0; i < 5; ++i) CHECK((*topic)->next_queue().id == 0);
    CHECK((*topic)->queues.size() == 5);
    CHECK((*topic)->first_queues == 2);
    CHECK((*only)->queues.size() == 1);
}

TEST_CASE(
    "of brokers that are new or come back elsewhere, only those that wait for it are sent to") {
    FakeServers servers;
    FakeServers slow;
    FakeServers hasty;
    servers.config = slow.config = "flushDiskType=SYNC_FLUSH\n";
    hasty.config = "flushDiskType=ASYNC_FLUSH\n";
    const auto client = servers.client();
    SendTopics topics(*client, Ack::flush, 1);
    const auto found = topics.find("T", {});
    REQUIRE(found);
    SendTopic& topic = **found;
    const auto look_until = [&](const auto& holds) {
        const auto deadline_ms = monotonic_ms() + 10'000;
        while (!holds() && monotonic_ms() < deadline_ms) topics.look();
        return holds();
    };
    const auto is_sent_to = [&](const std::string& address) {
        return std::any_of(topic.in_turn.begin(), topic.in_turn.end(),
                           [&](std::size_t i) { return topic.queues[i].address == address; });
    };
    servers.add_broker("hasty", hasty.address);
    servers.add_broker("slow", slow.address);
    CHECK(look_until([&] { return topic.in_turn.size() == 4; }));
    CHECK(is_sent_to(servers.address));
    CHECK(is_sent_to(slow.address));
    CHECK_FALSE(is_sent_to(hasty.address));
    // The one it has been sent to comes back as one that does not wait.
    servers.add_broker("slow", hasty.address);
    CHECK(look_until([&] { return topic.in_turn.size() == 2; }));
    CHECK(is_sent_to(servers.address));
    CHECK_FALSE(is_sent_to(hasty.address));
}

TEST_CASE("a broker that could not say at first whether it waits for it is asked again") {
    FakeServers servers;
    FakeServers busy;
    servers.config = busy.config = "flushDiskType=SYNC_FLUSH\n";
    servers.add_broker("busy", busy.address);
    busy.config_code = wire::response_code::system_busy;
    const auto client = servers.client();
    SendTopics topics(*client, Ack::flush, 1);
    const auto found = topics.find("T", {});
    REQUIRE(found);
    CHECK((*found)->in_turn.size() == 2);
    topics.look();
    CHECK((*found)->in_turn.size() == 2);
    busy.config_code = 0;
    const auto deadline_ms = monotonic_ms() + 10'000;
    while ((*found)->in_turn.size() != 4 && monotonic_ms() < deadline_ms) topics.look();
    CHECK((*found)->in_turn.size() == 4);
    CHECK((*found)->first_queues == 2);
}

TEST_CASE("a shard stays in its queue when its topic gets more of them") {
    FakeServers servers;
    const auto client = servers.client();
    Producer::Options options;
    std::map<std::string, std::set<std::int32_t>> queues;
    std::set<std::int32_t> others;
    options.keeps_messages = true;
    options.route_every_ms = 1;
    options.on_settled = [&](const Settled& is) {
        is.batch.for_each([&](std::string_view, std::string_view body) {
            (body == "none" ? others : queues[std::string(body)]).insert(is.queue_id);
        });
    };
    Producer producer(*client, options);
    const auto send = [&] {
        for (const char* const shard : {"a", "b", "c", "d", "e", "none"}) {
            auto message = message_of(shard);
            if (std::string_view(shard) != "none") message.shard = shard;
            REQUIRE(producer.send(message));
        }
        producer.finish();
    };
    send();
    servers.queues = 5;
    const auto deadline_ms = monotonic_ms() + 10'000;
    while (others.size() < 5 && monotonic_ms() < deadline_ms) send();
    CHECK(others.size() == 5);
    CHECK(queues.size() == 5);
    for (const auto& [shard, ids] : queues) CHECK(ids.size() == 1);
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
    servers.move_broker(closed.address);
    const auto client = servers.client();
    Producer::Options options;
    options.oneway = true;
    options.retries = 1;
    options.counts_unreached = true;
    Producer producer(*client, options);
    REQUIRE(producer.send(message_of("a")));
    REQUIRE(producer.send(message_of("b")));
    producer.finish();
    CHECK(producer.totals().handed_over == 0);
    CHECK(producer.totals().refused == 2);
    REQUIRE(producer.first_error());
    CHECK(producer.first_error()->code == Errc::unavailable);
}

namespace {

/// A broker that answers one question on its connection and then reads no more.
class MuteBroker {
public:
    MuteBroker() {
        const int small = 64 << 10;
        REQUIRE(setsockopt(port_.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
        REQUIRE(listen(port_.fd, 1) == 0);
        thread_ = std::thread([this] { answer_one(); });
    }
    /// Breaks the connection: what the other side has not handed over is lost.
    void die() {
        if (thread_.joinable()) thread_.join();
        if (accepted_ >= 0) close(std::exchange(accepted_, -1));
    }
    ~MuteBroker() {
        shutdown(port_.fd, SHUT_RDWR);  // nobody may have come
        die();
    }
    MuteBroker(const MuteBroker&) = delete;
    MuteBroker& operator=(const MuteBroker&) = delete;

    const std::string& address() const { return port_.address; }

private:
    void answer_one() {
        accepted_ = accept(port_.fd, nullptr, nullptr);
        char question[4096] = {};
        const auto n = recv(accepted_, question, sizeof question, 0);
        if (n <= 0) return;
        wire::Decoder decoder;
        const auto asked =
            decoder.decode(as_bytes(std::string_view(question, static_cast<std::size_t>(n))));
        if (!asked) return;
        Buffer frame;
        wire::Encoder encoder(frame, wire::Encoding::json, 0, asked->opaque, wire::flag_response);
        wire::write_header(encoder, wire::OffsetResponse{});
        if (!encoder.finish()) return;
        send(accepted_, frame.data(), frame.size(), MSG_NOSIGNAL);
    }

    const ClosedPort port_;  // until it listens
    int accepted_ = -1;      ///< the thread's until it is joined
    std::thread thread_;
};

}  // namespace

TEST_CASE("one-way messages lost on the way to where the broker was are counted at the end") {
    FakeServers servers;
    MuteBroker old;
    servers.queues = 1;
    servers.move_broker(old.address());
    const auto client = servers.client();
    Producer::Options options;
    options.oneway = true;
    options.route_every_ms = 1;
    Producer producer(*client, options);
    const std::string body(64 << 10, 'x');
    std::uint64_t sent = 0;
    const auto send = [&](std::string_view text) {
        REQUIRE(producer.send(message_of(text)));
        producer.flush();
        producer.pump();
        ++sent;
    };
    // Until the sockets take no more, and then some that are still here when they break.
    do send(body);
    while (client->channel(old.address())->flush(50));
    for (int i = 0; i < 3; ++i) send(body);
    servers.move_broker({});
    const auto deadline_ms = monotonic_ms() + 10'000;
    while (servers.bodies().empty() && monotonic_ms() < deadline_ms) send("b");
    CHECK_FALSE(servers.bodies().empty());
    old.die();
    producer.finish();
    CHECK(producer.totals().refused >= 3);
    // What the system had taken may have been read or not: the broker was never asked behind it.
    CHECK(producer.totals().unknown >= 1);
    CHECK(producer.totals().handed_over == servers.bodies().size());
    CHECK(producer.totals().settled() == sent);
}
