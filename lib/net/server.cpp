#include "net/server.h"

#include <exception>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace mqd::net {

Session::Session(std::unique_ptr<Stream> stream)
    : stream_(std::move(stream)), loop_(stream_->loop()), remote_(stream_->remote()) {}

template <class Call>
bool Session::guarded(const char* event, Call call) {
    try {
        call();
        return true;
    } catch (const std::exception& bug) {
        log::error(event, {{"remote", remote_}, {"error", bug.what()}});
        return false;
    }
}

void Session::start(SessionList& home, std::shared_ptr<Session> self) {
    home_ = &home;
    index_ = home.sessions.size();
    home.sessions.push_back(std::move(self));
    guarded("open_failed", [this] { opened(); });
    stream_->start({[this](Bytes bytes) { return on_bytes(bytes); },
                    [this](const Error& error) { finish(error); },
                    {},
                    {}});
}

std::size_t Session::on_bytes(Bytes bytes) {
    const auto held = home_->sessions[index_];
    Result<std::size_t> used = Error{Errc::unavailable, "the session failed"};
    is_reading_ = true;
    guarded("session_failed", [&] { used = received(bytes); });
    is_reading_ = false;
    if (!used) {
        finish(used.error());
        return 0;
    }
    if (is_closing_) finish({Errc::unavailable, "closed by the server"});
    return *used;
}

void Session::close() {
    check(home_ != nullptr);  // it has started
    if (std::exchange(is_closing_, true) || is_reading_ || !stream_) return;
    loop_.post([held = home_->sessions[index_]] {
        held->finish({Errc::unavailable, "closed by the server"});
    });
}

void Session::finish(const Error& why) {
    if (!stream_) return;
    is_closing_ = true;
    const auto held = home_->sessions[index_];
    guarded("close_failed", [&] { closing(why); });
    leave();
    // Whoever still holds the session may let go of it on another thread: nothing that belongs to
    // this one stays in it.
    stream_->close();
    const auto stream = std::move(stream_);
    guarded("close_failed", [&] { closed(why); });
}

void Session::leave() {
    auto& all = home_->sessions;
    check(index_ < all.size() && all[index_].get() == this);
    all[index_] = std::move(all.back());
    all.pop_back();
    if (index_ < all.size()) all[index_]->index_ = index_;
    home_->connections->fetch_sub(1, std::memory_order_relaxed);
}

Server::Server(IoThreads& threads, std::size_t connections_max, Make make)
    : threads_(threads),
      connections_max_(connections_max),
      make_(std::move(make)),
      lists_(threads.size()) {
    for (auto& list : lists_) list.connections = &connections_;
}

Result<std::unique_ptr<Server>> Server::listen(IoThreads& threads, const std::string& address,
                                               const StreamOptions& options,
                                               std::size_t connections_max, Make make) {
    std::unique_ptr<Server> server(new Server(threads, connections_max, std::move(make)));
    TRY(server->listener_, Listener::listen(threads, address, options,
                                            [of = server.get()](std::unique_ptr<Stream> stream) {
                                                of->open(std::move(stream));
                                            }));
    server->port_ = server->listener_->port();
    return server;
}

void Server::open(std::unique_ptr<Stream> stream) {
    if (connections_.fetch_add(1, std::memory_order_relaxed) >= connections_max_) {
        connections_.fetch_sub(1, std::memory_order_relaxed);
        log::debug("connection_refused", {{"remote", stream->remote()}, {"reason", "too many"}});
        return;
    }
    std::size_t thread = 0;
    while (&threads_.at(thread) != &stream->loop()) ++thread;
    std::shared_ptr<Session> session;
    try {
        session = make_(std::move(stream), thread);
    } catch (const std::exception& bug) {
        connections_.fetch_sub(1, std::memory_order_relaxed);
        log::error("session_not_made", {{"error", bug.what()}});
        return;
    }
    check(session != nullptr);
    auto& of = *session;
    of.start(lists_[thread], std::move(session));
}

Server::~Server() {
    stop_accepting();
    for (std::size_t i = 0; i < lists_.size(); ++i) {
        threads_.at(i).run_and_wait([&sessions = lists_[i].sessions] {
            while (!sessions.empty())
                sessions.back()->finish({Errc::unavailable, "the server is stopping"});
        });
    }
}

}  // namespace mqd::net
