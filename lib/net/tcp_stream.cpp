#include "net/tcp_stream.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "net/address.h"

namespace mqd::net {
namespace {

constexpr std::size_t padding_bytes = 64;  // readable after what on_bytes gets
/// A remainder up to this is carried over in front of the next read into the loop's block; more
/// than this, a big frame on its way, is read where it lies.
constexpr std::size_t carried_bytes_max = 64 << 10;
constexpr std::size_t input_room_bytes = 128 << 10;
constexpr std::size_t iovecs_max = 128;
/// Sent output in front of unsent is given up when it is more than this and more than half.
constexpr std::size_t sent_bytes_kept = 64 << 10;
constexpr std::int64_t linger_ms = 10'000;  // for the last bytes of a closed stream
/// What a sweep leaves to a connection: 10,000 idle ones must cost little.
constexpr std::size_t idle_bytes_kept = 256;
constexpr std::size_t busy_bytes_kept = 1 << 20;
constexpr std::byte tls_hello{0x16};
/// A peer whose machine or network is gone without a word: the kernel finds that out, whether bytes
/// wait for their acknowledgement (TCP_USER_TIMEOUT) or nothing is under way (the probes). A peer
/// that lives and takes nothing has as long, which is less than StreamOptions::idle_ms.
constexpr int dead_after_ms = 60'000;
constexpr int probe_after_s = 30;
constexpr int probe_every_s = 10;

/// Without them a connection lives longer than its peer; it works all the same.
void notice_death(int fd) {
    const auto set = [fd](int level, int option, int value) {
        [[maybe_unused]] const int done = ::setsockopt(fd, level, option, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, probe_after_s);
    set(IPPROTO_TCP, TCP_KEEPINTVL, probe_every_s);
    set(IPPROTO_TCP, TCP_KEEPCNT, (dead_after_ms / 1000 - probe_after_s) / probe_every_s);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, dead_after_ms);
}

class TcpStream final : public Stream {
public:
    explicit TcpStream(std::shared_ptr<TcpCore> core) : core_(std::move(core)) {}
    ~TcpStream() override { core_->detach(); }
    TcpStream(const TcpStream&) = delete;
    TcpStream& operator=(const TcpStream&) = delete;

