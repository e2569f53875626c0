#include "client/route_watch.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "client/queues.h"
#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;

namespace {

std::optional<RouteWatch::Seen> wait_for(RouteWatch& watch) {
    const auto deadline_ms = monotonic_ms() + 10'000;
    while (monotonic_ms() < deadline_ms) {
        if (auto seen = watch.take()) return seen;
        wait_for_either(watch.fd(), -1, watch.due_ms() < 0 ? 1000 : 1);
    }
    return std::nullopt;
}

bool gives_any(RouteWatch& watch, std::int64_t for_ms) {
    bool has_any = false;
    for (const auto until_ms = monotonic_ms() + for_ms; monotonic_ms() < until_ms;) {
        has_any |= watch.take().has_value();
        wait_for_either(watch.fd(), -1, 1);
    }
    return has_any;
}

}  // namespace

TEST_CASE("a route is given once, and again when it has changed") {
    FakeServers servers;
    const auto client = servers.client();
    RouteWatch watch(*client, 1);
    CHECK(watch.due_ms() == -1);
    watch.watch("T");
    auto seen = wait_for(watch);
    REQUIRE(seen);
    CHECK(seen->topic == "T");
    CHECK(subscribe_queues("T", seen->route).size() == 2);
    CHECK_FALSE(gives_any(watch, 100));
    servers.queues = 3;
    seen = wait_for(watch);
    REQUIRE(seen);
    CHECK(subscribe_queues("T", seen->route).size() == 3);
}

TEST_CASE("a topic that nobody knows is none that has changed") {
    FakeServers servers;
    const auto client = servers.client();
    RouteWatch watch(*client, 1);
    watch.watch("unknown");
    CHECK_FALSE(gives_any(watch, 100));
}

TEST_CASE("of several name servers the next one is asked when one does not answer") {
    FakeServers servers;
    Options options;
    options.namesrv = {"127.0.0.1:1", servers.address};
    const auto client = Client::open(std::move(options));
    REQUIRE(client);
    RouteWatch watch(**client, 1);
    watch.watch("T");
    CHECK(wait_for(watch));
}

TEST_CASE("many questions that fail at once are one reason to ask the next name server") {
    FakeServers servers;
    Options options;
    options.namesrv = {"127.0.0.1:1", servers.address};
    const auto client = Client::open(std::move(options));
    REQUIRE(client);
    RouteWatch watch(**client, 1);
    for (int i = 0; i < 15; ++i) watch.watch("unknown");
    watch.watch("T");
    CHECK(wait_for(watch));
}

TEST_CASE("more topics than are asked for at once get their turn") {
    FakeServers servers;
    const auto client = servers.client();
    // Each is due again as soon as it has been answered.
    RouteWatch watch(*client, 0);
    for (int i = 0; i < 100; ++i) watch.watch("unknown");
    watch.watch("T");
    CHECK(wait_for(watch));
}
