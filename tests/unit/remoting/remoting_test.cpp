#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../net/peer.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "remoting/channel.h"
#include "remoting/session.h"

using namespace mqd;
using mqd::testing::eventually;
using mqd::testing::Peer;
using remoting::Answer;
using remoting::Session;
using wire::Encoding;

namespace {

struct Named {
    std::string name;
    std::optional<std::int32_t> number;
    static constexpr auto fields() {
        return std::tuple{wire::required("name", &Named::name),
                          wire::optional("number", &Named::number)};
    }
};

/// Answers with the name it was asked with and the body, unless a test says otherwise.
class TestService : public remoting::Service {
public:
    using Serve = std::function<void(Session&, const wire::Command&)>;

    /// What the server threads do with requests from now on; none: echo().
    void serve(Serve how) {
        Lock lock(lock_);
        serve_ = std::make_shared<const Serve>(std::move(how));
    }

    void on_open(Session& session) override {
        Lock lock(lock_);
        open_.insert(&session);
        ++opened;
    }
    void on_request(Session& session, const wire::Command& request) override {
        std::shared_ptr<const Serve> how;
        {
            Lock lock(lock_);
            how = serve_;
        }
        if (how && *how) {
            (*how)(session, request);
        } else {
            echo(session, request);
        }
        ++requests;  // when what it did can be looked at
    }
    void on_batch_end(Session&) override { ++batches; }
    void on_close(Session& session) override {
        Lock lock(lock_);
        CHECK(open_.erase(&session) == 1);
        ++closed;
    }
    static void echo(Session& session, const wire::Command& request) {
        const auto header = wire::read_header<Named>(request);
        if (!header) return session.reply(request, 1, header.error().what);
        session.reply(request, 0, *header, request.body);
    }

    std::atomic<int> opened = 0;
    std::atomic<int> closed = 0;
    std::atomic<int> requests = 0;
    std::atomic<int> batches = 0;

private:
    Mutex lock_;
    std::set<Session*> open_ GUARDED_BY(lock_);
    std::shared_ptr<const Serve> serve_ GUARDED_BY(lock_);
};

struct Running {
    explicit Running(TestService& service, remoting::ServerOptions options = {},
                     const std::string& address = "127.0.0.1:0") {
        auto made = remoting::Server::listen(threads, address, service, options);
        REQUIRE(made);
        server = std::move(*made);
    }
    std::uint16_t port() const { return server->port(); }
    std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

    net::IoThreads threads{2, "test"};
    std::unique_ptr<remoting::Server> server;
};

std::string request(std::int32_t opaque, std::string_view name, std::string_view body = {},
                    Encoding encoding = Encoding::json, std::int32_t flag = 0) {
    Buffer out;
    wire::Encoder encoder(out, encoding, 10, opaque, flag);
    wire::write_header(encoder, Named{std::string(name), 7});
    REQUIRE(encoder.finish(as_bytes(body)));
    return std::string(out.text());
}

/// A frame as received, with its bytes.
struct Received {
    std::string bytes;
    Answer answer;
    std::int32_t opaque = 0;
    std::int32_t flag = 0;
    Encoding encoding = Encoding::json;
};

Received receive(Peer& peer) {
    Received frame;
    frame.bytes = peer.receive(4);
    REQUIRE(frame.bytes.size() == 4);
    const auto length = load_be<std::uint32_t>(frame.bytes.data());
    frame.bytes += peer.receive(length);
    REQUIRE(frame.bytes.size() == length + 4);
    std::string padded = frame.bytes + std::string(wire::Decoder::padding_bytes, '\0');
    wire::Decoder decoder;
    const auto command = decoder.decode(as_bytes(padded).first(length + 4));
    REQUIRE(command);
    frame.answer.code = command->code;
    frame.answer.remark = command->remark;
    for (const auto& field : command->ext) frame.answer.ext.emplace_back(field.key, field.value);
    frame.answer.body = as_text(command->body);
    frame.opaque = command->opaque;
    frame.flag = command->flag;
    frame.encoding = command->encoding;
    return frame;
}

std::string big_text(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + i * 7 % 26);
    return out;
}

}  // namespace