    void start(Callbacks callbacks) override { core_->start(std::move(callbacks)); }
    Buffer& output() override { return core_->output(); }
    void send_pieces(std::vector<Piece> pieces) override { core_->send_pieces(std::move(pieces)); }
    void flush() override { core_->flush(); }
    void flush_soon() override { core_->flush_soon(); }
    std::size_t unsent_bytes() const override { return core_->unsent_bytes(); }
    void pause_reading() override { core_->pause_reading(); }
    void resume_reading() override { core_->resume_reading(); }
    void close() override { core_->close(); }
    Loop& loop() override { return core_->loop(); }
    const std::string& remote() const override { return core_->remote(); }
    const std::string& local() const override { return core_->local(); }

private:
    std::shared_ptr<TcpCore> core_;
};

}  // namespace

std::unique_ptr<Stream> make_tcp_stream(AsioLoop& loop, asio::ip::tcp::socket socket,
                                        const StreamOptions& options, bool is_server,
                                        std::unique_ptr<Transport> transport) {
    return std::make_unique<TcpStream>(std::make_shared<TcpCore>(loop, std::move(socket), options,
                                                                 is_server, std::move(transport)));
}

TcpCore::TcpCore(AsioLoop& loop, asio::ip::tcp::socket socket, const StreamOptions& options,
                 bool is_server, std::unique_ptr<Transport> transport)
    : loop_(loop),
      socket_(std::move(socket)),
      plain_(socket_.native_handle()),
      other_(std::move(transport)),
      transport_(other_ != nullptr ? *other_ : plain_),
      options_(options),
      quiet_since_ms_(monotonic_ms()),
      is_open_(other_ == nullptr),
      refuses_tls_(is_server && other_ == nullptr) {
    // A peer that is gone already shows at the first read; until then it has no name.
    std::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    notice_death(socket_.native_handle());
    remote_ = to_text(socket_.remote_endpoint(ignored));
    local_ = to_text(socket_.local_endpoint(ignored));
    loop_.add(*this, options_.idle_ms);
}

TcpCore::~TcpCore() {
    if (!is_shut_) loop_.remove(*this);
}

void TcpCore::start(Stream::Callbacks callbacks) {
    callbacks_ = std::move(callbacks);
    if (!is_open_) return shake_hands();
    wait_readable();
}

/// The callers of start() are in the middle of something: an error is told from the loop.
void TcpCore::shake_hands() {
    if (is_shut_ || is_failing_) return;
    const auto outcome = transport_.handshake();
    switch (outcome.state) {
        case Transport::State::done:
            break;
        case Transport::State::wants_read:
            return wait_readable();
        case Transport::State::wants_write:
            return wait_writable();
        case Transport::State::closed:
            return fail_later({Errc::unavailable, "closed"});
        case Transport::State::failed:
            return fail_later({Errc::unavailable, outcome.why});
    }
    is_open_ = true;
    was_active_ = true;
    flush();
    if (is_closing_ && unsent_bytes() == 0) return shut();
    wait_readable();
}

// Reading

bool TcpCore::may_read() const {
    return !is_shut_ && !is_closing_ && !is_failing_ && !is_paused_ && !is_backed_up_;
}

void TcpCore::wait_readable() {
    const bool must = !is_open_ || send_wants_read_;  // whether or not anybody wants the bytes
    if (waits_readable_ || is_shut_ || is_failing_ || (!must && !may_read())) return;
    waits_readable_ = true;
    if (is_open_ && has_more_) {
        loop_.post([self = shared_from_this()] {
            self->waits_readable_ = false;
            self->socket_readable();
        });
        return;
    }
    socket_.async_wait(asio::ip::tcp::socket::wait_read,
                       [self = shared_from_this()](const std::error_code& error) {
                           self->waits_readable_ = false;
                           if (!error) self->socket_readable();
                       });
}

void TcpCore::socket_readable() {
    if (is_shut_ || is_failing_) return;
    if (!is_open_) return shake_hands();
    if (std::exchange(send_wants_read_, false)) writable();
    readable();
}

void TcpCore::readable() {
    // resume_reading() waits again, and the bytes are still there.
    if (!may_read() || recv_wants_write_) return;
    if (input_.size() > carried_bytes_max) {
        read_into_input();
    } else {
        read_into_block(loop_.read_block());
    }
}

bool TcpCore::received(Transport::Outcome got) {
    has_more_ = got.has_more;
    switch (got.state) {
        case Transport::State::done:
            was_active_ = true;
            return true;
        case Transport::State::wants_read:
            wait_readable();
            break;
        case Transport::State::wants_write:
            recv_wants_write_ = true;
            wait_writable();
            break;
        case Transport::State::closed:
            fail({Errc::unavailable, "closed"});
            break;
        case Transport::State::failed:
            fail({Errc::unavailable, std::move(got.why)});
            break;
    }
    return false;
}

void TcpCore::read_into_block(MutableBytes block) {
    const std::size_t carried = input_.size();
    const MutableBytes room = block.subspan(carried, block.size() - carried - padding_bytes);
    auto got = transport_.recv(room);
    const std::size_t n = got.bytes;
    if (!received(std::move(got))) return;
    if (refuses_tls_) {
        refuses_tls_ = false;
        if (room.front() == tls_hello)
            return fail({Errc::unsupported, "the peer speaks TLS, which is not offered here"});
    }
    if (carried > 0) std::memcpy(block.data(), input_.data(), carried);
    const Bytes all = block.first(carried + n);
    const std::size_t used = give(all);
    if (is_shut_) return;
    input_.clear();
    input_.put(all.subspan(used));
    after_giving();
}

void TcpCore::read_into_input() {
    // Grows by half at a time with what has really come; a length field is never believed.
    MutableBytes room = input_.room(0);
    if (room.size() < input_room_bytes / 2 + padding_bytes)
        room = input_.room(input_room_bytes + padding_bytes);
    auto got = transport_.recv(room.first(room.size() - padding_bytes));
    const std::size_t n = got.bytes;
    if (!received(std::move(got))) return;
    input_.commit(n);
    give_again();
}

void TcpCore::give_again() {
    input_.room(padding_bytes);
    const std::size_t used = give(input_.bytes());
    if (is_shut_) return;
    const std::size_t left = input_.size() - used;
    if (used > 0) std::memmove(input_.data(), input_.data() + used, left);
    input_.truncate(left);
    after_giving();
}

std::size_t TcpCore::give(Bytes bytes) {
    ++callback_depth_;
    const std::size_t used = callbacks_.on_bytes(bytes);
    --callback_depth_;
    check(used <= bytes.size());
    if (is_detached_) release_callbacks();
    return used;
}

void TcpCore::after_giving() {
    flush();
    if (input_.size() >= options_.input_bytes_max)
        return fail_later({Errc::invalid, "more bytes than one frame may have"});
    wait_readable();
}

void TcpCore::resume_reading() {
    is_paused_ = false;
    if (input_.empty()) return wait_readable();
    // Not from here: the caller may be inside on_bytes.
    loop_.post([self = shared_from_this()] {
        if (self->may_read()) self->give_again();
    });
}

// Writing

std::size_t TcpCore::unsent_bytes() const {
    return output_.size() - output_sent_ + piece_bytes_;
}

void TcpCore::send_pieces(std::vector<Piece> pieces) {
    for (auto& piece : pieces) {
        if (piece.bytes.empty()) continue;
        piece_bytes_ += piece.bytes.size();
        pieces_.push_back({output_.size(), std::move(piece)});
    }
}

void TcpCore::flush() {
    if (is_shut_ || is_failing_) return;  // unsent_bytes() is still asked for in on_close
    if (is_open_ && !waits_writable_ && unsent_bytes() > 0) send_all();
    if (unsent_bytes() > options_.unsent_bytes_high) is_backed_up_ = true;
}

void TcpCore::flush_soon() {
    if (std::exchange(flushes_soon_, true)) return;
    loop_.flush_behind(shared_from_this());
}

void TcpCore::flush_now() {
    flushes_soon_ = false;
    flush();
}

void TcpCore::send_all() {
    while (unsent_bytes() > 0) {
        auto outcome = send_some();
        switch (outcome.state) {
            case Transport::State::done:
                was_active_ = true;
                take_sent(outcome.bytes);
                break;
            case Transport::State::wants_read:
                send_wants_read_ = true;
                return wait_readable();
            case Transport::State::wants_write:
                return wait_writable();
            case Transport::State::closed:
                outcome.why = "closed";
                [[fallthrough]];
            case Transport::State::failed:
                // Reported from the loop: the caller is in the middle of something.
                return fail_later({Errc::unavailable, std::move(outcome.why)});
        }
    }
}

Transport::Outcome TcpCore::send_some() {
    std::size_t count = 0;
    std::size_t at = output_sent_;
    // A transport only reads what an iovec points to.
    const auto part = [](const std::byte* data, std::size_t bytes) {
        return iovec{const_cast<std::byte*>(data), bytes};
    };
    if (piece_next_ == pieces_.size()) {
        const iovec one = part(output_.data() + at, output_.size() - at);
        return transport_.send({&one, 1});
    }
    std::array<iovec, iovecs_max> parts;
    const auto add = [&](const std::byte* data, std::size_t bytes) {
        parts[count++] = part(data, bytes);
    };
    std::size_t i = piece_next_;
    for (; i < pieces_.size() && count + 2 < iovecs_max; ++i) {
        const auto& queued = pieces_[i];
        if (queued.at > at) add(output_.data() + at, queued.at - at);
        at = queued.at;
        const std::size_t skip = i == piece_next_ ? piece_sent_ : 0;
        add(queued.piece.bytes.data() + skip, queued.piece.bytes.size() - skip);
    }
    if (i == pieces_.size() && output_.size() > at) add(output_.data() + at, output_.size() - at);
    return transport_.send(std::span(parts).first(count));
}

void TcpCore::take_sent(std::size_t n) {
    while (n > 0) {
        const bool has_piece = piece_next_ < pieces_.size();
        const std::size_t end = has_piece ? pieces_[piece_next_].at : output_.size();
        const std::size_t own = std::min(n, end - output_sent_);
        output_sent_ += own;
        n -= own;
        if (n == 0 || !has_piece) break;
        auto& piece = pieces_[piece_next_].piece;
        const std::size_t taken = std::min(n, piece.bytes.size() - piece_sent_);
        piece_sent_ += taken;
        piece_bytes_ -= taken;
        n -= taken;
        if (piece_sent_ < piece.bytes.size()) break;
        piece.pin.reset();
        ++piece_next_;
        piece_sent_ = 0;
    }
    if (unsent_bytes() == 0) {
        output_.clear();
        pieces_.clear();
        output_sent_ = piece_next_ = 0;
        return;
    }
    if (output_sent_ <= sent_bytes_kept || output_sent_ < output_.size() / 2) return;
    std::memmove(output_.data(), output_.data() + output_sent_, output_.size() - output_sent_);
    output_.truncate(output_.size() - output_sent_);
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(piece_next_));
    for (auto& queued : pieces_) queued.at -= output_sent_;
    output_sent_ = piece_next_ = 0;
}

