#include "remoting/channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "remoting/frames.h"
#include "remoting/pending_calls.h"

namespace mqd::remoting {
namespace {

/// Smaller frames are copied together, bigger ones go out from where they lie.
constexpr std::size_t copied_bytes_max = 16 << 10;
constexpr std::size_t chunk_bytes_max = 256 << 10;
constexpr std::int64_t backoff_first_ms = 100;
constexpr std::int64_t backoff_max_ms = 1000;
/// A connection is given up for a request that ran out of time when that, or those before it, had
/// at least so long on it: the last try of one whose time is nearly over says nothing.
constexpr std::int64_t silence_min_ms = 1000;

using Done = PendingCalls::Done;

/// What several threads write and the loop sends.
///
/// Threads: send(), wait_writable() and the like from any; what is named "Loop:" on the loop.
/// Owner:   Handle; calls under way on the loop hold it too.
class Core final : public std::enable_shared_from_this<Core> {
public:
    Core(net::Loop& loop, std::string address, Channel::Options options)
        : loop_(loop),
          address_(std::move(address)),
          options_(std::move(options)),
          pending_(loop, address_, [this](const Error& error, std::int64_t timeout_ms) {
              ran_out_of_time(error, timeout_ms);
          }) {}

    void send(Buffer frame, std::optional<std::int32_t> opaque, std::int64_t timeout_ms, Done done,
              std::size_t weight = 0);
    bool wait_writable(std::int64_t timeout_ms);
    Result<> flush(std::int64_t timeout_ms);
    std::size_t take_lost_oneways();
    void close();

    bool connected() const { return is_connected_.load(std::memory_order_acquire); }
    std::int32_t next_opaque() { return opaque_.fetch_add(1, std::memory_order_relaxed); }
    const std::string& address() const { return address_; }
    const Channel::Options& options() const { return options_; }

private:
    struct Oneway {
        std::uint64_t end;
        std::size_t weight;
    };
    struct Call {
        std::int32_t opaque;
        std::int64_t timeout_ms;
        Done done;
    };
    /// In order, filled by senders and emptied by the loop as a whole.
    struct Queue {
        std::vector<Buffer> chunks;
        std::vector<Call> calls;
        std::vector<Oneway> oneways;
        std::size_t bytes = 0;
    };

    template <class Holds>
    Result<> wait_until(std::int64_t timeout_ms, Holds holds);

    // Loop:
    void drain();
    void hand_over(std::vector<Buffer>& chunks);
    void account();
    void connect_when_due();
    void connect();
    void connected_to(std::unique_ptr<net::Stream> stream);
    void connect_failed(const Error& error);
    std::size_t on_bytes(Bytes bytes);
    void ran_out_of_time(const Error& error, std::int64_t timeout_ms);
    void broken(const Error& why);
    void drop_all(const Error& error);
    void shut();

    net::Loop& loop_;
    const std::string address_;
    const Channel::Options options_;
    std::atomic<std::int32_t> opaque_ = 0;
    std::atomic<bool> is_connected_ = false;

    Mutex lock_;
    Condition changed_;
    Queue queue_ GUARDED_BY(lock_);
    std::uint64_t queued_total_ GUARDED_BY(lock_) = 0;  // bytes ever; a frame's place is its end
    std::size_t taken_bytes_ GUARDED_BY(lock_) = 0;     // left queue_, not accepted by the kernel
    std::size_t lost_oneways_ GUARDED_BY(lock_) = 0;
    std::size_t losses_ GUARDED_BY(lock_) = 0;  // connections that broke or were not made
    Error last_error_ GUARDED_BY(lock_);
    int waiters_ GUARDED_BY(lock_) = 0;
    bool will_drain_ GUARDED_BY(lock_) = false;
    bool is_closed_ GUARDED_BY(lock_) = false;

