#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/stream.h"
#include "net/tcp_stream.h"

namespace mqd::net {
namespace {

using asio::ip::tcp;

constexpr int backlog = 1024;
constexpr int accepts_per_wake_max = 64;
/// Out of descriptors or memory: the backlog keeps them waiting while others may close.
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::int64_t accept_log_every_ms = 1000;

/// The acceptor, on the first loop. Waits hold it; the Listener owns it.
class Acceptor final : public std::enable_shared_from_this<Acceptor> {
public:
    Acceptor(IoThreads& threads, StreamOptions options,
             std::function<void(std::unique_ptr<Stream>)> on_stream)
        : threads_(threads),
          loop_(asio_loop(threads.at(0))),
          options_(options),
          on_stream_(std::move(on_stream)),
          socket_(loop_.io()),
          pause_(loop_.io()) {}

    Result<> bind(const std::string& address);
    std::uint16_t port() const { return port_; }
    void wait();
    void stop();

private:
    void accept_all();
    void hand_over(int fd);
    void pause(int error);

    IoThreads& threads_;
    AsioLoop& loop_;
    const StreamOptions options_;
    const std::function<void(std::unique_ptr<Stream>)> on_stream_;
    tcp::acceptor socket_;
    asio::steady_timer pause_;
    std::atomic<bool> is_stopped_ = false;
    std::int64_t logged_at_ms_ = 0;
    std::uint16_t port_ = 0;
};

/// invalid: no such host.
Result<tcp::endpoint> resolve_to_bind(const std::string& address) {
    TRY(const auto where, parse_host_port(address));
    if (where.host.empty() || where.host == "*")
        return tcp::endpoint(asio::ip::address_v4::any(), where.port);
    std::error_code error;
    const auto ip = asio::ip::make_address(where.host, error);
    if (!error) return tcp::endpoint(ip, where.port);

    asio::io_context io;
    tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(where.host, std::to_string(where.port), tcp::resolver::passive, error);
    if (error || found.empty())
        return Error{Errc::invalid, fmt::format("cannot listen on {}: no such host", address)};
    return found.begin()->endpoint();
}

Result<> Acceptor::bind(const std::string& address) {
    TRY(const auto endpoint, resolve_to_bind(address));
    std::error_code error;
    socket_.open(endpoint.protocol(), error);
    if (!error) socket_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) socket_.non_blocking(true, error);
    if (!error) socket_.bind(endpoint, error);
    if (!error) socket_.listen(backlog, error);
    if (error)
        return Error{Errc::refused,
                     fmt::format("cannot listen on {}: {}", address, error.message())};
    port_ = socket_.local_endpoint(error).port();
    return {};
}

void Acceptor::wait() {
    if (is_stopped_) return;
    socket_.async_wait(tcp::acceptor::wait_read,
                       [self = shared_from_this()](const std::error_code& error) {
                           if (!error) self->accept_all();
                       });
}

void Acceptor::accept_all() {
    for (int i = 0; i < accepts_per_wake_max && !is_stopped_; ++i) {
        const int fd =
            ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            hand_over(fd);
            continue;
        }
        if (errno == EAGAIN) break;
        // A peer that gave up while it waited is its own affair; anything else would spin.
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
        return pause(errno);
    }
    wait();
}

void Acceptor::hand_over(int fd) {
    auto& loop = asio_loop(threads_.next());
    auto socket = std::make_shared<tcp::socket>(loop.io());  // std::function wants to copy it
    std::error_code error;
    // The protocol only matters for opening; endpoints are asked from the kernel.
    socket->assign(socket_.local_endpoint(error).protocol(), fd, error);
    if (error) {
        ::close(fd);
        return pause(error.value());
    }
    auto start = [self = shared_from_this(), socket, &loop] {
        if (self->is_stopped_) return;
        self->on_stream_(make_tcp_stream(loop, std::move(*socket), self->options_, true));
    };
    if (loop.is_current_thread()) {
        start();
    } else {
        loop.post(std::move(start));
    }
}

void Acceptor::pause(int error) {
    const std::int64_t now_ms = monotonic_ms();
    if (logged_at_ms_ == 0 || now_ms - logged_at_ms_ >= accept_log_every_ms) {
        logged_at_ms_ = now_ms;
        log::error("accept_failed",
                   {{"port", port_}, {"error", errno_error("accept", error).what}});
    }
    pause_.expires_after(accept_pause);
    pause_.async_wait([self = shared_from_this()](const std::error_code& cancelled) {
        if (!cancelled) self->wait();
    });
}

void Acceptor::stop() {
    if (is_stopped_.exchange(true)) return;
    loop_.run_and_wait([this] {
        std::error_code ignored;  // closing is the last thing done with it
        socket_.close(ignored);
        pause_.cancel();
    });
    // A call of on_stream that was under way on another thread has returned after this.
    for (std::size_t i = 0; i < threads_.size(); ++i) threads_.at(i).run_and_wait([] {});
}

class TcpListener final : public Listener {
public:
    explicit TcpListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
    ~TcpListener() override { acceptor_->stop(); }
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;
    std::uint16_t port() const override { return acceptor_->port(); }

private:
    std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listener::listen(
    IoThreads& threads, const std::string& address, StreamOptions options,
    std::function<void(std::unique_ptr<Stream>)> on_stream) {
    const auto acceptor = std::make_shared<Acceptor>(threads, options, std::move(on_stream));
    TRY_OK(acceptor->bind(address));
    threads.at(0).post([acceptor] { acceptor->wait(); });
    return std::unique_ptr<Listener>(std::make_unique<TcpListener>(acceptor));
}

}  // namespace mqd::net
