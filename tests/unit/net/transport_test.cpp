#include "net/transport.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/tcp_stream.h"
#include "peer.h"

using namespace mqd;
using mqd::testing::eventually;
using Outcome = net::Transport::Outcome;
using State = net::Transport::State;

namespace {

/// Moves few bytes at a time, and now and then wants the socket the other way round first.
class Fussy final : public net::Transport {
public:
    struct Script {
        std::vector<State> handshake = {};  // before it is done
        std::size_t recv_max = 3, send_max = 2;
        bool recv_wants_write = false, send_wants_read = false;  // each third call
        int recv_fails_at = -1, send_fails_at = -1;              // the how manyth call
        State recv_fails_with = State::failed;
    };
    struct Seen {
        std::atomic<int> handshakes = 0, recvs = 0, sends = 0, early = 0;
    };
    Fussy(int fd, Script script, Seen& seen) : fd_(fd), script_(std::move(script)), seen_(seen) {}

    Outcome handshake() override {
        const auto step = static_cast<std::size_t>(seen_.handshakes++);
        if (step < script_.handshake.size()) {
            const auto state = script_.handshake[step];
            if (state == State::failed) return {state, 0, false, "no common cipher"};
            return {state, 0, false, {}};
        }
        std::byte hello;
        if (::recv(fd_, &hello, 1, MSG_DONTWAIT) != 1) return {State::wants_read, 0, false, {}};
        is_open_ = true;
        return {State::done, 0, false, {}};
    }
    /// As one that decrypts: what it has taken from the socket and not given is announced by
    /// nobody.
    Outcome recv(MutableBytes into) override {
        seen_.early += is_open_ ? 0 : 1;
        const int call = seen_.recvs++;
        if (call == script_.recv_fails_at)
            return {script_.recv_fails_with, 0, false, "a bad record"};
        if (script_.recv_wants_write && call % 3 == 1) return {State::wants_write, 0, false, {}};
        std::array<char, 4096> block;
        const auto n = ::recv(fd_, block.data(), block.size(), MSG_DONTWAIT);
        if (n > 0) held_.append(block.data(), static_cast<std::size_t>(n));
        if (n == 0 && held_.empty()) return {State::closed, 0, false, {}};
        if (held_.empty()) return {State::wants_read, 0, false, {}};
        const auto taken = std::min({held_.size(), into.size(), script_.recv_max});
        std::copy_n(as_bytes(held_).data(), taken, into.data());
        held_.erase(0, taken);
        return {State::done, taken, !held_.empty(), {}};
    }
    Outcome send(std::span<const iovec> parts) override {
        seen_.early += is_open_ ? 0 : 1;
        const int call = seen_.sends++;
        if (call == script_.send_fails_at) return {State::failed, 0, false, "a bad key"};
        if (script_.send_wants_read && call % 3 == 1) return {State::wants_read, 0, false, {}};
        const auto bytes = std::min(parts[0].iov_len, script_.send_max);
        const auto n = ::send(fd_, parts[0].iov_base, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) return {State::wants_write, 0, false, {}};
        return {State::done, static_cast<std::size_t>(n), false, {}};
    }

private:
    const int fd_;
    const Script script_;
    Seen& seen_;
    bool is_open_ = false;
    std::string held_;
};

/// A stream over a Fussy transport that gives back what comes, and the other end of its socket.
class Wire {
public:
    explicit Wire(Fussy::Script script, std::string greeting = {}) {
        std::array<int, 2> fds;
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
        fd_ = fds[0];
        const timeval limit{20, 0};
        REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
        threads_.at(0).run_and_wait([&] {
            auto& loop = net::asio_loop(threads_.at(0));
            asio::ip::tcp::socket socket(loop.io());
            socket.assign(asio::ip::tcp::v4(), fds[1]);
            stream_ = net::make_tcp_stream(loop, std::move(socket), {}, true,
                                           std::make_unique<Fussy>(fds[1], script, seen));
            stream_->output().put(as_bytes(greeting));
            stream_->flush();
            stream_->start({[this](Bytes bytes) {
                                stream_->output().put(bytes);
                                return bytes.size();
                            },
                            [this](const Error& error) {
                                why_ = error.what;
                                ++closes;
                            },
                            {},
                            {}});
        });
    }
    ~Wire() {
        threads_.at(0).run_and_wait([this] { stream_.reset(); });
        ::close(fd_);
    }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    void write(std::string_view text) const {
        REQUIRE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(text.size()));
    }
    std::string read(std::size_t bytes) const {
        std::string out(bytes, '\0');
        const auto n = ::recv(fd_, out.data(), bytes, MSG_WAITALL);
        out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return out;
    }
    std::string read_now() const {
        std::string out(256, '\0');
        const auto n = ::recv(fd_, out.data(), out.size(), MSG_DONTWAIT);
        out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return out;
    }
    void half_close() const { ::shutdown(fd_, SHUT_WR); }
    void close() {
        threads_.at(0).run_and_wait([this] { stream_->close(); });
    }
    std::string why() {
        std::string out;
        threads_.at(0).run_and_wait([&] { out = why_; });
        return out;
    }