TEST_CASE("pipelined requests of one segment are answered in order and in one batch") {
    TestService service;
    Running running(service);
    auto peer = Peer::connected(running.port());
    std::string sent;
    for (int i = 0; i < 200; ++i) sent += request(i, "n" + std::to_string(i), "body");
    peer.send(sent);
    for (int i = 0; i < 200; ++i) {
        const auto frame = receive(peer);
        CHECK(frame.opaque == i);
        CHECK(frame.flag == wire::flag_response);
        CHECK(frame.answer.code == 0);
        CHECK(frame.answer.find("name") == "n" + std::to_string(i));
        CHECK(frame.answer.body == "body");
    }
    CHECK(service.requests == 200);
    CHECK(service.batches < 20);
}

TEST_CASE("requests that are cut at every byte are served all the same") {
    TestService service;
    Running running(service);
    auto peer = Peer::connected(running.port());
    for (const auto encoding : {Encoding::json, Encoding::binary}) {
        const auto two = request(1, "first", "body", encoding) + request(2, "second", "", encoding);
        for (std::size_t cut = 1; cut < two.size(); ++cut) {
            peer.send(std::string_view(two).substr(0, cut));
            // What has been sent so far shall be a read of its own.
            std::this_thread::sleep_for(std::chrono::microseconds(200));
            peer.send(std::string_view(two).substr(cut));
            const auto first = receive(peer);
            const auto second = receive(peer);
            CHECK(first.answer.find("name") == "first");
            CHECK(first.answer.body == "body");
            CHECK(second.answer.find("name") == "second");
            CHECK(second.opaque == 2);
        }
    }
}

TEST_CASE("a frame that cannot be legal closes the connection and nothing is answered") {
    TestService service;
    Running running(service);
    const std::vector<std::string> frames = {
        std::string("\x01\x00\x00\x00\x00\x00\x00\x00", 8),          // one byte too long
        std::string("\x00\xff\xff\xfd\x00\x00\x00\x00", 8),          // 16777213
        std::string("\x00\x00\x00\x00\x00\x00\x00\x00", 8),          // zero
        std::string("\x00\x00\x00\x03\x00\x00\x00\x00", 8),          // shorter than the type word
        std::string("\xff\xff\xff\xf0\x00\x00\x00\x00", 8),          // negative
        std::string("\x00\x00\x00\x08\x00\x00\x00\x05{}..", 12),     // header longer than the frame
        std::string("\x00\x00\x00\x06\x02\x00\x00\x02{}", 10),       // type 2
        std::string("\x00\x00\x00\x06\x00\x00\x00\x02{,", 10),       // not JSON
        std::string("\x00\x00\x00\x06\x01\x00\x00\x02\x00\x0a", 10)  // binary header cut
    };
    for (std::size_t i = 0; i < frames.size(); ++i) {
        CAPTURE(i);
        auto peer = Peer::connected(running.port());
        peer.send(frames[i]);
        CHECK(peer.is_closed());
    }
    CHECK(service.requests == 0);
    CHECK(eventually([&] { return service.closed == static_cast<int>(frames.size()); }));
    CHECK(running.server->connections() == 0);
}

TEST_CASE("what was answered before a malformed frame still arrives") {
    TestService service;
    Running running(service);
    auto peer = Peer::connected(running.port());
    peer.send(request(5, "good") + std::string(8, '\0'));
    CHECK(receive(peer).opaque == 5);
    CHECK(peer.is_closed());
}

TEST_CASE("one-way requests get no answer, not even an error") {
    TestService service;
    Running running(service);
    auto peer = Peer::connected(running.port());
    service.serve([](Session& session, const wire::Command& command) {
        session.reply(command, command.opaque == 3 ? 0 : 17, "no such topic");
    });
    for (const auto encoding : {Encoding::json, Encoding::binary})
        peer.send(request(1, "a", "", encoding, wire::flag_oneway));
    peer.send(request(3, "b"));
    CHECK(receive(peer).opaque == 3);
    CHECK(service.requests == 3);
}

