#include "client/client.h"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_servers.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;

namespace {

std::unique_ptr<Client> client_of(std::vector<std::string> addresses) {
    Options options;
    options.namesrv = std::move(addresses);
    auto made = Client::open(std::move(options));
    REQUIRE(made);
    return std::move(*made);
}

/// Takes connections and says nothing.
class Silent {
public:
    Silent() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at = {};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof at;
        auto* const any = reinterpret_cast<sockaddr*>(&at);
        REQUIRE(::bind(fd_, any, sizeof at) == 0);
        REQUIRE(::listen(fd_, 16) == 0);
        REQUIRE(::getsockname(fd_, any, &bytes) == 0);
        address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    }
    ~Silent() { ::close(fd_); }
    Silent(const Silent&) = delete;
    Silent& operator=(const Silent&) = delete;
    std::string address;

private:
    const int fd_;
};

}  // namespace

TEST_CASE("a name server that cannot answer is asked once, as long as another one does") {
    FakeServers busy;
    FakeServers servers;
    busy.is_busy = true;
    const auto client = client_of({busy.address, servers.address});
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
    const auto route = client_of({one.address, other.address})->route("T");
    REQUIRE_FALSE(route);
    CHECK(route.error().code == Errc::unavailable);
    CHECK(route.error().what.find(one.address) != std::string::npos);
    CHECK(route.error().what.find(other.address) != std::string::npos);
    CHECK(one.asked_for_routes == 1);
    CHECK(other.asked_for_routes == 1);
}

TEST_CASE("silent name servers cost a moment each, and the one that answers has its turn") {
    Silent one;
    Silent other;
    FakeServers servers;
    const auto client = client_of({one.address, other.address, servers.address});
    const auto begin_ms = monotonic_ms();
    CHECK(client->route("T"));
    CHECK(monotonic_ms() - begin_ms < client->options().timeout_ms);
    CHECK(client->namesrv() == servers.address);
    CHECK(client->route("T"));
    CHECK(servers.asked_for_routes == 2);
}

TEST_CASE("a topic is not there when all name servers that answer say so") {
    FakeServers without;
    FakeServers with;
    without.knows_topic = false;
    const auto client = client_of({without.address, with.address});
    CHECK(client->route("T"));
    CHECK(with.asked_for_routes == 1);
    with.knows_topic = false;
    const auto route = client->route("T");
    REQUIRE_FALSE(route);
    CHECK(route.error().code == Errc::not_found);
    with.is_busy = true;  // it cannot tell
    CHECK(client->route("T").error().code == Errc::not_found);
}
