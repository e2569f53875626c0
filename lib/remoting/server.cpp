#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "remoting/frames.h"
#include "remoting/pending_calls.h"
#include "remoting/session.h"

namespace mqd::remoting {
namespace {

/// Answers that are handed to the kernel before the rest of a read is worked on.
constexpr std::size_t early_flush_bytes = 256 << 10;

class SessionImpl;

/// What the sessions of one I/O thread share.
struct ServerLoop {
    wire::Decoder decoder;  // one for all: its views are good during a call only
    std::vector<std::shared_ptr<SessionImpl>> sessions;
};

struct Shared {
    Service& service;
    const ServerOptions options;
    std::atomic<std::size_t> connections = 0;
};

class SessionImpl final : public Session {
public:
    SessionImpl(Shared& shared, ServerLoop& home, std::unique_ptr<net::Stream> stream)
        : shared_(shared),
          home_(home),
          stream_(std::move(stream)),
          loop_(stream_->loop()),
          remote_(stream_->remote()),
          remote_host_(message::Host::parse(remote_).value_or(message::Host{})),
          unsent_bytes_high_(shared.options.stream.unsent_bytes_high) {}

    void start();
    /// The end: on_close is called, the session leaves its loop's list. It may be gone behind this.
    void finish(const Error& why);

    net::Loop& loop() override { return loop_; }
    const message::Host& remote_host() const override { return remote_host_; }
    const std::string& remote() const override { return remote_; }
    std::size_t unsent_bytes() const override { return stream_ ? stream_->unsent_bytes() : 0; }
    bool is_open() const override { return stream_ != nullptr; }
    void close() override;

private:
    std::size_t on_bytes(Bytes bytes);
    bool on_command(const wire::Command& command);
    void serve(const wire::Command& request);
    void guarded(const char* event, void (Service::*member)(Session&));
    PendingCalls& pending();

    Ticket ticket_of(const wire::Command& request) override {
        return {weak_from_this(), request.opaque, request.encoding, request.is_oneway()};
    }
    Buffer& output() override { return stream_ ? stream_->output() : unheard_; }
    void written() override;
    void send_pieces(std::vector<net::Piece> pieces) override;
    std::int32_t next_opaque() override { return next_opaque_++; }
    void expect_answer(std::int32_t opaque, std::int64_t timeout_ms,
                       std::function<void(Result<Answer>)> done) override {
        pending().add(opaque, timeout_ms, monotonic_ms(), std::move(done));
    }

    Shared& shared_;
    ServerLoop& home_;
    std::unique_ptr<net::Stream> stream_;  // none behind finish()
    net::Loop& loop_;
    const std::string remote_;
    const message::Host remote_host_;
    const std::size_t unsent_bytes_high_;
    std::unique_ptr<PendingCalls> pending_;  // few sessions ever ask their clients anything
    Buffer unheard_;                         // takes what is written behind finish()
    std::size_t index_ = 0;                  // in home_.sessions
    std::size_t pieces_sent_ = 0;
    std::int32_t next_opaque_ = 0;
    bool is_reading_ = false;
    bool has_batch_ = false;
    bool is_closing_ = false;
};

void SessionImpl::start() {
    index_ = home_.sessions.size();
    home_.sessions.push_back(std::static_pointer_cast<SessionImpl>(shared_from_this()));
    guarded("open_failed", &Service::on_open);
    stream_->start({[this](Bytes bytes) { return on_bytes(bytes); },
                    [this](const Error& error) { finish(error); },
                    {},
                    {}});
}

std::size_t SessionImpl::on_bytes(Bytes bytes) {
    const auto held = shared_from_this();
    is_reading_ = true;
    const auto used = for_each_command(
        bytes, home_.decoder, [this](const wire::Command& command) { return on_command(command); });
    if (std::exchange(has_batch_, false)) guarded("batch_failed", &Service::on_batch_end);
    is_reading_ = false;
    if (!used) {
        log::debug("session_malformed", {{"remote", remote_}, {"error", used.error().what}});
        finish(used.error());
        return 0;
    }
    if (is_closing_) finish({Errc::unavailable, "closed by the server"});
    return *used;
}

bool SessionImpl::on_command(const wire::Command& command) {
    if (command.is_response()) {
        if (pending_) pending_->answered(command);
        return !is_closing_;
    }
    has_batch_ = true;
    serve(command);
    if (is_closing_) return false;
    if (stream_->unsent_bytes() < early_flush_bytes) return true;
    // Many big answers to one read: what the peer does not take stops the rest of its requests.
    stream_->flush();
    return stream_->unsent_bytes() <= unsent_bytes_high_;
}

void SessionImpl::serve(const wire::Command& request) {
    const std::size_t begin = output().size();
    const std::size_t pieces_before = pieces_sent_;
    try {
        shared_.service.on_request(*this, request);
    } catch (const std::exception& bug) {
        log::error("request_failed",
                   {{"code", request.code}, {"remote", remote_}, {"error", bug.what()}});
        // Half an answer must not stay in front of this one.
        if (pieces_sent_ == pieces_before && output().size() > begin) output().truncate(begin);
        reply(request, wire::response_code::system_error, bug.what());
    }
}

void SessionImpl::guarded(const char* event, void (Service::*member)(Session&)) {
    try {
        (shared_.service.*member)(*this);
    } catch (const std::exception& bug) {
        log::error(event, {{"remote", remote_}, {"error", bug.what()}});
    }
}

PendingCalls& SessionImpl::pending() {
    if (!pending_) pending_ = std::make_unique<PendingCalls>(loop_, remote_);
    return *pending_;
}

void SessionImpl::written() {
    if (!stream_) {
        unheard_.clear();
    } else if (!is_reading_) {
        stream_->flush_soon();
    }
}

void SessionImpl::send_pieces(std::vector<net::Piece> pieces) {
    ++pieces_sent_;
    if (stream_) stream_->send_pieces(std::move(pieces));
}

void SessionImpl::close() {
    if (std::exchange(is_closing_, true) || is_reading_) return;
    loop_.post([held = std::static_pointer_cast<SessionImpl>(shared_from_this())] {
        held->finish({Errc::unavailable, "closed by the server"});
    });
}

void SessionImpl::finish(const Error& why) {
    if (!stream_) return;
    is_closing_ = true;
    guarded("close_failed", &Service::on_close);
    check(index_ < home_.sessions.size() && home_.sessions[index_].get() == this);
    const auto held = std::move(home_.sessions[index_]);
    home_.sessions[index_] = std::move(home_.sessions.back());
    home_.sessions.pop_back();
    if (index_ < home_.sessions.size()) home_.sessions[index_]->index_ = index_;
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);

