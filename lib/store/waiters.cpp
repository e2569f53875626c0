#include "store/waiters.h"

#include <algorithm>

#include "base/clock.h"
#include "base/named_thread.h"

namespace mqd::store {

void Waiters::add(std::int64_t at, std::int64_t timeout_ms, Done done) {
    if (mark_() >= at) return done(true);
    const std::int64_t now_ms = monotonic_ms();
    const std::int64_t deadline_ms = now_ms + std::min(timeout_ms, INT64_MAX - now_ms);
    Done refused;  // called without the lock
    bool is_first = false;
    {
        const Lock lock(lock_);
        if (closed_) {
            refused = std::move(done);
        } else {
            waiters_.push_back({at, deadline_ms, std::move(done)});
            count_ = waiters_.size();
            is_first = deadline_ms < expires_at_ms_;
            if (is_first) expires_at_ms_ = deadline_ms;
        }
    }
    if (refused) return refused(false);
    if (is_first) lateness_.bell_.ring();
    // Who moved the mark in between may have seen nobody.
    if (mark_() >= at) reached();
}

void Waiters::release(bool over) {
    const std::int64_t mark = mark_();
    const std::int64_t now_ms = monotonic_ms();
    std::vector<Waiter> ready;
    {
        const Lock lock(lock_);
        // In the order in which they came, which is nearly that of the log.
        std::size_t kept = 0;
        for (Waiter& waiter : waiters_) {
            if (over || waiter.at <= mark || waiter.deadline_ms <= now_ms)
                ready.push_back(std::move(waiter));
            else if (Waiter& to = waiters_[kept++]; &to != &waiter)
                to = std::move(waiter);
        }
        waiters_.resize(kept);
        count_ = kept;
    }
    for (const Waiter& waiter : ready) waiter.done(waiter.at <= mark);
}

void Waiters::close() {
    {
        const Lock lock(lock_);
        closed_ = true;
    }
    give_up();
}

/// Ends those that are late, and gives the time of the next one.
std::int64_t Waiters::expire() {
    reached();
    const Lock lock(lock_);
    expires_at_ms_ = INT64_MAX;
    for (const Waiter& waiter : waiters_)
        expires_at_ms_ = std::min(expires_at_ms_, waiter.deadline_ms);
    return expires_at_ms_;
}

void Lateness::start(std::vector<Waiters*> all) {
    all_ = std::move(all);
    thread_ = named_thread("mqd-late", [this] { run(); });
}

void Lateness::run() {
    while (!stopping_) {
        std::int64_t next_ms = INT64_MAX;
        for (Waiters* waiters : all_) next_ms = std::min(next_ms, waiters->expire());
        const bool nobody = next_ms == INT64_MAX;
        bell_.wait(nobody ? -1 : std::max<std::int64_t>(next_ms - monotonic_ms(), 0));
    }
}

void Lateness::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    bell_.ring();
    thread_.join();
}

}  // namespace mqd::store