    Fussy::Seen seen;
    std::atomic<int> closes = 0;

private:
    net::IoThreads threads_{1, "wire"};
    int fd_ = -1;
    std::unique_ptr<net::Stream> stream_;
    std::string why_;
};

std::string some(std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += std::to_string(out.size()) + ' ';
    out.resize(bytes);
    return out;
}

}  // namespace

TEST_CASE("a transport that moves little at a time loses and doubles nothing") {
    Wire wire({});
    wire.write("!");
    const std::string text = some(3000);
    wire.write(text);
    CHECK(wire.read(text.size()) == text);
    CHECK(wire.seen.early == 0);
    CHECK(wire.closes == 0);
}

TEST_CASE("nothing is received or sent before the handshake is done") {
    Wire wire({.handshake = {State::wants_read, State::wants_write}}, "welcome");
    wire.write("!");
    CHECK(wire.read(7) == "welcome");
    CHECK(wire.seen.handshakes >= 3);
    CHECK(wire.seen.early == 0);
    wire.write("hello");
    CHECK(wire.read(5) == "hello");
}

TEST_CASE("a stream that is closed within the handshake still sends what it has") {
    Wire wire({}, "welcome");
    wire.close();
    CHECK(wire.seen.sends == 0);
    wire.write("!");
    CHECK(wire.read(8) == "welcome");
    CHECK(wire.closes == 0);
}

TEST_CASE("a receive that needs the socket written, and a send that needs it read, go on") {
    Wire wire({.recv_wants_write = true, .send_wants_read = true});
    wire.write("!");
    const std::string text = some(500);
    wire.write(text);
    std::string sent = text, back;
    // A send that wants to read goes on with the next byte that comes.
    REQUIRE(eventually([&] {
        back += wire.read_now();
        if (back.size() >= text.size()) return true;
        wire.write("x");
        sent += 'x';
        return false;
    }));
    CHECK(back == sent.substr(0, back.size()));
    CHECK(wire.seen.early == 0);
    CHECK(wire.closes == 0);
}

TEST_CASE("an error at any step ends the stream once, with its reason") {
    SUBCASE("in the handshake") {
        Wire wire({.handshake = {State::wants_write, State::failed}});
        REQUIRE(eventually([&] { return wire.closes > 0; }));
        CHECK(wire.why() == "no common cipher");
        CHECK(wire.closes == 1);
        CHECK(wire.seen.early == 0);
    }
    SUBCASE("at its first step") {
        Wire wire({.handshake = {State::closed}});
        REQUIRE(eventually([&] { return wire.closes > 0; }));
        CHECK(wire.why() == "closed");
    }
    SUBCASE("in a receive") {
        Wire wire({.recv_fails_at = 2});
        wire.write("!0123456789");
        REQUIRE(eventually([&] { return wire.closes > 0; }));
        CHECK(wire.why() == "a bad record");
        CHECK(wire.closes == 1);
        CHECK(wire.seen.recvs == 3);
    }
    SUBCASE("in a send") {
        Wire wire({.send_fails_at = 1});
        wire.write("!0123456789");
        REQUIRE(eventually([&] { return wire.closes > 0; }));
        CHECK(wire.why() == "a bad key");
        CHECK(wire.closes == 1);
    }
    SUBCASE("the peer ends") {
        Wire wire({});
        wire.write("!abc");
        CHECK(wire.read(3) == "abc");
        wire.half_close();
        REQUIRE(eventually([&] { return wire.closes > 0; }));
        CHECK(wire.why() == "closed");
    }
}
