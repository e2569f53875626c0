#include "client/client.h"

#include <doctest/doctest.h>

#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;

namespace {

std::unique_ptr<Client> client_of(const FakeServers& one, const FakeServers& other) {
    Options options;
    options.namesrv = {one.address, other.address};
    auto made = Client::open(std::move(options));
    REQUIRE(made);
    return std::move(*made);
}

}  // namespace

TEST_CASE("a name server that cannot answer is asked once, as long as another one does") {
    FakeServers busy;
    FakeServers servers;
    busy.is_busy = true;
    const auto client = client_of(busy, servers);
    for (int i = 0; i < 3; ++i) CHECK(client->route("T"));
    CHECK(busy.asked_for_routes == 1);
    servers.is_busy = true;
    busy.is_busy = false;
    CHECK(client->route("T"));
    CHECK(busy.asked_for_routes == 2);
}

TEST_CASE("where no name server can answer each is asked, and the error names them all") {
    FakeServers one;
    FakeServers other;
    one.is_busy = other.is_busy = true;
    const auto route = client_of(one, other)->route("T");
    REQUIRE_FALSE(route);
    CHECK(route.error().code == Errc::unavailable);
    CHECK(route.error().what.find(one.address) != std::string::npos);
    CHECK(route.error().what.find(other.address) != std::string::npos);
    CHECK(one.asked_for_routes == 1);
    CHECK(other.asked_for_routes == 1);
}
