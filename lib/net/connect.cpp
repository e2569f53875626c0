#include <asio/connect.hpp>
#include <asio/steady_timer.hpp>
#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

#include "net/address.h"
#include "net/stream.h"
#include "net/tcp_stream.h"

namespace mqd::net {
namespace {

using asio::ip::tcp;

/// One connection being made; its waits hold it, `done` is called once.
class Attempt final : public Resident, public std::enable_shared_from_this<Attempt> {
public:
    Attempt(AsioLoop& loop, std::string address, std::int64_t timeout_ms, StreamOptions options,
            std::function<void(Result<std::unique_ptr<Stream>>)> done)
        : loop_(loop),
          address_(std::move(address)),
          timeout_ms_(timeout_ms),
          options_(options),
          done_(std::move(done)),
          resolver_(loop.io()),
          socket_(loop.io()),
          timer_(loop.io()) {}

    void start();

    bool sweep(std::int64_t) override { return false; }
    void expire() override {}
    void loop_ends() override { fail("this program is stopping"); }
    std::shared_ptr<Resident> hold() override { return shared_from_this(); }

private:
    void connect(std::vector<tcp::endpoint> endpoints);
    void connected();
    void fail(const std::string& why);
    std::function<void(Result<std::unique_ptr<Stream>>)> finish();

    AsioLoop& loop_;
    const std::string address_;
    const std::int64_t timeout_ms_;
    const StreamOptions options_;
    std::function<void(Result<std::unique_ptr<Stream>>)> done_;  // none: it was called
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
};

void Attempt::start() {
    loop_.add(*this, 0);
    timer_.expires_after(std::chrono::milliseconds(timeout_ms_));
    timer_.async_wait([self = shared_from_this()](const std::error_code& cancelled) {
        if (!cancelled) self->fail(fmt::format("no answer within {} ms", self->timeout_ms_));
    });
    const auto where = parse_host_port(address_);
    if (!where) {
        // From the loop, as all other answers.
        return loop_.post(
            [self = shared_from_this(), what = where.error().what] { self->fail(what); });
    }
    std::error_code error;
    const auto ip = asio::ip::make_address(where->host, error);
    if (!error) return connect({tcp::endpoint(ip, where->port)});
    resolver_.async_resolve(where->host, std::to_string(where->port),
                            [self = shared_from_this()](const std::error_code& failed,
                                                        const tcp::resolver::results_type& found) {
                                if (failed) return self->fail(failed.message());
                                std::vector<tcp::endpoint> endpoints;
                                for (const auto& entry : found)
                                    endpoints.push_back(entry.endpoint());
                                self->connect(std::move(endpoints));
                            });
}

void Attempt::connect(std::vector<tcp::endpoint> endpoints) {
    if (!done_) return;
    const auto kept = std::make_shared<std::vector<tcp::endpoint>>(std::move(endpoints));
    asio::async_connect(
        socket_, kept->begin(), kept->end(),
        [self = shared_from_this(), kept](const std::error_code& error, const auto&) {
            if (error) return self->fail(error.message());
            self->connected();
        });
}

void Attempt::connected() {
    if (!done_) return;
    // Asio does not; a command that a tool runs would hold the connection for as long as it lives.
    [[maybe_unused]] const int set = ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
    auto stream = make_tcp_stream(loop_, std::move(socket_), options_, false);
    finish()(std::move(stream));
}

void Attempt::fail(const std::string& why) {
    if (!done_) return;
    finish()(Error{Errc::unavailable, fmt::format("cannot connect to {}: {}", address_, why)});
}

std::function<void(Result<std::unique_ptr<Stream>>)> Attempt::finish() {
    loop_.remove(*this);
    timer_.cancel();
    resolver_.cancel();
    std::error_code ignored;  // nothing is left in it after success
    socket_.close(ignored);
    return std::exchange(done_, nullptr);
}

}  // namespace

void connect(Loop& loop, const std::string& host_port, std::int64_t timeout_ms,
             StreamOptions options, std::function<void(Result<std::unique_ptr<Stream>>)> done) {
    std::make_shared<Attempt>(asio_loop(loop), host_port, timeout_ms, options, std::move(done))
        ->start();
}

}  // namespace mqd::net