TEST_CASE("an exception that escapes a service is answered, also behind half an answer") {
    TestService service;
    Running running(service);
    service.serve([](Session& session, const wire::Command& command) {
        TestService::echo(session, command);
        throw std::runtime_error("a bug");
    });
    auto peer = Peer::connected(running.port());
    peer.send(request(4, "a"));
    const auto frame = receive(peer);
    CHECK(frame.opaque == 4);
    CHECK(frame.answer.code == wire::response_code::system_error);
    CHECK(frame.answer.remark == "a bug");
    service.serve(nullptr);
    peer.send(request(5, "a"));
    CHECK(receive(peer).opaque == 5);
}

TEST_CASE("a push may come before the answer to the request that caused it") {
    TestService service;
    Running running(service);
    service.serve([](Session& session, const wire::Command& command) {
        session.push(40, Named{"group", std::nullopt});
        TestService::echo(session, command);
    });
    auto peer = Peer::connected(running.port());
    peer.send(request(9, "a"));
    const auto push = receive(peer);
    CHECK(push.answer.code == 40);
    CHECK(push.flag == wire::flag_oneway);
    CHECK(push.answer.find("name") == "group");
    CHECK(receive(peer).opaque == 9);

    // The same through a channel.
    std::atomic<int> pushes = 0;
    remoting::Channel::Options options;
    options.on_request = [&](const wire::Command& command) {
        if (command.code == 40) ++pushes;
    };
    const auto channel = remoting::Channel::make(running.threads.at(0), running.address(), options);
    const auto answer = channel->call_and_wait(10, Named{"x", {}}, {}, 3000);
    REQUIRE(answer);
    CHECK(answer->find("name") == "x");
    CHECK(pushes == 1);
}

TEST_CASE("a ticket answers later and from another thread, and not after the session is gone") {
    TestService service;
    Running running(service);
    std::vector<remoting::Ticket> tickets;
    Mutex lock;
    service.serve([&](Session& session, const wire::Command& command) {
        Lock guard(lock);
        tickets.push_back(session.ticket(command));
    });
    auto peer = Peer::connected(running.port());
    for (int i = 0; i < 50; ++i) peer.send(request(i, "a"));
    REQUIRE(eventually([&] { return service.requests == 50; }));
    std::thread other([&] {
        Lock guard(lock);
        for (const auto& ticket : tickets)
            ticket.with_session([ticket](Session& session) {
                CHECK(session.loop().is_current_thread());
                session.reply(ticket, 0, Named{"late", ticket.opaque});
            });
    });
    for (int i = 0; i < 50; ++i) CHECK(receive(peer).opaque == i);
    other.join();
    { const Peer gone = std::move(peer); }
    REQUIRE(eventually([&] { return service.closed == 1; }));
    bool called = false;
    tickets.front().with_session([&](Session&) { called = true; });
    for (std::size_t i = 0; i < running.threads.size(); ++i)
        running.threads.at(i).run_and_wait([] {});
    CHECK(!called);
}