    // The loop's own.
    std::unique_ptr<net::Stream> stream_;
    std::unique_ptr<net::Timer> retry_;
    wire::Decoder decoder_;
    PendingCalls pending_;
    Queue taken_;               // queue_'s other half
    std::vector<Buffer> held_;  // waits for a connection
    std::size_t held_bytes_ = 0;
    std::uint64_t taken_total_ = 0;
    std::deque<Oneway> oneways_;  // of those not accepted by the kernel
    std::int64_t retry_at_ms_ = 0;
    std::int64_t backoff_ms_ = 0;
    std::int64_t connected_ms_ = 0;
    std::int64_t silent_since_ms_ = -1;  // a call waits, and nothing has come since; -1: none does
    bool is_connecting_ = false;
    bool is_shut_ = false;
};

// Any thread

void Core::send(Buffer frame, std::optional<std::int32_t> opaque, std::int64_t timeout_ms,
                Done done, std::size_t weight) {
    bool is_first = false;
    Done refused;  // of a channel that is closed
    {
        Lock lock(lock_);
        if (!is_closed_) {
            queued_total_ += frame.size();
            queue_.bytes += frame.size();
            if (opaque) {
                queue_.calls.push_back({*opaque, timeout_ms, std::move(done)});
            } else {
                queue_.oneways.push_back({queued_total_, weight});
            }
            auto& chunks = queue_.chunks;
            if (frame.size() <= copied_bytes_max && !chunks.empty() &&
                chunks.back().size() + frame.size() <= chunk_bytes_max) {
                chunks.back().put(std::as_const(frame).bytes());
            } else {
                chunks.push_back(std::move(frame));
            }
            is_first = !std::exchange(will_drain_, true);
        } else if (!opaque) {
            lost_oneways_ += weight;
            return;
        } else {
            refused = std::move(done);
        }
    }
    // One wake-up of the loop serves all that comes until it looks.
    if (is_first) return loop_.post([self = shared_from_this()] { self->drain(); });
    if (!refused) return;
    loop_.post([done = std::move(refused), what = fmt::format("{}: closed", address_)] {
        done(Error{Errc::unavailable, what});
    });
}

template <class Holds>
Result<> Core::wait_until(std::int64_t timeout_ms, Holds holds) MQD_NO_THREAD_ANALYSIS {
    const std::int64_t deadline_ms = monotonic_ms() + timeout_ms;
    Lock lock(lock_);
    const std::size_t losses = losses_;
    ++waiters_;
    Result<> result;
    while (!holds()) {
        if (is_closed_ || losses_ != losses) {
            result = is_closed_ ? Error{Errc::unavailable, address_ + ": closed"} : last_error_;
            break;
        }
        const std::int64_t left_ms = deadline_ms - monotonic_ms();
        if (left_ms <= 0) {
            result = Error{Errc::unavailable,
                           fmt::format("{} took no more within {} ms", address_, timeout_ms)};
            break;
        }
        changed_.wait_for(lock_, std::chrono::milliseconds(left_ms));
    }
    --waiters_;
    return result;
}

bool Core::wait_writable(std::int64_t timeout_ms) {
    return wait_until(timeout_ms,
                      [this]() MQD_NO_THREAD_ANALYSIS {
                          return queue_.bytes + taken_bytes_ < options_.unsent_bytes_max;
                      })
        .has_value();
}

Result<> Core::flush(std::int64_t timeout_ms) {
    return wait_until(timeout_ms,
                      [this]() MQD_NO_THREAD_ANALYSIS { return queue_.bytes + taken_bytes_ == 0; });
}

std::size_t Core::take_lost_oneways() {
    Lock lock(lock_);
    return std::exchange(lost_oneways_, 0);
}

void Core::close() {
    {
        Lock lock(lock_);
        if (std::exchange(is_closed_, true)) return;
        changed_.notify_all();
    }
    loop_.post([self = shared_from_this()] { self->shut(); });
}

// The loop

void Core::drain() {
    {
        Lock lock(lock_);
        will_drain_ = false;
        std::swap(taken_, queue_);
        taken_bytes_ += taken_.bytes;
    }
    const std::int64_t now_ms = monotonic_ms();
    if (!taken_.calls.empty() && silent_since_ms_ < 0) silent_since_ms_ = now_ms;
    for (auto& call : taken_.calls)
        pending_.add(call.opaque, call.timeout_ms, now_ms, std::move(call.done));
    oneways_.insert(oneways_.end(), taken_.oneways.begin(), taken_.oneways.end());
    taken_total_ += taken_.bytes;
    if (stream_) {
        hand_over(taken_.chunks);
        stream_->flush();
    } else {
        for (auto& chunk : taken_.chunks) held_.push_back(std::move(chunk));
        held_bytes_ += taken_.bytes;
    }
    taken_.chunks.clear();
    taken_.calls.clear();
    taken_.oneways.clear();
    taken_.bytes = 0;
    account();
    if (!stream_ && held_bytes_ > 0) connect_when_due();
}

void Core::hand_over(std::vector<Buffer>& chunks) {
    for (auto& chunk : chunks) {
        if (chunk.size() <= copied_bytes_max) {
            stream_->output().put(std::as_const(chunk).bytes());
            continue;
        }
        const auto pin = std::make_shared<Buffer>(std::move(chunk));
        stream_->send_pieces({{std::as_const(*pin).bytes(), pin}});
    }
}

/// How far the kernel has got: one-way frames after it would be lost now.
void Core::account() {
    const std::size_t unsent = held_bytes_ + (stream_ ? stream_->unsent_bytes() : 0);
    // A greeting is in none of the sums, and before all that is.
    const std::uint64_t accepted = taken_total_ - std::min<std::uint64_t>(unsent, taken_total_);
    while (!oneways_.empty() && oneways_.front().end <= accepted) oneways_.pop_front();
    Lock lock(lock_);
    taken_bytes_ = unsent;
    if (waiters_ > 0) changed_.notify_all();
}

void Core::connect_when_due() {
    if (is_connecting_ || is_shut_ || retry_) return;
    const std::int64_t wait_ms = retry_at_ms_ - monotonic_ms();
    if (wait_ms <= 0) return connect();
    retry_ = loop_.after(std::chrono::milliseconds(wait_ms), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->retry_.reset();
        self->connect();
    });
}

void Core::connect() {
    is_connecting_ = true;
    net::StreamOptions stream;
    // A client always reads: with both ends waiting for the other to read, nothing would move.
    stream.unsent_bytes_high = static_cast<std::size_t>(-1);
    net::connect(loop_, address_, options_.connect_timeout_ms, stream,
                 [self = shared_from_this()](Result<std::unique_ptr<net::Stream>> made) {
                     self->is_connecting_ = false;
                     if (self->is_shut_) return;
                     if (made) {
                         self->connected_to(std::move(*made));
                     } else {
                         self->connect_failed(made.error());
                     }
                 });
}

void Core::connected_to(std::unique_ptr<net::Stream> stream) {
    stream_ = std::move(stream);
    connected_ms_ = monotonic_ms();
    backoff_ms_ = 0;
    retry_at_ms_ = 0;
    is_connected_.store(true, std::memory_order_release);
    if (options_.greeting) stream_->output().put(options_.greeting(next_opaque()).bytes());
    hand_over(held_);
    held_.clear();
    held_bytes_ = 0;
    stream_->start({[self = shared_from_this()](Bytes bytes) { return self->on_bytes(bytes); },
                    [self = shared_from_this()](const Error& why) { self->broken(why); },
                    {},
                    [self = shared_from_this()] { self->account(); }});
    stream_->flush();
    account();
}

void Core::connect_failed(const Error& error) {
    // The first retry comes at the next use, later ones not before their time.
    retry_at_ms_ = monotonic_ms() + backoff_ms_;
    backoff_ms_ = std::clamp(backoff_ms_ * 2, backoff_first_ms, backoff_max_ms);
    drop_all(error);
}

std::size_t Core::on_bytes(Bytes bytes) {
    silent_since_ms_ = -1;
    const auto used = for_each_command(bytes, decoder_, [this](const wire::Command& command) {
        if (command.is_response()) {
            pending_.answered(command);
        } else if (options_.on_request) {
            options_.on_request(command);
        }
        return !is_shut_;
    });
    if (used) return *used;
    broken({Errc::corrupt, used.error().what});
    return 0;
}

/// Whoever calls again gets another connection, which greets as each does.
void Core::ran_out_of_time(const Error& error, std::int64_t timeout_ms) {
    if (!stream_) return;
    const std::int64_t now_ms = monotonic_ms();
    const std::int64_t silent_ms = silent_since_ms_ < 0 ? 0 : now_ms - silent_since_ms_;
    const std::int64_t had_ms = std::min(now_ms - connected_ms_, std::max(timeout_ms, silent_ms));
    if (had_ms >= silence_min_ms) broken(error);
}

void Core::broken(const Error& why) {
    account();
    const auto stream = std::move(stream_);
    is_connected_.store(false, std::memory_order_release);
    const Error error{Errc::unavailable,
                      fmt::format("connection to {} lost: {}", address_, why.what)};
    drop_all(error);
    if (options_.on_disconnect) options_.on_disconnect(error);
}

/// What was on its way is lost; what is still in queue_ may use the next connection.
void Core::drop_all(const Error& error) {
    {
        Lock lock(lock_);
        for (const auto& oneway : oneways_) lost_oneways_ += oneway.weight;
        taken_bytes_ = 0;
        ++losses_;
        last_error_ = error;
        changed_.notify_all();
    }
    oneways_.clear();
    held_.clear();
    held_bytes_ = 0;
    silent_since_ms_ = -1;
    pending_.fail(error);
}

void Core::shut() {
    is_shut_ = true;
    drain();  // what was sent before close() is still sent
    retry_.reset();
    is_connected_.store(false, std::memory_order_release);
    if (const auto stream = std::move(stream_)) {
        stream->close();
        oneways_.clear();  // close() delivers them
    }
    drop_all({Errc::unavailable, address_ + ": closed"});
}

/// What users hold: its end closes the channel on the loop.
class Handle final : public Channel {
public:
    explicit Handle(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    ~Handle() override { core_->close(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    void send(Buffer frame, std::int32_t opaque, std::int64_t timeout_ms, Done done) override {
        core_->send(std::move(frame), opaque, timeout_ms, std::move(done));
    }
    void send_oneway(Buffer frame, std::size_t weight) override {
        core_->send(std::move(frame), std::nullopt, 0, nullptr, weight);
    }
    std::int32_t next_opaque() override { return core_->next_opaque(); }
    wire::Encoding encoding() const override { return core_->options().encoding; }
    bool wait_writable(std::int64_t timeout_ms) override {
        return core_->wait_writable(timeout_ms);
    }
    Result<> flush(std::int64_t timeout_ms) override { return core_->flush(timeout_ms); }
    std::size_t take_lost_oneways() override { return core_->take_lost_oneways(); }
    bool connected() const override { return core_->connected(); }
    const std::string& address() const override { return core_->address(); }
    void close() override { core_->close(); }

private:
    std::shared_ptr<Core> core_;
};

}  // namespace

std::shared_ptr<Channel> Channel::make(net::Loop& loop, std::string host_port, Options options) {
    return std::make_shared<Handle>(
        std::make_shared<Core>(loop, std::move(host_port), std::move(options)));
}

Result<Answer> Channel::wait(
    const std::function<void(std::function<void(Result<Answer>)>)>& start) {
    struct Slot {
        Mutex lock;
        Condition changed;
        std::optional<Result<Answer>> answer;

        void set(Result<Answer> result) {
            Lock guard(lock);
            if (!answer) answer = std::move(result);
            changed.notify_all();
        }
    };
    /// Lives as long as the `done` that holds it: a loop that has ended drops it uncalled.
    struct Promise {
        std::shared_ptr<Slot> slot;
        explicit Promise(std::shared_ptr<Slot> s) : slot(std::move(s)) {}
        ~Promise() { slot->set(Error{Errc::unavailable, "this program is stopping"}); }
        Promise(const Promise&) = delete;
        Promise& operator=(const Promise&) = delete;
    };
    const auto slot = std::make_shared<Slot>();
    start([promise = std::make_shared<Promise>(slot)](Result<Answer> answer) {
        promise->slot->set(std::move(answer));
    });
    Lock lock(slot->lock);
    while (!slot->answer) slot->changed.wait(slot->lock);
    return std::move(*slot->answer);
}

}  // namespace mqd::remoting
