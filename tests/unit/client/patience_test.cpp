#include "client/patience.h"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "client/queues.h"
#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;

namespace {

struct Told {
    std::vector<std::string> lines;
    std::unique_ptr<Client> client;
    int stop_fd = ::eventfd(0, EFD_CLOEXEC);

    explicit Told(std::vector<std::string> namesrv, std::int64_t timeout_ms = 30'000) {
        Options options;
        options.namesrv = std::move(namesrv);
        options.timeout_ms = timeout_ms;
        options.waiting = waiting(60'000);
        auto made = Client::open(std::move(options));
        REQUIRE(made);
        client = std::move(*made);
    }
    ~Told() {
        client.reset();
        ::close(stop_fd);
    }
    Waiting waiting(std::int64_t for_ms) {
        return {[this](std::string_view line) { lines.emplace_back(line); }, 1000, for_ms, stop_fd};
    }
    void stop() const {
        const std::uint64_t one = 1;
        REQUIRE(::write(stop_fd, &one, sizeof one) == sizeof one);
    }
};

bool has(const std::string& text, const std::string& what) {
    return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("what is busy or not there is tried again until it is, and the wait is told") {
    FakeServers servers;
    servers.is_busy = true;
    Told told({servers.address});
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        servers.is_busy = false;
    });
    Patience patience(*told.client, told.waiting(60'000));
    CHECK(patience.until_settled([&] { return told.client->route("T"); }));
    later.join();
    CHECK(servers.asked_for_routes > 2);
    REQUIRE(told.lines.size() == 2);
    CHECK(has(told.lines[0], servers.address));
    CHECK(has(told.lines[0], "waiting: "));
    CHECK(has(told.lines[1], "continues after"));
}

TEST_CASE("what is settled at once says nothing, and what does not pass is not tried again") {
    FakeServers servers;
    Told told({servers.address});
    Patience patience(*told.client, told.waiting(60'000));
    CHECK(patience.until_settled([&] { return told.client->route("T"); }));
    const auto none = patience.until_settled([&] { return told.client->route("none"); });
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::not_found);
    CHECK(none.error().what ==
          "topic 'none' does not exist on " + servers.address + " (TOPIC_NOT_EXIST)");
    // Asked again when it was known that there are brokers.
    CHECK(servers.asked_for_routes == 3);
    for (const auto code : {Errc::refused, Errc::invalid, Errc::unsupported, Errc::corrupt}) {
        int tried = 0;
        const auto result = patience.until_settled([&]() -> Result<> {
            ++tried;
            return Error{code, "no"};
        });
        CHECK(!result);
        CHECK(tried == 1);
    }
    CHECK(told.lines.empty());
}

TEST_CASE("while no broker has registered nothing is known not to exist") {
    FakeServers servers;
    servers.knows_topic = servers.knows_brokers = false;
    Told told({servers.address});
    const auto begin_ms = monotonic_ms();
    Patience brief(*told.client, told.waiting(200));
    const auto none = brief.until_settled([&] { return publish_route(*told.client, "T"); });
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::unavailable);
    CHECK(none.error().what == "no broker has registered at " + servers.address + " yet");
    CHECK(monotonic_ms() - begin_ms >= 190);
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        servers.knows_topic = servers.knows_brokers = true;
    });
    Patience patience(*told.client, told.waiting(60'000));
    CHECK(patience.until_settled([&] { return publish_route(*told.client, "T"); }));
    later.join();
}

TEST_CASE("a topic does not exist only when all name servers that answer say so") {
    FakeServers one, other;
    one.knows_topic = false;
    Told told({one.address, other.address, "127.0.0.1:1"});
    CHECK(told.client->route("T"));
    const auto none = told.client->route("none");
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::not_found);
    // Which of them was asked first is nobody's promise.
    CHECK(has(none.error().what, one.address));
    CHECK(has(none.error().what, other.address));
    CHECK_FALSE(has(none.error().what, "127.0.0.1:1"));
    // One that has just been started does not speak for the other.
    one.knows_brokers = false;
    CHECK(told.client->brokers_known()->is_known);
    CHECK(told.client->cluster_info("c")->clusters.contains("c"));
    CHECK_FALSE(told.client->cluster_info("d")->clusters.contains("d"));
}

TEST_CASE("a silent name server is waited for a moment, and the next time not at all") {
    FakeServers silent, servers;
    silent.is_silent = true;
    Told told({silent.address, servers.address});
    const auto begin_ms = monotonic_ms();
    CHECK(told.client->route("T"));
    CHECK(monotonic_ms() - begin_ms < 25'000);  // of the 30 s that an answer may take
    CHECK(told.client->namesrv() == servers.address);
    // Nor where the others have an answer that settles nothing.
    CHECK_FALSE(told.client->route("none"));
    CHECK(monotonic_ms() - begin_ms < 28'000);
    CHECK(told.lines.size() <= 2);
}

TEST_CASE("who is told to stop waits for nothing more" * doctest::test_suite("slow")) {
    FakeServers silent;
    silent.is_silent = true;
    Told told({silent.address});
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        told.stop();
    });
    const auto begin_ms = monotonic_ms();
    Patience patience(*told.client, told.waiting(0));
    const auto stopped = patience.until_settled([&] { return told.client->route("T"); });
    later.join();
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().what == "interrupted: no answer from " + silent.address);
    // What is asked after that, as at an orderly end, has a second.
    silent.is_silent = false;
    CHECK(told.client->route("T"));
    silent.is_silent = true;
    CHECK_FALSE(told.client->route("T"));
    CHECK(monotonic_ms() - begin_ms < 25'000);
}
