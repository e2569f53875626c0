#include "sending/spooled_outlet.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "../client/fake_servers.h"
#include "base/clock.h"
#include "../folder.h"

using namespace mqd;
using namespace mqd::sending;
using mqd::testing::FakeServers;
using mqd::testing::Folder;
using mqd::testing::GuardedFiles;
namespace code = mqd::wire::response_code;

namespace {

client::Message message_of(std::string_view body) {
    client::Message made;
    made.topic = "T";
    made.body = body;
    return made;
}

/// A spool in a folder, on a disk that may be full, before servers that may be told what to say.
struct World {
    FakeServers servers;
    Folder folder;
    bool is_full = false;
    bool fits_alone = false;  ///< what holds the space is the log's first file
    GuardedFiles files{[this](GuardedFiles::Call call) -> Result<> {
        if (is_full && call == GuardedFiles::Call::write &&
            (!fits_alone || folder.has("commitlog/00000000000000000000")))
            return Error{Errc::refused, "no space"};
        return {};
    }};
    std::vector<std::string> warnings;
    std::unique_ptr<client::Client> client = servers.client();
    std::unique_ptr<Fates> fates;
    std::unique_ptr<spool::Spool> spool;
    std::unique_ptr<SpooledOutlet> outlet;

    explicit World(SpooledOutlet::Options options = {}, client::Producer::Options producer = {}) {
        auto no_fates = Fates::open(Print::nothing, "", {}, "");
        REQUIRE(no_fates);
        fates = std::move(*no_fates);
        auto made = spool::Spool::open(files, folder.path(), 1 << 30);
        REQUIRE(made);
        spool = std::move(*made);
        options.waiting.say = [this](std::string_view what) { warnings.emplace_back(what); };
        options.waiting.told_after_ms = 0;
        outlet = std::make_unique<SpooledOutlet>(*client, std::move(producer), *spool, *fates,
                                                 std::move(options));
    }

    /// As Sending does: work, then sleep until there is more.
    void pass() {
        REQUIRE(outlet->work());
        sleep();
    }
    void sleep() {
        const auto due_ms = outlet->due_ms();
        const auto timeout_ms =
            due_ms < 0 ? 20 : std::clamp<std::int64_t>(due_ms - monotonic_ms(), 0, 20);
        client::wait_for_either(outlet->fd(), -1, timeout_ms);
    }
    void finish() {
        for (;;) {
            const auto done = outlet->finish(false);
            REQUIRE(done);
            if (*done) return;
            sleep();
        }
    }
    Tally tally() const {
        Tally tally;
        outlet->count(tally);
        return tally;
    }
};

}  // namespace

TEST_CASE("what is sent goes through the files, and leaves none") {
    World world;
    REQUIRE(world.outlet->send(message_of("a"), 0));
    CHECK(world.servers.sends() == 0);
    CHECK(world.outlet->may_read().value_or(false));
    CHECK(world.folder.has("commitlog/00000000000000000000"));
    world.finish();
    CHECK(world.servers.bodies() == std::vector<std::string>{"a"});
    CHECK(world.tally().acknowledged == 1);
    CHECK_FALSE(world.folder.has("commitlog"));
    CHECK(world.outlet->failed() == 0);
}

TEST_CASE("a full disk holds the input until there is space") {
    World world;
    world.is_full = true;
    REQUIRE(world.outlet->send(message_of("a"), 0));
    CHECK_FALSE(world.outlet->may_read().value_or(true));
    REQUIRE(world.outlet->send(message_of("b"), 0));
    CHECK_FALSE(world.outlet->may_read().value_or(true));
    REQUIRE(world.warnings.size() == 1);
    CHECK(world.warnings[0] == "waiting: no space; the input waits");
    CHECK(world.servers.sends() == 0);
    world.is_full = false;
    for (bool may_read = false; !may_read; world.pass())
        may_read = world.outlet->may_read().value_or(false);
    world.finish();
    CHECK(world.servers.bodies() == std::vector<std::string>{"a", "b"});
    CHECK(world.tally().acknowledged == 2);
}

TEST_CASE("a disk that is full of what is settled has space again") {
    World world;
    REQUIRE(world.outlet->send(message_of("a"), 0));
    REQUIRE(world.outlet->may_read());
    world.is_full = world.fits_alone = true;
    REQUIRE(world.outlet->send(message_of("b"), 0));
    CHECK_FALSE(world.outlet->may_read().value_or(true));
    while (world.tally().acknowledged < 2) world.pass();
    CHECK(world.servers.bodies() == std::vector<std::string>{"a", "b"});
    world.is_full = false;
    world.finish();
}

TEST_CASE("what never gets a place in the files is refused, and said to be") {
    SpooledOutlet::Options options;
    options.timeout_ms = 30;
    World world(options);
    REQUIRE(world.outlet->send(message_of("a"), 0));
    CHECK(world.outlet->may_read().value_or(false));
    world.is_full = true;
    REQUIRE(world.outlet->send(message_of("b"), 0));
    while (world.tally().acknowledged == 0) world.pass();
    for (;;) {
        const auto done = world.outlet->finish(false);
        if (!done || *done) break;  // such a disk may not even let its files go
        world.sleep();
    }
    CHECK(world.tally().refused == 1);
    CHECK(world.tally().spooled == 0);
    CHECK(world.outlet->failed() == 1);
    REQUIRE(world.outlet->first_error());
    CHECK(world.outlet->first_error()->code == Errc::io);
}

