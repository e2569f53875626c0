#include "broker/durability.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

#include "base/clock.h"

namespace mqd::broker {

Durability::Wanted Durability::promised(const Settings& settings) {
    return {settings.flush_sync, settings.waits_for_replicas(), settings.sync_flush_timeout_ms,
            settings.slave_timeout_ms};
}

void Durability::when(PhysicalOffset end, const Wanted& wanted, Done done) {
    if (wanted.is_memory()) return done(Outcome::reached);
    if (!wanted.replicas) return when_on_disk(end, wanted.disk_ms, std::move(done));
    // The disk works on it meanwhile, whoever waits.
    when_replicated(end, wanted.replicas_ms,
                    [this, end, wanted, done = std::move(done)](bool reached) {
                        if (!reached) return done(Outcome::replicas_late);
                        if (!wanted.disk) return done(Outcome::reached);
                        when_on_disk(end, wanted.disk_ms, done);
                    });
}

void Durability::when_on_disk(PhysicalOffset end, std::int64_t ms, Done done) {
    store_.when_synced(end, ms, [done = std::move(done)](bool synced) {
        done(synced ? Outcome::reached : Outcome::disk_late);
    });
}

void Durability::when_replicated(PhysicalOffset end, std::int64_t ms,
                                 std::function<void(bool)> done) {
    bool reached = false;
    {
        const Lock lock(mutex_);
        reached = end <= replicated_;
        if (!reached && !stopping_) {
            waiters_.push_back({end, monotonic_ms() + ms, std::move(done)});
            if (!thread_.joinable())
                thread_ = std::thread([this] {
                    pthread_setname_np(pthread_self(), "mqd-replicas");
                    run();
                });
            changed_.notify_one();
            return;
        }
    }
    done(reached);
}

void Durability::replicated(PhysicalOffset to) {
    {
        const Lock lock(mutex_);
        if (to <= replicated_) return;
        replicated_ = to;
    }
    release(monotonic_ms());
}

void Durability::run() {
    for (;;) {
        {
            const Lock lock(mutex_);
            if (stopping_) return;
            std::int64_t due_ms = std::numeric_limits<std::int64_t>::max();
            for (const Waiter& waiter : waiters_) due_ms = std::min(due_ms, waiter.deadline_ms);
            const std::int64_t wait_ms = due_ms - monotonic_ms();
            if (waiters_.empty())
                changed_.wait(mutex_);
            else if (wait_ms > 0)
                changed_.wait_for(mutex_, std::chrono::milliseconds(wait_ms));
        }
        release(monotonic_ms());
    }
}

/// Those whose end has been reached, or whose time is over.
void Durability::release(std::int64_t now_ms) {
    std::vector<Waiter> ready;
    PhysicalOffset reached;
    {
        const Lock lock(mutex_);
        reached = replicated_;
        const auto first =
            std::partition(waiters_.begin(), waiters_.end(), [&](const Waiter& waiter) {
                return reached < waiter.end && waiter.deadline_ms > now_ms;
            });
        ready.assign(std::make_move_iterator(first), std::make_move_iterator(waiters_.end()));
        waiters_.erase(first, waiters_.end());
    }
    for (const Waiter& waiter : ready) waiter.done(waiter.end <= reached);
}

void Durability::stop() {
    std::thread thread;
    {
        const Lock lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
        changed_.notify_one();
    }
    if (thread.joinable()) thread.join();
    release(std::numeric_limits<std::int64_t>::max());
}

}  // namespace mqd::broker
