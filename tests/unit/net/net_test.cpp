#include <doctest/doctest.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "net/stream.h"
#include "peer.h"

using namespace mqd;
using mqd::testing::eventually;
using mqd::testing::Peer;

namespace {

/// A server whose streams are all handled alike; `on_bytes` gets the stream too.
class TestServer {
public:
    using OnBytes = std::function<std::size_t(net::Stream&, Bytes)>;

    explicit TestServer(OnBytes on_bytes, net::StreamOptions options = {})
        : on_bytes_(std::move(on_bytes)) {
        auto listener = net::Listener::listen(threads, "127.0.0.1:0", options,
                                              [this](auto stream) { serve(std::move(stream)); });
        REQUIRE(listener);
        listener_ = std::move(*listener);
    }
    ~TestServer() {
        listener_.reset();
        threads.stop();
    }
    std::uint16_t port() const { return listener_->port(); }
    std::size_t open() {
        Lock lock(lock_);
        return streams_.size();
    }
    std::string close_reason() {
        Lock lock(lock_);
        return close_reason_;
    }

    net::IoThreads threads{2, "test"};

private:
    void serve(std::unique_ptr<net::Stream> stream) {
        net::Stream* s = stream.get();
        {
            Lock lock(lock_);
            streams_[s] = std::move(stream);
        }
        s->start({[this, s](Bytes bytes) { return on_bytes_(*s, bytes); },
                  [this, s](const Error& error) {
                      Lock lock(lock_);
                      close_reason_ = error.what;
                      streams_.erase(s);
                  },
                  {},
                  {}});
    }

    const OnBytes on_bytes_;
    Mutex lock_;
    std::map<net::Stream*, std::unique_ptr<net::Stream>> streams_ GUARDED_BY(lock_);
    std::string close_reason_ GUARDED_BY(lock_);
    std::unique_ptr<net::Listener> listener_;
};

std::size_t echo(net::Stream& stream, Bytes bytes) {
    stream.output().put(bytes);
    return bytes.size();
}

std::string pattern(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>((i * 31 + i / 251) & 0xff);
    return out;
}

}  // namespace

TEST_CASE("what was not consumed comes again with more behind it") {
    // Units of 5 bytes, sent in pieces of 3.
    TestServer server([](net::Stream& stream, Bytes bytes) {
        const std::size_t whole = bytes.size() - bytes.size() % 5;
        stream.output().put(bytes.first(whole));
        return whole;
    });
    auto peer = Peer::connected(server.port());
    const auto sent = pattern(3000);
    for (std::size_t i = 0; i < sent.size(); i += 3) peer.send(sent.substr(i, 3));
    CHECK(peer.receive(sent.size()) == sent);
}

TEST_CASE("a unit much bigger than a read arrives whole, and small ones after it") {
    constexpr std::size_t big = 12'000'000;
    std::atomic<std::size_t> seen = 0;
    TestServer server([&](net::Stream& stream, Bytes bytes) -> std::size_t {
        if (seen == 0 && bytes.size() < big) return 0;
        seen += bytes.size();
        return echo(stream, bytes);
    });
    auto peer = Peer::connected(server.port());
    const auto sent = pattern(big);
    peer.send(sent);
    CHECK(peer.receive(big) == sent);
    peer.send("small");
    CHECK(peer.receive(5) == "small");
}