TEST_CASE("a broker that answers is waited for, one that does not holds nothing up" *
          doctest::test_suite("slow")) {
    client::Producer::Options producer;
    producer.window = 1;
    producer.batch_bytes_max = 1;
    producer.attempt_ms = 1000;
    World world({}, producer);
    world.servers.answer_sends({-1, -1});
    for (const auto* const body : {"a", "b", "c"}) REQUIRE(world.outlet->send(message_of(body), 0));
    // One is under way, the others have to wait: nobody knows yet that this one is lost.
    CHECK_FALSE(world.outlet->may_read().value_or(true));
    while (!world.outlet->may_read().value_or(false)) world.pass();
    CHECK(world.tally().acknowledged == 0);
    CHECK(world.tally().spooled == 3);
    world.finish();
    CHECK(world.servers.bodies() == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a refused message is kept, and by choice nothing goes on behind it") {
    for (const bool skips : {false, true}) {
        SpooledOutlet::Options options;
        options.skips_errors = skips;
        client::Producer::Options producer;
        producer.window = 1;
        producer.batch_bytes_max = 1;
        World world(options, producer);
        world.servers.answer_sends({0, code::message_illegal});
        for (const auto* const body : {"a", "b", "c", "d", "e"})
            REQUIRE(world.outlet->send(message_of(body), 0));
        world.finish();
        const auto tally = world.tally();
        CHECK(tally.refused == 1);
        CHECK(tally.refused_by.at("MESSAGE_ILLEGAL") == 1);
        CHECK(tally.acknowledged + tally.spooled == 4);
        if (skips) {
            CHECK(tally.spooled == 0);
        } else {
            CHECK(tally.spooled >= 1);
        }
        auto scan = store::LogScan::open(world.folder.path() / "refused");
        REQUIRE(scan);
        const auto item = (*scan)->next();
        REQUIRE(item);
        REQUIRE(item->kind == store::LogItem::Kind::record);
        CHECK(item->record.body == "b");
    }
}

TEST_CASE("what lacks a replica is stored, and neither kept nor sent again") {
    SpooledOutlet::Options options;
    options.ack = client::Ack::all;
    client::Producer::Options producer;
    producer.ack = client::Ack::all;
    World world(options, producer);
    world.servers.config = "brokerRole=SYNC_MASTER\ninSyncReplicas=2\n";
    world.servers.answer_sends({code::flush_slave_timeout});
    REQUIRE(world.outlet->send(message_of("a"), 0));
    world.finish();
    CHECK(world.servers.sends() == 1);
    CHECK(world.tally().unknown == 1);
    CHECK_FALSE(world.folder.has("refused"));
}

TEST_CASE("at the end a broker has so long, and what is left stays") {
    SpooledOutlet::Options options;
    options.timeout_ms = 100;
    client::Producer::Options producer;
    producer.attempt_ms = 20;
    World world(options, producer);
    world.servers.answer_sends(std::deque<std::int32_t>(1000, -1));
    REQUIRE(world.outlet->send(message_of("a"), 0));
    world.finish();
    CHECK(world.tally().spooled == 1);
    CHECK(world.outlet->failed() == 0);
    CHECK(world.folder.has("commitlog/00000000000000000000"));
}

// On a full spool nobody reads the input, and nothing but this wakes the tool.
TEST_CASE("a batch that an answer came too early for leaves all the same") {
    SpooledOutlet::Options options;
    options.linger_ms = 600;
    client::Producer::Options producer;
    producer.batch_bytes_max = 1000;  // two messages
    producer.attempt_ms = 60'000;
    World world(options, producer);
    world.servers.queues = 1;
    world.servers.hold_answers();
    const std::string body(400, 'x');
    const auto send = [&] {
        auto message = message_of(body);
        message.queue = 0;
        REQUIRE(world.outlet->send(message, 0));
        REQUIRE(world.outlet->work());
    };
    const auto until = [&](std::size_t held) {
        while (world.servers.held() < held) world.pass();
    };
    const auto answer = [&] {
        world.servers.release();
        const auto before = world.tally().acknowledged;
        while (world.tally().acknowledged == before) world.pass();
    };
    send();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    send();
    send();  // the first batch leaves, a second one is begun
    until(1);
    const auto begun_ms = monotonic_ms();
    while (monotonic_ms() < begun_ms + 350) world.pass();  // it had no room when its time came
    send();
    send();  // stays in the spool: the second one is full
    answer();
    until(1);
    answer();  // the third one is not as old as the linger
    while (world.servers.sends() < 3) {
        const bool is_told = client::is_readable(world.outlet->fd());
        REQUIRE((is_told || world.outlet->due_ms() >= 0));
        world.pass();
    }
    until(1);
    answer();
    world.finish();
    CHECK(world.tally().acknowledged == 5);
}

TEST_CASE("whom the rate holds up is woken, however near the time is") {
    SpooledOutlet::Options options;
    options.rate = 200;
    options.linger_ms = 0;
    World world(options);
    for (int i = 0; i < 60; ++i) REQUIRE(world.outlet->send(message_of("a"), 0));
    REQUIRE(world.outlet->may_read());
    while (world.tally().acknowledged < 60) {
        REQUIRE(world.outlet->work());
        if (world.spool->has_unsent()) REQUIRE(world.outlet->due_ms() >= 0);
        world.sleep();
    }
    world.finish();
}