void TcpCore::drop_output() {
    output_.clear();
    pieces_.clear();
    output_sent_ = piece_next_ = piece_sent_ = piece_bytes_ = 0;
}

void TcpCore::wait_writable() {
    if (waits_writable_ || is_shut_) return;
    waits_writable_ = true;
    socket_.async_wait(asio::ip::tcp::socket::wait_write,
                       [self = shared_from_this()](const std::error_code& error) {
                           self->waits_writable_ = false;
                           if (!error) self->socket_writable();
                       });
}

void TcpCore::socket_writable() {
    if (is_shut_ || is_failing_) return;
    if (!is_open_) return shake_hands();
    if (std::exchange(recv_wants_write_, false)) readable();
    if (!is_shut_) writable();
}

void TcpCore::writable() {
    send_all();
    if (is_failing_ || is_shut_) return;
    if (is_closing_) {
        if (unsent_bytes() == 0) shut();
        return;
    }
    ++callback_depth_;
    if (callbacks_.on_progress) callbacks_.on_progress();
    if (is_backed_up_ && !is_shut_ && unsent_bytes() <= options_.unsent_bytes_high / 2) {
        is_backed_up_ = false;
        if (callbacks_.on_drained) callbacks_.on_drained();
        if (!is_paused_ && !is_shut_) resume_reading();
    }
    --callback_depth_;
    if (is_detached_) release_callbacks();
}

