#include "store/flusher.h"

#include <algorithm>

#include "base/clock.h"
#include "store/named_thread.h"

namespace mqd::store {

Flusher::Flusher(CommitLog& log, Timing timing, std::function<void()> progressed)
    : log_(log), timing_(timing), progressed_(std::move(progressed)) {
    last_sync_ms_ = monotonic_ms();
    thread_ = named_thread("mqd-flush", [this] { run(); });
    late_thread_ = named_thread("mqd-late", [this] { run_late(); });
}

void Flusher::run() {
    while (!stopping_) {
        if (due()) {
            const auto mark = log_.sync();
            last_sync_ms_ = monotonic_ms();
            release(false);  // first those who wait: the rest takes processors away from them
            if (mark) {
                synced_ts_ms_ = mark->store_ts_ms;
                progressed_();
            }
        } else {
            release(false);
        }
        rest();
    }
}

bool Flusher::due() const {
    const std::int64_t dirty = log_.end() - log_.synced();
    if (dirty == 0 || log_.failed()) return false;
    if (timing_.at_once) return true;
    {
        const Lock lock(lock_);
        if (!waiters_.empty()) return true;
    }
    const std::int64_t since_ms = monotonic_ms() - last_sync_ms_;
    return since_ms >= timing_.thorough_ms ||
           (since_ms >= timing_.interval_ms && dirty >= least_bytes);
}

void Flusher::rest() {
    const bool dirty = log_.end() > log_.synced() && !log_.failed();
    if (dirty && timing_.at_once) return;
    if (dirty) return bell_.wait(timing_.interval_ms);
    idle_.exchange(true);
    if (log_.end() == log_.synced() || log_.failed()) bell_.wait();
    idle_ = false;
}

void Flusher::appended() {
    // Either this one finds the flusher idle, or the flusher's exchange finds this one's and with
    // it the new end().
    if (idle_.exchange(false)) bell_.ring();
}

void Flusher::when_synced(std::int64_t at, std::int64_t timeout_ms,
                          std::function<void(bool)> done) {
    if (log_.synced() >= at) return done(true);
    std::function<void(bool)> refused;  // it is too late for this one
    const bool failed = log_.failed();
    const std::int64_t deadline_ms = monotonic_ms() + timeout_ms;
    bool is_first = false;
    {
        const Lock lock(lock_);
        if (failed || closed_) {
            refused = std::move(done);
        } else {
            waiters_.push_back({at, deadline_ms, std::move(done)});
            is_first = deadline_ms < expires_at_ms_;
        }
    }
    if (refused) return refused(false);
    bell_.ring();
    if (is_first) late_bell_.ring();
}

void Flusher::run_late() {
    while (!stopping_) {
        release(false);
        late_bell_.wait(plan_expiry());
    }
}

/// The milliseconds until somebody's time is over; -1: nobody waits.
std::int64_t Flusher::plan_expiry() {
    const Lock lock(lock_);
    expires_at_ms_ = INT64_MAX;
    for (const Waiter& waiter : waiters_)
        expires_at_ms_ = std::min(expires_at_ms_, waiter.deadline_ms);
    if (waiters_.empty()) return -1;
    return std::max<std::int64_t>(expires_at_ms_ - monotonic_ms(), 0);
}

void Flusher::release(bool nothing_more) {
    const std::int64_t synced = log_.synced();
    const std::int64_t now_ms = monotonic_ms();
    const bool over = nothing_more || log_.failed();
    std::vector<Waiter> ready;
    {
        const Lock lock(lock_);
        closed_ = closed_ || nothing_more;
        const auto waits = [&](const Waiter& w) {
            return !over && w.at > synced && w.deadline_ms > now_ms;
        };
        const auto first = std::partition(waiters_.begin(), waiters_.end(), waits);
        ready.assign(std::make_move_iterator(first), std::make_move_iterator(waiters_.end()));
        waiters_.erase(first, waiters_.end());
    }
    for (const Waiter& waiter : ready) waiter.done(waiter.at <= synced);
}

void Flusher::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    bell_.ring();
    late_bell_.ring();
    thread_.join();
    late_thread_.join();
    release(true);
}

}  // namespace mqd::store