TEST_CASE("big answers by pieces arrive whole, between small ones") {
    TestService service;
    Running running(service);
    const auto text = std::make_shared<std::string>(big_text(3'000'000));
    service.serve([&](Session& session, const wire::Command& command) {
        std::vector<net::Piece> pieces;
        for (std::size_t i = 0; i < text->size(); i += 10'000)
            pieces.push_back({as_bytes(*text).subspan(i, 10'000), text});
        session.reply_pieces(session.ticket(command), 0, Named{"big", command.opaque},
                             std::move(pieces));
        session.push(40, Named{"small", {}});
    });
    const auto channel = remoting::Channel::make(running.threads.at(0), running.address(), {});
    std::atomic<int> whole = 0;
    for (int i = 0; i < 20; ++i)
        channel->call(11, Named{"a", {}}, {}, 20'000, [&](Result<Answer> answer) {
            if (answer && answer->body == *text && answer->find("name") == "big") ++whole;
        });
    CHECK(eventually([&] { return whole == 20; }));
}

TEST_CASE("an answer longer than a frame becomes an error, and what follows is intact") {
    TestService service;
    Running running(service);
    const auto text = std::make_shared<std::string>(big_text(17'000'000));
    service.serve([&](Session& session, const wire::Command& command) {
        if (command.opaque % 2 == 0) return TestService::echo(session, command);
        session.reply_pieces(session.ticket(command), 0, Named{"big", {}},
                             {{as_bytes(*text), text}});
    });
    auto peer = Peer::connected(running.port());
    peer.send(request(1, "a") + request(2, "b"));
    CHECK(receive(peer).answer.code == wire::response_code::system_error);
    CHECK(receive(peer).answer.find("name") == "b");

    const auto channel = remoting::Channel::make(running.threads.at(0), running.address(), {});
    const auto answer = channel->call_and_wait(10, Named{"a", {}}, as_bytes(*text), 3000);
    REQUIRE(!answer);
    CHECK(answer.error().code == Errc::invalid);
}

TEST_CASE("a peer that never reads its answers does not grow the server") {
    TestService service;
    remoting::ServerOptions options;
    options.stream.unsent_bytes_high = 1 << 20;
    Running running(service, options);
    std::atomic<std::size_t> unsent_max = 0;
    const std::string body = big_text(100'000);
    service.serve([&](Session& session, const wire::Command& command) {
        session.reply(command, 0, Named{"a", {}}, as_bytes(body));
        unsent_max = std::max<std::size_t>(unsent_max, session.unsent_bytes());
    });
    auto peer = Peer::connected(running.port());
    constexpr int count = 2000;  // 200 MB of answers
    std::string sent;
    for (int i = 0; i < count; ++i) sent += request(i, "a");
    peer.send(sent);
    int last = -1;
    REQUIRE(eventually([&] {
        const int now = service.requests;
        const bool still = now > 0 && now == last;
        last = now;
        if (!still) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return still;
    }));
    CHECK(service.requests < count);
    CHECK(unsent_max < (2 << 20));
    for (int i = 0; i < count; ++i) {
        const auto frame = receive(peer);
        CHECK(frame.opaque == i);
        CHECK(frame.answer.body.size() == body.size());
    }
    CHECK(service.requests == count);
}

TEST_CASE("a server asks its client, gets the answer, or hears that there is none") {
    TestService service;
    Running running(service);
    std::atomic<int> outcome = 0;
    std::string text;
    service.serve([&](Session& session, const wire::Command& command) {
        session.call(307, Named{"who", {}}, {}, command.opaque == 1 ? 5000 : 100,
                     [&](Result<Answer> answer) {
                         text = answer ? answer->body : answer.error().what;
                         ++outcome;
                     });
    });
    auto peer = Peer::connected(running.port());
    peer.send(request(1, "a"));
    const auto question = receive(peer);
    CHECK(question.answer.code == 307);
    CHECK(question.flag == 0);
    Buffer reply;
    wire::Encoder(reply, Encoding::json, 0, question.opaque, wire::flag_response)
        .finish(as_bytes("me"));
    peer.send(reply.text());
    REQUIRE(eventually([&] { return outcome == 1; }));
    CHECK(text == "me");

    peer.send(request(2, "a"));
    REQUIRE(eventually([&] { return outcome == 2; }));
    CHECK(text.find("did not answer within 100 ms") != std::string::npos);

    static_cast<void>(receive(peer));
    peer.send(request(1, "a"));
    static_cast<void>(receive(peer));
    { const Peer gone = std::move(peer); }
    REQUIRE(eventually([&] { return outcome == 3; }));
    CHECK(text.find(": closed") != std::string::npos);
}

TEST_CASE("what was collected is not left to the next session when something throws") {
    TestService service;
    Running running(service);
    service.serve([&](Session& session, const wire::Command&) {
        session.call(307, Named{"who", {}}, {}, 60'000,
                     [](const Result<Answer>&) { throw std::runtime_error("the answer"); });
    });
    auto peer = Peer::connected(running.port());
    peer.send(request(1, "a"));
    const auto question = receive(peer);
    REQUIRE(eventually([&] { return service.batches == 1; }));
    service.serve({});
    Buffer reply;
    wire::Encoder(reply, Encoding::json, 0, question.opaque, wire::flag_response).finish({});
    // One read: a request, and then an answer that ends the session.
    peer.send(request(2, "b") + std::string(reply.text()));
    CHECK(receive(peer).opaque == 2);
    CHECK(peer.is_closed());
    CHECK(service.batches == 2);
    REQUIRE(eventually([&] { return service.closed == 1; }));
}

TEST_CASE("a session closed by its service sends its last answer and is closed once") {
    TestService service;
    Running running(service);
    service.serve([](Session& session, const wire::Command& command) {
        TestService::echo(session, command);
        session.close();
    });
    auto peer = Peer::connected(running.port());
    peer.send(request(1, "a") + request(2, "b"));
    CHECK(receive(peer).opaque == 1);
    CHECK(peer.is_closed());
    CHECK(service.requests == 1);
    CHECK(eventually([&] { return service.closed == 1; }));
}

TEST_CASE("connections above the limit are closed, and a stopped server has closed all") {
    TestService service;
    {
        remoting::ServerOptions options;
        options.connections_max = 3;
        Running running(service, options);
        std::vector<Peer> peers;
        for (int i = 0; i < 3; ++i) peers.push_back(Peer::connected(running.port()));
        CHECK(eventually([&] { return running.server->connections() == 3; }));
        CHECK(Peer::connected(running.port()).is_closed());
        running.server.reset();
        for (auto& peer : peers) CHECK(peer.is_closed());
    }
    CHECK(service.opened == 3);
    CHECK(service.closed == 3);
}

TEST_CASE("whichever connection closes, the others are still served and closed once") {
    TestService service;
    {
        Running running(service);
        std::vector<std::unique_ptr<Peer>> peers;
        for (int i = 0; i < 8; ++i)
            peers.push_back(std::make_unique<Peer>(Peer::connected(running.port())));
        REQUIRE(eventually([&] { return service.opened == 8; }));
        // The first ones, whose places others take, then those others, then from the middle.
        for (const std::size_t at : {0U, 0U, 5U, 4U, 1U, 1U}) {
            const int before = service.closed;
            peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(at));
            REQUIRE(eventually([&] { return service.closed == before + 1; }));
            for (auto& peer : peers) {
                peer->send(request(1, "still here"));
                CHECK(receive(*peer).answer.code == 0);
            }
        }
    }
    CHECK(service.closed == 8);
}

TEST_CASE("2,000 idle connections with one byte each are all there and served") {
    TestService service;
    Running running(service);
    const auto whole = request(1, "a");
    std::vector<Peer> peers;
    for (int i = 0; i < 2000; ++i) {
        peers.push_back(Peer::connected(running.port()));
        peers.back().send(whole.substr(0, 1));
    }
    CHECK(eventually([&] { return running.server->connections() == 2000; }));
    for (auto& peer : peers) peer.send(std::string_view(whole).substr(1));
    for (auto& peer : peers) CHECK(receive(peer).opaque == 1);
}

TEST_CASE("a call without an answer times out and later ones are served") {
    TestService service;
    Running running(service);
    service.serve([](Session& session, const wire::Command& command) {
        if (command.code != 99) TestService::echo(session, command);
    });
    const auto channel = remoting::Channel::make(running.threads.at(0), running.address(), {});
    const auto begin = monotonic_ms();
    const auto answer = channel->call_and_wait(99, Named{"a", {}}, {}, 120);
    REQUIRE(!answer);
    CHECK(answer.error().code == Errc::unavailable);
    CHECK(answer.error().what == running.address() + " did not answer within 120 ms");
    CHECK(monotonic_ms() - begin >= 119);
    CHECK(channel->call_and_wait(10, Named{"a", {}}, {}, 3000));
}

TEST_CASE("a call that ran out of time costs its connection, and the next one has another" *
          doctest::test_suite("slow")) {
    TestService service;
    Running running(service);
    service.serve([](Session& session, const wire::Command& command) {
        if (command.code != 99) TestService::echo(session, command);
    });
    std::atomic<int> disconnects = 0;
    remoting::Channel::Options options;
    options.on_disconnect = [&](const Error&) { ++disconnects; };
    const auto channel =
        remoting::Channel::make(running.threads.at(0), running.address(), std::move(options));
    const auto asks = [&](std::int32_t code, std::int64_t timeout_ms) {
        return channel->call_and_wait(code, Named{"a", {}}, {}, timeout_ms);
    };
    REQUIRE(asks(10, 3000));
    // The last try of one whose time was nearly over says nothing about the connection.
    CHECK(!asks(99, 100));
    REQUIRE(asks(10, 3000));
    CHECK(disconnects == 0);
    // What waits beside it gets another connection as well.
    std::atomic<bool> has_failed = false;
    std::string why;
    channel->call(99, Named{"a", {}}, {}, 60'000, [&](const Result<Answer>& answer) {
        why = answer.error().what;
        has_failed = true;
    });
    CHECK(!asks(99, 1100));
    REQUIRE(eventually([&] { return disconnects == 1 && has_failed; }));
    CHECK(why == "connection to " + running.address() + " lost: " + running.address() +
                     " did not answer within 1100 ms");
    REQUIRE(asks(10, 3000));
    // Many that give little time do the same, once nothing has come for long enough.
    for (int i = 0; i < 100 && disconnects == 1; ++i) CHECK(!asks(99, 100));
    CHECK(disconnects == 2);
    CHECK(asks(10, 3000));
}

TEST_CASE("a channel connects again after the server went away") {
    TestService service;
    auto running = std::make_unique<Running>(service);
    const auto port = running->port();
    net::IoThreads threads(1, "client");
    std::atomic<int> disconnects = 0;
    remoting::Channel::Options options;
    options.on_disconnect = [&](const Error&) { ++disconnects; };
    const auto channel =
        remoting::Channel::make(threads.at(0), "127.0.0.1:" + std::to_string(port), options);
    CHECK(!channel->connected());
    REQUIRE(channel->call_and_wait(10, Named{"a", {}}, {}, 3000));
    CHECK(channel->connected());

    service.serve([](Session&, const wire::Command&) {});
    std::atomic<int> failed = 0;
    std::string what;
    channel->call(10, Named{"a", {}}, {}, 60'000, [&](Result<Answer> answer) {
        if (!answer) what = answer.error().what;
        ++failed;
    });
    REQUIRE(eventually([&] { return service.requests == 2; }));
    running.reset();
    REQUIRE(eventually([&] { return failed == 1 && disconnects == 1; }));
    CHECK(what == "connection to " + channel->address() + " lost: closed");
    CHECK(!channel->connected());

    const auto refused = channel->call_and_wait(10, Named{"a", {}}, {}, 3000);
    REQUIRE(!refused);
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(refused.error().what ==
          "cannot connect to " + channel->address() + ": Connection refused");

    service.serve(nullptr);
    Running again(service, {}, channel->address());
    CHECK(channel->call_and_wait(10, Named{"a", {}}, {}, 3000));
}

TEST_CASE("a flood of one-ways from several threads arrives whole and in each thread's order") {
    TestService service;
    Mutex lock;
    std::vector<int> last(4, -1);
    std::atomic<int> out_of_order = 0;
    Running running(service);
    service.serve([&](Session&, const wire::Command& command) {
        const auto header = wire::read_header<Named>(command);
        const auto thread = static_cast<std::size_t>(std::stoi(header->name));
        Lock guard(lock);
        if (*header->number != last[thread] + 1 ||
            command.body.size() != static_cast<std::size_t>(*header->number % 7) * 5000)
            ++out_of_order;
        last[thread] = *header->number;
    });
    const auto channel = remoting::Channel::make(running.threads.at(1), running.address(), {});
    const std::string body = big_text(30'000);
    std::vector<std::thread> senders;
    for (int t = 0; t < 4; ++t)
        senders.emplace_back([&, t] {
            for (int i = 0; i < 2000; ++i) {
                channel->oneway(310, Named{std::to_string(t), i},
                                as_bytes(body).first(static_cast<std::size_t>(i % 7) * 5000));
                CHECK(channel->wait_writable(10'000));
            }
        });
    for (auto& sender : senders) sender.join();
    CHECK(channel->flush(10'000));
    CHECK(eventually([&] { return service.requests == 8000; }));
    CHECK(out_of_order == 0);
    CHECK(channel->take_lost_oneways() == 0);
}

TEST_CASE("one-ways that the kernel did not take are counted as lost") {
    TestService service;
    net::IoThreads threads(1, "client");
    const std::string body = big_text(1'000'000);
    std::shared_ptr<remoting::Channel> channel;
    std::atomic<int> taken = 0;
    {
        // Reads one frame and stands still, then goes away.
        Running running(service);
        std::atomic<bool> let_go = false;
        service.serve([&](Session&, const wire::Command&) {
            ++taken;
            eventually([&] { return let_go.load(); });
        });
        channel = remoting::Channel::make(threads.at(0), running.address(), {});
        for (int i = 0; i < 100; ++i) channel->oneway(310, Named{"a", i}, as_bytes(body));
        REQUIRE(eventually([&] { return taken == 1; }));
        const auto begin = monotonic_ms();
        CHECK(!channel->wait_writable(50));
        CHECK(monotonic_ms() - begin >= 49);
        const auto flushed = channel->flush(20);
        REQUIRE(!flushed);
        CHECK(flushed.error().what == channel->address() + " took no more within 20 ms");
        service.serve([](Session& session, const wire::Command&) { session.close(); });
        let_go = true;
        REQUIRE(eventually([&] { return !channel->connected(); }));
    }
    const auto lost = channel->take_lost_oneways();
    CHECK(lost > 50);
    CHECK(lost < 100);
    CHECK(channel->take_lost_oneways() == 0);

    // And all of them when nobody listens there any more.
    for (int i = 0; i < 3; ++i) channel->oneway(310, Named{"a", i});
    std::size_t more = 0;
    CHECK(eventually([&] { return (more += channel->take_lost_oneways()) == 3; }));
}

TEST_CASE("calls in flight at once each get their own answer") {
    TestService service;
    Running running(service);
    const auto channel = remoting::Channel::make(running.threads.at(0), running.address(), {});
    std::atomic<int> right = 0;
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t)
        callers.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) {
                const auto name = std::to_string(t * 1000 + i);
                channel->call(
                    10, Named{name, i}, as_bytes(name), 10'000,
                    [&right, name](Result<Answer> answer) {
                        if (answer && answer->body == name && answer->find("name") == name) ++right;
                    });
            }
        });
    for (auto& caller : callers) caller.join();
    CHECK(eventually([&] { return right == 2000; }));
}

TEST_CASE("a closed channel fails its calls, and so does one whose loop has ended") {
    TestService service;
    Running running(service);
    service.serve([](Session&, const wire::Command&) {});
    const auto channel = remoting::Channel::make(running.threads.at(0), running.address(), {});
    std::atomic<int> failed = 0;
    channel->call(10, Named{"a", {}}, {}, 60'000, [&](Result<Answer> answer) {
        if (!answer) ++failed;
    });
    channel->close();
    CHECK(eventually([&] { return failed == 1; }));
    CHECK(!channel->call_and_wait(10, Named{"a", {}}, {}, 60'000));

    net::IoThreads threads(1, "client");
    const auto other = remoting::Channel::make(threads.at(0), running.address(), {});
    other->call(10, Named{"a", {}}, {}, 60'000, [&](Result<Answer> answer) {
        if (!answer) ++failed;
    });
    threads.stop();
    CHECK(eventually([&] { return failed == 2; }));
    threads.stop();
}