TEST_CASE("pieces go out between what was written before and after them") {
    const auto body = std::make_shared<std::string>(pattern(100'000));
    std::string expected;
    for (std::size_t i = 0; i < 600; ++i) {
        expected += "head" + std::to_string(i);
        expected += body->substr(i * 7, 3000);
        expected += body->substr(i, 5);
    }
    expected += "tail";
    TestServer server([&](net::Stream& stream, Bytes bytes) {
        for (std::size_t i = 0; i < 600; ++i) {
            stream.output().put("head" + std::to_string(i));
            stream.send_pieces({{as_bytes(*body).subspan(i * 7, 3000), body},
                                {as_bytes(*body).subspan(i, 5), body}});
        }
        stream.output().put("tail");
        return bytes.size();
    });
    auto peer = Peer::connected(server.port());
    peer.send("x");
    CHECK(peer.receive(expected.size()) == expected);
    // Only the two owners of this test are left.
    CHECK(eventually([&] { return body.use_count() == 1; }));
}

TEST_CASE("a peer that does not read its answers is not read any more, until it does") {
    std::atomic<std::size_t> consumed = 0;
    net::StreamOptions options;
    options.unsent_bytes_high = 1 << 20;
    TestServer server(
        [&](net::Stream& stream, Bytes bytes) {
            consumed += bytes.size();
            return echo(stream, bytes);
        },
        options);
    auto peer = Peer::connected(server.port());
    const auto sent = pattern(64 << 20);
    // Until neither side's kernel takes more and the server stands still.
    std::size_t n = 0;
    std::size_t last = 1;
    CHECK(eventually([&] {
        const std::size_t before = n;
        while (const auto more = peer.send_some(std::string_view(sent).substr(n))) n += more;
        const bool still = n == before && consumed == last;
        last = consumed;
        if (!still) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return still;
    }));
    REQUIRE(n < sent.size());
    std::thread rest([&] { peer.send(std::string_view(sent).substr(n)); });
    CHECK(peer.receive(sent.size()) == sent);
    rest.join();
    CHECK(consumed == sent.size());
}

TEST_CASE("a stream that was paused goes on where it stopped") {
    std::atomic<net::Stream*> paused = nullptr;
    std::atomic<bool> resumed = false;
    TestServer server([&](net::Stream& stream, Bytes bytes) -> std::size_t {
        if (!resumed) {
            stream.pause_reading();
            paused = &stream;
            return 0;
        }
        return echo(stream, bytes);
    });
    auto peer = Peer::connected(server.port());
    peer.send("first");
    REQUIRE(eventually([&] { return paused != nullptr; }));
    peer.send(" second");
    resumed = true;
    net::Stream& stream = *paused;
    stream.loop().post([&] { stream.resume_reading(); });
    CHECK(peer.receive(12) == "first second");
}

TEST_CASE("2,000 idle connections with one byte each cost little memory") {
    TestServer server([](net::Stream&, Bytes bytes) { return bytes.size() - bytes.size() % 4; });
    const auto before = ::mallinfo2();
    std::vector<Peer> peers;
    for (int i = 0; i < 2000; ++i) {
        peers.push_back(Peer::connected(server.port()));
        peers.back().send("a");
    }
    CHECK(eventually([&] { return server.open() == 2000; }));
    const auto after = ::mallinfo2();
    CHECK(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd < 2000 * 4096);
    // They are all still served.
    for (auto& peer : peers) peer.send("bcd");
    peers.clear();
    CHECK(eventually([&] { return server.open() == 0; }));
    CHECK(server.close_reason() == "closed");
}

TEST_CASE("a connection is closed when nothing came or went for the idle time") {
    net::StreamOptions options;
    options.idle_ms = 60;
    TestServer server(echo, options);
    auto peer = Peer::connected(server.port());
    peer.send("x");
    CHECK(peer.receive(1) == "x");
    CHECK(peer.is_closed());
    CHECK(eventually([&] { return server.close_reason() == "idle for 60 ms"; }));
}

TEST_CASE("a TLS hello is closed") {
    TestServer server(echo);
    auto peer = Peer::connected(server.port());
    peer.send("\x16\x03\x01");
    CHECK(peer.is_closed());
}

TEST_CASE("close sends what is queued, also when the stream is destroyed at once") {
    net::IoThreads threads(1, "test");
    const auto body = std::make_shared<std::string>(pattern(8 << 20));
    auto listener = net::Listener::listen(threads, "127.0.0.1:0", {}, [&](auto stream) {
        stream->start({[](Bytes bytes) { return bytes.size(); }, [](const Error&) {}, {}, {}});
        stream->output().put("head");
        stream->send_pieces({{as_bytes(*body), body}});
        stream->close();
    });
    REQUIRE(listener);
    auto peer = Peer::connected((*listener)->port());
    CHECK(peer.receive(body->size() + 100) == "head" + *body);
}

TEST_CASE("a listener says why it cannot listen") {
    net::IoThreads threads(1, "test");
    const auto ignore = [](std::unique_ptr<net::Stream>) {};
    const auto first = net::Listener::listen(threads, "127.0.0.1:0", {}, ignore);
    REQUIRE(first);
    const auto address = "127.0.0.1:" + std::to_string((*first)->port());
    const auto second = net::Listener::listen(threads, address, {}, ignore);
    REQUIRE(!second);
    CHECK(second.error().code == Errc::refused);
    CHECK(second.error().what == "cannot listen on " + address + ": Address already in use");
    for (const auto* bad : {"", "localhost", "127.0.0.1:", "127.0.0.1:65536", "::1:80"}) {
        const auto listener = net::Listener::listen(threads, bad, {}, ignore);
        REQUIRE(!listener);
        CHECK(listener.error().code == Errc::invalid);
    }
}

TEST_CASE("a name and an IPv6 address can be listened on and connected to") {
    for (const std::string host : {"localhost", "[::1]"}) {
        CAPTURE(host);
        net::IoThreads threads(1, "test");
        std::unique_ptr<net::Stream> accepted;
        auto listener = net::Listener::listen(threads, host + ":0", {},
                                              [&](auto stream) { accepted = std::move(stream); });
        if (!listener && host == "[::1]") continue;  // a machine without IPv6
        REQUIRE(listener);
        std::atomic<int> outcome = 0;
        std::unique_ptr<net::Stream> made;
        threads.at(0).post([&] {
            net::connect(threads.at(0), host + ":" + std::to_string((*listener)->port()), 5000, {},
                         [&](auto stream) {
                             if (stream) made = std::move(*stream);
                             outcome = made ? 1 : 2;
                         });
        });
        CHECK(eventually([&] { return outcome != 0; }));
        CHECK(outcome == 1);
        listener->reset();
        threads.stop();
        if (made && accepted) CHECK(made->local() == accepted->remote());
    }
}

TEST_CASE("a connection that is refused says so") {
    net::IoThreads threads(1, "test");
    std::uint16_t port = 0;
    {
        const auto listener = net::Listener::listen(threads, "127.0.0.1:0", {}, [](auto) {});
        REQUIRE(listener);
        port = (*listener)->port();
    }
    const auto address = "127.0.0.1:" + std::to_string(port);
    std::atomic<bool> is_done = false;
    Error error;
    threads.at(0).post([&] {
        net::connect(threads.at(0), address, 3000, {}, [&](auto stream) {
            if (!stream) error = stream.error();
            is_done = true;
        });
    });
    CHECK(eventually([&] { return is_done.load(); }));
    CHECK(error.code == Errc::unavailable);
    CHECK(error.what == "cannot connect to " + address + ": Connection refused");
}

TEST_CASE("without descriptors the listener waits and goes on when there are some again") {
    TestServer server(echo);
    Peer peer(server.port());
    auto first = Peer::connected(server.port());
    first.send("1");
    CHECK(first.receive(1) == "1");
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlimit none = limit;
    none.rlim_cur = 0;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    peer.connect();  // into the backlog
    peer.send("2");
    const auto cpu_before = std::clock();
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    const auto cpu_ms = (std::clock() - cpu_before) * 1000 / CLOCKS_PER_SEC;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(cpu_ms < 100);
    CHECK(peer.receive(1) == "2");
}

TEST_CASE("posted calls run once and in order, from any thread") {
    net::IoThreads threads(1, "test");
    net::Loop& loop = threads.at(0);
    std::vector<int> order;
    std::vector<std::thread> posters;
    for (int t = 0; t < 4; ++t)
        posters.emplace_back([&, t] {
            for (int i = 0; i < 1000; ++i)
                loop.post([&order, value = t * 1000 + i] { order.push_back(value); });
        });
    for (auto& poster : posters) poster.join();
    loop.run_and_wait([] {});
    REQUIRE(order.size() == 4000);
    std::map<int, int> next;
    for (const int value : order) CHECK(value % 1000 == next[value / 1000]++);
    CHECK(!loop.is_current_thread());
    loop.run_and_wait([&] { CHECK(loop.is_current_thread()); });
}

TEST_CASE("a timer calls once after its delay, and not at all when cancelled") {
    net::IoThreads threads(1, "test");
    net::Loop& loop = threads.at(0);
    std::unique_ptr<net::Timer> kept;
    std::unique_ptr<net::Timer> cancelled;
    std::atomic<int> calls = 0;
    std::atomic<std::int64_t> called_at = 0;
    const auto begin = monotonic_ms();
    loop.run_and_wait([&] {
        kept = loop.after(std::chrono::milliseconds(30), [&] {
            ++calls;
            called_at = monotonic_ms();
        });
        cancelled = loop.after(std::chrono::milliseconds(5), [&] { calls += 100; });
        cancelled->cancel();
    });
    CHECK(eventually([&] { return called_at != 0; }));
    CHECK(called_at - begin >= 29);
    CHECK(calls == 1);
    loop.run_and_wait([&] { kept.reset(); });
}

TEST_CASE("what is posted to a loop that stops still runs, and waiting for it does not hang") {
    net::IoThreads threads(2, "test");
    std::atomic<int> ran = 0;
    threads.at(0).post([&] { threads.at(1).post([&] { ++ran; }); });
    threads.stop();
    CHECK(ran == 1);
    threads.at(1).run_and_wait([&] { ++ran; });
    CHECK(ran == 2);
}

TEST_CASE("the kernel asks after peers that are gone without a word, on both ends") {
    TestServer server(echo);
    std::unique_ptr<net::Stream> stream;
    std::atomic<bool> is_there = false;
    server.threads.at(0).run_and_wait([&] {
        net::connect(server.threads.at(0), "127.0.0.1:" + std::to_string(server.port()), 30'000, {},
                     [&](Result<std::unique_ptr<net::Stream>> made) {
                         REQUIRE(made);
                         stream = std::move(*made);
                         is_there = true;
                     });
    });
    REQUIRE(eventually([&] { return is_there && server.open() == 1; }));
    // Whose descriptors they are does not matter: the two ends are all that is connected here.
    int ends = 0;
    for (int fd = 3; fd < 1024; ++fd) {
        sockaddr_in peer = {};
        socklen_t bytes = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &bytes) != 0) continue;
        ++ends;
        const auto option = [fd](int level, int name) {
            int value = -1;
            socklen_t size = sizeof value;
            REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
            return value;
        };
        CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
        CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 30);
        CHECK(option(IPPROTO_TCP, TCP_KEEPINTVL) == 10);
        CHECK(option(IPPROTO_TCP, TCP_KEEPCNT) == 3);
        CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 60'000);
    }
    CHECK(ends == 2);
    server.threads.at(0).run_and_wait([&] { stream.reset(); });
}