    // Whoever still holds the session may let go of it on another thread: nothing that belongs to
    // this one stays in it.
    stream_->close();
    const auto stream = std::move(stream_);
    context.reset();
    if (const auto pending = std::move(pending_))
        pending->fail({Errc::unavailable, fmt::format("{}: {}", remote_, why.what)});
}

class ServerImpl final : public Server {
public:
    ServerImpl(net::IoThreads& threads, Service& service, const ServerOptions& options)
        : threads_(threads), shared_{service, options, {}}, loops_(threads.size()) {}
    ~ServerImpl() override;
    ServerImpl(const ServerImpl&) = delete;
    ServerImpl& operator=(const ServerImpl&) = delete;

    Result<> listen(const std::string& address) {
        TRY(listener_, net::Listener::listen(threads_, address, shared_.options.stream,
                                             [this](std::unique_ptr<net::Stream> stream) {
                                                 open(std::move(stream));
                                             }));
        port_ = listener_->port();
        return {};
    }
    std::uint16_t port() const override { return port_; }
    std::size_t connections() const override {
        return shared_.connections.load(std::memory_order_relaxed);
    }
    void stop_accepting() override { listener_.reset(); }

private:
    void open(std::unique_ptr<net::Stream> stream);
    ServerLoop& home_of(const net::Loop& loop);

    net::IoThreads& threads_;
    Shared shared_;
    std::vector<ServerLoop> loops_;  // as the threads are numbered
    std::unique_ptr<net::Listener> listener_;
    std::uint16_t port_ = 0;
};

ServerLoop& ServerImpl::home_of(const net::Loop& loop) {
    std::size_t i = 0;
    while (&threads_.at(i) != &loop) ++i;
    return loops_[i];
}

void ServerImpl::open(std::unique_ptr<net::Stream> stream) {
    if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >=
        shared_.options.connections_max) {
        shared_.connections.fetch_sub(1, std::memory_order_relaxed);
        log::debug("connection_refused", {{"remote", stream->remote()}, {"reason", "too many"}});
        return;
    }
    ServerLoop& home = home_of(stream->loop());
    std::make_shared<SessionImpl>(shared_, home, std::move(stream))->start();
}

ServerImpl::~ServerImpl() {
    stop_accepting();
    for (std::size_t i = 0; i < loops_.size(); ++i) {
        threads_.at(i).run_and_wait([&sessions = loops_[i].sessions] {
            while (!sessions.empty()) {
                const auto session = sessions.back();
                session->finish({Errc::unavailable, "the server is stopping"});
            }
        });
    }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(net::IoThreads& threads, const std::string& address,
                                               Service& service, ServerOptions options) {
    auto server = std::make_unique<ServerImpl>(threads, service, options);
    TRY_OK(server->listen(address));
    return std::unique_ptr<Server>(std::move(server));
}

}  // namespace mqd::remoting
