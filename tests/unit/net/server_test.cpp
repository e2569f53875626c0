#include <doctest/doctest.h>

#include <atomic>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "net/server.h"
#include "peer.h"

using namespace mqd;
using mqd::testing::eventually;
using mqd::testing::Peer;

namespace {

struct Counts {
    std::atomic<int> opened = 0;
    std::atomic<int> closing = 0;
    std::atomic<int> closed = 0;
};

/// A protocol of its own: gives lines back. `bye` closes, `throw` throws, `bad` is an error.
class EchoSession final : public net::Session {
public:
    EchoSession(std::unique_ptr<net::Stream> stream, Counts& counts, bool throws)
        : Session(std::move(stream)), counts_(counts), throws_(throws) {}

private:
    void opened() override {
        ++counts_.opened;
        if (throws_) throw std::runtime_error("opened");
    }
    Result<std::size_t> received(Bytes bytes) override {
        std::size_t used = 0;
        const std::string_view text = as_text(bytes);
        for (std::size_t end = 0; !is_closing(); used = end + 1) {
            end = text.find('\n', used);
            if (end == std::string_view::npos) break;
            const auto line = text.substr(used, end - used);
            if (line == "throw") throw std::runtime_error("received");
            if (line == "bad") return Error{Errc::invalid, "a bad line"};
            if (line == "bye") close();
            stream()->output().put(as_bytes(text.substr(used, end + 1 - used)));
        }
        return used;
    }
    void closing(const Error&) override {
        ++counts_.closing;
        if (throws_) throw std::runtime_error("closing");
    }
    void closed(const Error&) override {
        ++counts_.closed;
        if (throws_) throw std::runtime_error("closed");
    }

    Counts& counts_;
    const bool throws_;
};

class EchoServer {
public:
    explicit EchoServer(std::size_t connections_max = 100, bool throws = false) {
        auto made = net::Server::listen(
            threads, "127.0.0.1:0", {}, connections_max,
            [this, throws](std::unique_ptr<net::Stream> stream, std::size_t) {
                return std::make_shared<EchoSession>(std::move(stream), counts, throws);
            });
        REQUIRE(made);
        server = std::move(*made);
    }
    ~EchoServer() {
        server.reset();
        threads.stop();
    }
    EchoServer(const EchoServer&) = delete;
    EchoServer& operator=(const EchoServer&) = delete;

    Counts counts;
    net::IoThreads threads{2, "test"};
    std::unique_ptr<net::Server> server;
};

std::string echo(Peer& peer, const std::string& line) {
    peer.send(line);
    return peer.receive(line.size());
}

}  // namespace

TEST_CASE("a server takes as many connections as it may and closes the next") {
    EchoServer of(3);
    std::list<Peer> peers;
    for (int i = 0; i < 3; ++i) {
        peers.push_back(Peer::connected(of.server->port()));
        CHECK(echo(peers.back(), "hello\n") == "hello\n");
    }
    CHECK(of.server->connections() == 3);
    auto refused = Peer::connected(of.server->port());
    CHECK(refused.is_closed());
    CHECK(of.server->connections() == 3);
    CHECK(of.counts.opened == 3);

    peers.pop_front();
    REQUIRE(eventually([&] { return of.server->connections() == 2; }));
    auto next = Peer::connected(of.server->port());
    CHECK(echo(next, "again\n") == "again\n");
    // Sessions that moved in the list still work.
    for (auto& peer : peers) CHECK(echo(peer, "still\n") == "still\n");
}

TEST_CASE("a session ends from either side, once") {
    EchoServer of;
    auto peer = Peer::connected(of.server->port());
    CHECK(echo(peer, "bye\n") == "bye\n");
    CHECK(peer.is_closed());
    REQUIRE(eventually([&] { return of.counts.closed == 1; }));
    { auto leaves = Peer::connected(of.server->port()); }
    REQUIRE(eventually([&] { return of.counts.closed == 2; }));
    auto bad = Peer::connected(of.server->port());
    bad.send("bad\n");
    CHECK(bad.is_closed());
    REQUIRE(eventually([&] { return of.counts.closed == 3; }));
    CHECK(of.counts.opened == 3);
    CHECK(of.counts.closing == 3);
    CHECK(of.server->connections() == 0);
}

TEST_CASE("a server that stops ends its open sessions") {
    EchoServer of;
    std::vector<Peer> peers;
    for (int i = 0; i < 5; ++i) {
        peers.push_back(Peer::connected(of.server->port()));
        CHECK(echo(peers.back(), "x\n") == "x\n");
    }
    of.server.reset();
    CHECK(of.counts.closed == 5);
    for (auto& peer : peers) CHECK(peer.is_closed());
}

TEST_CASE("what a session throws ends it at most, not the server") {
    EchoServer of(1, true);
    auto peer = Peer::connected(of.server->port());
    CHECK(echo(peer, "hello\n") == "hello\n");
    peer.send("throw\n");
    CHECK(peer.is_closed());
    REQUIRE(eventually([&] { return of.server->connections() == 0; }));
    auto next = Peer::connected(of.server->port());
    CHECK(echo(next, "hello\n") == "hello\n");
}

TEST_CASE("a session that cannot be made costs its connection only") {
    net::IoThreads threads{2, "test"};
    Counts counts;
    std::atomic<int> made = 0;
    auto server = net::Server::listen(
        threads, "127.0.0.1:0", {}, 1,
        [&](std::unique_ptr<net::Stream> stream, std::size_t) -> std::shared_ptr<net::Session> {
            if (made++ < 3) throw std::bad_alloc();
            return std::make_shared<EchoSession>(std::move(stream), counts, false);
        });
    REQUIRE(server);
    for (int i = 0; i < 3; ++i) {
        CHECK(Peer::connected((*server)->port()).is_closed());
        REQUIRE(eventually([&] { return (*server)->connections() == 0; }));
    }
    CHECK(made == 3);
    auto peer = Peer::connected((*server)->port());
    CHECK(echo(peer, "hello\n") == "hello\n");
    CHECK((*server)->connections() == 1);
    server->reset();
    threads.stop();
}
