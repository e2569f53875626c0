#include <fmt/format.h>

#include <exception>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"
#include "remoting/frames.h"
#include "remoting/pending_calls.h"
#include "remoting/session.h"

namespace mqd::remoting {
namespace {

/// Answers that are handed to the kernel before the rest of a read is worked on.
constexpr std::size_t early_flush_bytes = 256 << 10;

/// What all sessions share.
struct Shared {
    Service& service;
    const ServerOptions options;
};

class SessionImpl final : public Session, public net::Session {
public:
    SessionImpl(const Shared& shared, wire::Decoder& decoder, std::unique_ptr<net::Stream> stream)
        : net::Session(std::move(stream)),
          shared_(shared),
          decoder_(decoder),
          remote_host_(message::Host::parse(remote()).value_or(message::Host{})) {}

    net::Loop& loop() override { return net::Session::loop(); }
    const message::Host& remote_host() const override { return remote_host_; }
    const std::string& remote() const override { return net::Session::remote(); }
    std::size_t unsent_bytes() const override { return stream() ? stream()->unsent_bytes() : 0; }
    bool is_open() const override { return net::Session::is_open(); }
    void close() override { net::Session::close(); }

private:
    void opened() override { shared_.service.on_open(*this); }
    Result<std::size_t> received(Bytes bytes) override;
    void closing(const Error&) override { shared_.service.on_close(*this); }
    void closed(const Error& why) override;
    bool on_command(const wire::Command& command);
    void serve(const wire::Command& request);
    void end_batch();
    PendingCalls& pending();

    Ticket ticket_of(const wire::Command& request) override {
        return {weak_from_this(), request.opaque, request.encoding, request.is_oneway()};
    }
    Buffer& output() override { return stream() ? stream()->output() : unheard_; }
    void written() override;
    void send_pieces(std::vector<net::Piece> pieces) override;
    std::int32_t next_opaque() override { return next_opaque_++; }
    void expect_answer(std::int32_t opaque, std::int64_t timeout_ms,
                       std::function<void(Result<Answer>)> done) override {
        pending().add(opaque, timeout_ms, monotonic_ms(), std::move(done));
    }

    const Shared& shared_;
    wire::Decoder& decoder_;
    const message::Host remote_host_;
    std::unique_ptr<PendingCalls> pending_;  // few sessions ever ask their clients anything
    Buffer unheard_;                         // takes what is written after the end
    std::size_t pieces_sent_ = 0;
    std::int32_t next_opaque_ = 0;
    bool has_batch_ = false;
};

Result<std::size_t> SessionImpl::received(Bytes bytes) {
    // Also when a command throws: what the thread has collected must not wait for another session's
    // read.
    struct Batch {
        ~Batch() {
            if (std::exchange(of.has_batch_, false)) of.end_batch();
        }
        SessionImpl& of;
    } const batch{*this};
    auto used = for_each_command(
        bytes, decoder_, [this](const wire::Command& command) { return on_command(command); });
    if (!used)
        log::debug("session_malformed", {{"remote", remote()}, {"error", used.error().what}});
    return used;
}

bool SessionImpl::on_command(const wire::Command& command) {
    if (command.is_response()) {
        if (pending_) pending_->answered(command);
        return !is_closing();
    }
    has_batch_ = true;
    serve(command);
    if (is_closing()) return false;
    if (stream()->unsent_bytes() < early_flush_bytes) return true;
    // Many big answers to one read: what the peer does not take stops the rest of its requests.
    stream()->flush();
    return stream()->unsent_bytes() <= shared_.options.stream.unsent_bytes_high;
}

void SessionImpl::serve(const wire::Command& request) {
    const std::size_t begin = output().size();
    const std::size_t pieces_before = pieces_sent_;
    try {
        shared_.service.on_request(*this, request);
    } catch (const std::exception& bug) {
        log::error("request_failed",
                   {{"code", request.code}, {"remote", remote()}, {"error", bug.what()}});
        // Half an answer must not stay in front of this one.
        if (pieces_sent_ == pieces_before && output().size() > begin) output().truncate(begin);
        reply(request, wire::response_code::system_error, bug.what());
    }
}

void SessionImpl::end_batch() {
    try {
        shared_.service.on_batch_end(*this);
    } catch (const std::exception& bug) {
        log::error("batch_failed", {{"remote", remote()}, {"error", bug.what()}});
    }
}

PendingCalls& SessionImpl::pending() {
    if (!pending_) pending_ = std::make_unique<PendingCalls>(loop(), remote());
    return *pending_;
}

void SessionImpl::written() {
    if (!stream()) {
        unheard_.clear();
    } else if (!is_reading()) {
        stream()->flush_soon();
    }
}

void SessionImpl::send_pieces(std::vector<net::Piece> pieces) {
    ++pieces_sent_;
    if (stream()) stream()->send_pieces(std::move(pieces));
}

void SessionImpl::closed(const Error& why) {
    context.reset();
    if (const auto pending = std::move(pending_))
        pending->fail({Errc::unavailable, fmt::format("{}: {}", remote(), why.what)});
}

class ServerImpl final : public Server {
public:
    ServerImpl(net::IoThreads& threads, Service& service, const ServerOptions& options)
        : threads_(threads), shared_{service, options}, decoders_(threads.size()) {}

    Result<> listen(const std::string& address) {
        const auto make = [this](std::unique_ptr<net::Stream> stream, std::size_t thread) {
            return std::make_shared<SessionImpl>(shared_, decoders_[thread], std::move(stream));
        };
        TRY(server_, net::Server::listen(threads_, address, shared_.options.stream,
                                         shared_.options.connections_max, make));
        return {};
    }
    std::uint16_t port() const override { return server_->port(); }
    std::size_t connections() const override { return server_->connections(); }
    void stop_accepting() override { server_->stop_accepting(); }

private:
    net::IoThreads& threads_;
    const Shared shared_;
    std::vector<wire::Decoder> decoders_;  // one a thread: its views are good during a call only
    std::unique_ptr<net::Server> server_;  // last: its sessions use the rest
};

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(net::IoThreads& threads, const std::string& address,
                                               Service& service, ServerOptions options) {
    auto server = std::make_unique<ServerImpl>(threads, service, options);
    TRY_OK(server->listen(address));
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace mqd::remoting
