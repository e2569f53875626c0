#include "net/loop.h"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mqd::net {
namespace {

thread_local const AsioLoop* t_current = nullptr;

constexpr std::size_t read_block_bytes = 256 << 10;

class LoopTimer final : public Timer {
public:
    LoopTimer(asio::io_context& io, std::chrono::milliseconds delay, std::function<void()> call)
        : state_(std::make_shared<State>(State{asio::steady_timer(io), std::move(call)})) {
        state_->timer.expires_after(delay);
        state_->timer.async_wait([state = state_](const std::error_code& error) {
            if (error || !state->call) return;
            // Moved out: the call may destroy its own Timer.
            const auto call_now = std::exchange(state->call, nullptr);
            call_now();
        });
    }
    ~LoopTimer() override { cancel(); }
    LoopTimer(const LoopTimer&) = delete;
    LoopTimer& operator=(const LoopTimer&) = delete;
    void cancel() override {
        state_->call = nullptr;
        state_->timer.cancel();
    }

private:
    struct State {
        asio::steady_timer timer;
        std::function<void()> call;
    };
    std::shared_ptr<State> state_;
};

}  // namespace

AsioLoop::AsioLoop() = default;

void AsioLoop::post(std::function<void()> call) {
    bool first = false;
    {
        Lock lock(posted_lock_);
        if (has_ended_) return;
        first = posted_.empty();
        posted_.push_back(std::move(call));
    }
    // One wake-up serves all that is posted until the loop gets to it.
    if (first) asio::post(io_, [this] { run_posted(); });
}

bool AsioLoop::is_current_thread() const {
    return t_current == this;
}

std::unique_ptr<Timer> AsioLoop::after(std::chrono::milliseconds delay,
                                       std::function<void()> call) {
    return std::make_unique<LoopTimer>(io_, delay, std::move(call));
}

void AsioLoop::run_and_wait(std::function<void()> call) {
    if (is_current_thread()) return call();
    struct Waiting {
        Mutex lock;
        Condition changed;
        bool done = false;
    } waiting;
    {
        posted_lock_.lock();
        const bool inline_now = has_ended_;
        if (!inline_now) {
            posted_.push_back([&waiting, &call] {
                call();
                Lock done_lock(waiting.lock);
                waiting.done = true;
                waiting.changed.notify_one();
            });
        }
        const bool first = posted_.size() == 1;
        posted_lock_.unlock();
        if (inline_now) return call();
        if (first) asio::post(io_, [this] { run_posted(); });
    }
    Lock lock(waiting.lock);
    while (!waiting.done) waiting.changed.wait(waiting.lock);
}

void AsioLoop::run() {
    t_current = this;
    io_.run();
    t_current = nullptr;
}

void AsioLoop::run_posted() {
    {
        Lock lock(posted_lock_);
        running_.swap(posted_);
    }
    for (auto& call : running_) {
        call();
        call = nullptr;
    }
    running_.clear();
    // Many answers that were made in these calls leave in one write a connection.
    for (std::size_t i = 0; i < to_flush_.size(); ++i) {
        const auto stream = std::move(to_flush_[i]);
        stream->flush_now();
    }
    to_flush_.clear();
}

void AsioLoop::flush_behind(std::shared_ptr<Flushable> stream) {
    to_flush_.push_back(std::move(stream));
    // Not inside run_posted(): make it run.
    if (running_.empty()) post([] {});
}

void AsioLoop::end() {
    post([this] {
        sweeper_.reset();
        end_residents();
        io_.stop();
    });
}

void AsioLoop::end_residents() {
    while (!residents_.empty()) {
        const auto held = residents_.back()->hold();
        held->loop_ends();
        check(residents_.empty() || residents_.back() != held.get());
    }
}

void AsioLoop::ended() {
    // As the loop's own thread: what runs now may ask is_current_thread().
    t_current = this;
    run_posted();
    end_residents();
    {
        Lock lock(posted_lock_);
        has_ended_ = true;
    }
    run_posted();
    end_residents();
    io_.restart();
    io_.poll();  // the handlers of what was closed let go of it
    t_current = nullptr;
}

void AsioLoop::add(Resident& resident, std::int64_t idle_ms) {
    resident.index_ = residents_.size();
    residents_.push_back(&resident);
    const bool sooner = idle_ms > 0 && idle_ms / 4 < sweep_every_ms_;
    if (sooner) sweep_every_ms_ = std::max<std::int64_t>(idle_ms / 4, 5);
    if (!sweeper_ || sooner) sweep_later();
}

void AsioLoop::remove(Resident& resident) {
    const std::size_t i = resident.index_;
    check(i < residents_.size() && residents_[i] == &resident);
    residents_[i] = residents_.back();
    residents_[i]->index_ = i;
    residents_.pop_back();
}

void AsioLoop::sweep_later() {
    sweeper_ = after(std::chrono::milliseconds(sweep_every_ms_), [this] { sweep(); });
}

void AsioLoop::sweep() {
    const std::int64_t now_ms = monotonic_ms();
    std::vector<std::shared_ptr<Resident>> expired;
    for (Resident* resident : residents_)
        if (resident->sweep(now_ms)) expired.push_back(resident->hold());
    for (const auto& resident : expired) resident->expire();
    // An idle daemon without connections does not wake up at all.
    if (residents_.empty()) {
        sweeper_.reset();
        read_block_.clear();
        read_block_.shrink_if_above(0);
    } else {
        sweep_later();
    }
}

MutableBytes AsioLoop::read_block() {
    return read_block_.room(read_block_bytes).first(read_block_bytes);
}

}  // namespace mqd::net
