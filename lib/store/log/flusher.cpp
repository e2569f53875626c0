#include "store/log/flusher.h"

#include "base/clock.h"
#include "base/named_thread.h"

namespace mqd::store {

Flusher::Flusher(CommitLog& log, Lateness& lateness, Timing timing,
                 std::function<void()> progressed)
    : log_(log),
      timing_(timing),
      progressed_(std::move(progressed)),
      waiters_(lateness, [&log] { return log.synced(); }) {
    last_sync_ms_ = monotonic_ms();
    thread_ = named_thread("mqd-flush", [this] { run(); });
}

void Flusher::run() {
    while (!stopping_) {
        if (due()) {
            const auto mark = log_.sync();
            last_sync_ms_ = monotonic_ms();
            // First those who wait: the rest takes processors away from them.
            tell_waiters();
            if (mark) {
                synced_ts_ms_ = mark->store_ts_ms;
                progressed_();
            }
        } else {
            tell_waiters();
        }
        rest();
    }
}

bool Flusher::due() const {
    const std::int64_t dirty = log_.end() - log_.synced();
    if (dirty == 0 || log_.failed()) return false;
    if (timing_.at_once) return true;
    if (!waiters_.empty()) return true;
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
    if (log_.failed()) return done(log_.synced() >= at);
    waiters_.add(at, timeout_ms, std::move(done));
    if (!waiters_.empty()) bell_.ring();
}

void Flusher::tell_waiters() {
    if (log_.failed())
        waiters_.give_up();
    else
        waiters_.reached();
}

void Flusher::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    bell_.ring();
    thread_.join();
    waiters_.close();
}

}  // namespace mqd::store