// The end

void TcpCore::fail(const Error& error) {
    if (is_shut_) return;
    const bool tell = !is_closing_ && !is_detached_;
    shut();
    if (tell && callbacks_.on_close) {
        ++callback_depth_;
        callbacks_.on_close(error);
        --callback_depth_;
    }
    release_callbacks();
    drop_output();
}

void TcpCore::fail_later(Error error) {
    if (std::exchange(is_failing_, true)) return;
    loop_.post([self = shared_from_this(), error = std::move(error)] { self->fail(error); });
}

void TcpCore::shut() {
    if (std::exchange(is_shut_, true)) return;
    loop_.remove(*this);
    std::error_code ignored;  // closing is the last thing done with it
    socket_.close(ignored);
}

void TcpCore::release_callbacks() {
    if (callback_depth_ == 0) callbacks_ = {};
}

void TcpCore::close() {
    if (is_shut_ || std::exchange(is_closing_, true)) return;
    flush();
    if (unsent_bytes() == 0 || is_failing_) shut();
}

void TcpCore::detach() {
    is_detached_ = true;
    release_callbacks();
    if (is_closing_) return;
    shut();
    drop_output();
}

bool TcpCore::sweep(std::int64_t now_ms) {
    const bool was_active = std::exchange(was_active_, false);
    give_memory_back(was_active ? busy_bytes_kept : idle_bytes_kept);
    if (was_active) {
        quiet_since_ms_ = now_ms;
        return false;
    }
    const std::int64_t quiet_ms = now_ms - quiet_since_ms_;
    if (is_closing_ && quiet_ms >= linger_ms) return true;
    return options_.idle_ms > 0 && quiet_ms >= options_.idle_ms;
}

void TcpCore::give_memory_back(std::size_t bytes_max) {
    if (input_.capacity() > bytes_max && input_.size() < input_.capacity() / 4) {
        Buffer smaller;
        smaller.put(std::as_const(input_).bytes());
        input_ = std::move(smaller);
    }
    if (unsent_bytes() > 0) return;
    output_.shrink_if_above(bytes_max);
    if (bytes_max == idle_bytes_kept) pieces_.shrink_to_fit();
}

void TcpCore::expire() {
    fail({Errc::unavailable, fmt::format("idle for {} ms", options_.idle_ms)});
}

void TcpCore::loop_ends() {
    fail({Errc::unavailable, "closed: this program is stopping"});
}

}  // namespace mqd::net
