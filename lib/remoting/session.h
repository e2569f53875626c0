#pragma once
// The server's end of a connection: commands come in, are given to a Service, and answers go out.
// mqd-remoting(7), FRAMES and HEADERS.
//
// Threads: a Session belongs to one I/O thread; Ticket and Peer may be used from any.
// Owner:   the Server.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "message/types.h"
#include "net/stream.h"
#include "wire/codes.h"
#include "wire/command.h"
#include "wire/header.h"

namespace mqd::remoting {

class Session;

/// A header's struct, wire/header.h; keeps a remark from being taken for one.
template <class H>
concept Header = requires {
    H::fields();
};

/// An answer, whole and owned: what calls from other threads and relays carry.
struct Answer {
    std::int32_t code = 0;
    std::int32_t version = 0;
    std::string remark;
    std::vector<std::pair<std::string, std::string>> ext;
    std::string body;
    std::string_view find(std::string_view key) const;  ///< "" when absent
};

/// Of a request that was not written.
Error frame_too_long();

/// Who asked what: enough to answer later, from any thread, even when the session is gone by then.
struct Ticket {
    std::weak_ptr<Session> session;
    std::int32_t opaque = 0;
    wire::Encoding encoding = wire::Encoding::json;
    bool oneway = false;
    /// Runs `call` on the session's thread if the session still lives.
    void with_session(std::function<void(Session&)> call) const;
    /// The same, but never before what runs there now is done.
    void post_to_session(std::function<void(Session&)> call) const;
};

/// A service's own part of a session; its type derives from this.
class SessionContext {
public:
    SessionContext() = default;
    SessionContext(const SessionContext&) = delete;
    SessionContext& operator=(const SessionContext&) = delete;
    virtual ~SessionContext() = default;
};

/// Answers one request; made by a Session. Nothing is written for one-way requests
/// (mqd-remoting(7), FLAGS), and the encoding is the asker's (mqd-remoting(7), ENCODING OF ANSWERS:
/// JSON to all but a peer that sent binary).
class Session : public std::enable_shared_from_this<Session> {
public:
    virtual ~Session() = default;

    Ticket ticket(const wire::Command& request) { return ticket_of(request); }

    void reply(const wire::Command& request, std::int32_t code, std::string_view remark = {}) {
        reply(ticket_of(request), code, wire::NoHeader{}, {}, remark);
    }
    template <Header H>
    void reply(const wire::Command& request, std::int32_t code, const H& header, Bytes body = {},
               std::string_view remark = {}) {
        reply(ticket_of(request), code, header, body, remark);
    }
    template <Header H>
    void reply(const Ticket& to, std::int32_t code, const H& header, Bytes body = {},
               std::string_view remark = {}) {
        if (to.oneway) return;
        wire::Encoder encoder(output(), to.encoding, code, to.opaque, wire::flag_response, remark);
        wire::write_header(encoder, header);
        encoder.finish(body);
        written();
    }
    /// The body goes out from where it lies.
    template <Header H>
    void reply_pieces(const Ticket& to, std::int32_t code, const H& header,
                      std::vector<net::Piece> body, std::string_view remark = {}) {
        if (to.oneway) return;
        std::size_t bytes = 0;
        for (const auto& piece : body) bytes += piece.bytes.size();
        wire::Encoder encoder(output(), to.encoding, code, to.opaque, wire::flag_response, remark);
        wire::write_header(encoder, header);
        // Too long for a frame: the encoder has written an error instead.
        if (encoder.finish_for(bytes)) send_pieces(std::move(body));
        written();
    }
    /// A one-way request to the client (39, 40, 220).
    template <Header H>
    void push(std::int32_t code, const H& header, Bytes body = {}) {
        wire::Encoder encoder(output(), wire::Encoding::json, code, next_opaque(),
                              wire::flag_oneway);
        wire::write_header(encoder, header);
        encoder.finish(body);
        written();
    }
    /// A request to the client; `done` comes on this thread. unavailable: no answer within
    /// `timeout_ms`, or the connection closed first. invalid: longer than a frame may be.
    template <Header H>
    void call(std::int32_t code, const H& header, Bytes body, std::int64_t timeout_ms,
              std::function<void(Result<Answer>)> done) {
        const std::int32_t opaque = next_opaque();
        wire::Encoder encoder(output(), wire::Encoding::json, code, opaque, 0);
        wire::write_header(encoder, header);
        if (!encoder.finish(body)) return done(frame_too_long());
        expect_answer(opaque, timeout_ms, std::move(done));
        written();
    }

    virtual net::Loop& loop() = 0;
    virtual const message::Host& remote_host() const = 0;
    virtual const std::string& remote() const = 0;
    virtual std::size_t unsent_bytes() const = 0;
    /// False once on_close has been called: what is written then goes nowhere.
    virtual bool is_open() const = 0;
    /// After the call being made: what was written is still sent, then on_close comes.
    virtual void close() = 0;

    /// What the service keeps with the connection (its registrations and the like): of the one type
    /// that on_open() or the first request puts here.
    std::shared_ptr<SessionContext> context;

protected:
    virtual Ticket ticket_of(const wire::Command& request) = 0;
    virtual Buffer& output() = 0;
    /// Answers to one read leave in one write at its end; so do those made in the calls that the
    /// loop has been posted at a time.
    virtual void written() = 0;
    virtual void send_pieces(std::vector<net::Piece> pieces) = 0;
    virtual std::int32_t next_opaque() = 0;
    virtual void expect_answer(std::int32_t opaque, std::int64_t timeout_ms,
                               std::function<void(Result<Answer>)> done) = 0;
};

/// What a server plugs in. Called on the session's thread.
class Service {
public:
    virtual ~Service() = default;
    /// Each session that was opened is closed once, on the same thread.
    virtual void on_open(Session&) {}
    /// The command's views are good during the call only.
    virtual void on_request(Session& session, const wire::Command& request) = 0;
    /// After the last command of one read: what was collected may go to the store now.
    virtual void on_batch_end(Session&) {}
    virtual void on_close(Session&) {}
};

struct ServerOptions {
    net::StreamOptions stream;
    std::size_t connections_max = 100'000;
};

class Server {
public:
    virtual ~Server() = default;  ///< stops accepting and closes every session, on_close called
    virtual std::uint16_t port() const = 0;
    virtual std::size_t connections() const = 0;
    virtual void stop_accepting() = 0;
    /// As net::Listener::listen.
    static Result<std::unique_ptr<Server>> listen(net::IoThreads& threads,
                                                  const std::string& address, Service& service,
                                                  ServerOptions options = {});
};

}  // namespace mqd::remoting
