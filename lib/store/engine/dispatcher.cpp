#include "store/engine/dispatcher.h"

#include "base/check.h"
#include "base/log.h"
#include "base/named_thread.h"

namespace mqd::store {
namespace {

constexpr std::int64_t retry_ms = 100;
constexpr std::int64_t small_round_bytes = 64 << 10;  // of the log

}  // namespace

Dispatcher::Dispatcher(CommitLog& log, QueueWriter& writer, Lateness& lateness,
                       CommitLog::Mark from, std::function<void(const Milestone&)> progressed)
    : log_(log),
      writer_(writer),
      walker_(log, from.end),
      progressed_(std::move(progressed)),
      dispatched_(from.end),
      dispatched_ts_ms_(from.store_ts_ms),
      newest_ts_ms_(from.store_ts_ms),
      waiters_(lateness, [this] { return dispatched_.load(); }) {
    thread_ = named_thread("mqd-dispatch", [this] { run(); });
}

void Dispatcher::run() {
    for (;;) {
        if (stopping_ && !finish_) return;
        switch (round()) {
            case Round::moved:
                break;
            case Round::idle:
                if (stopping_) return;
                bell_.wait();
                break;
            case Round::failing:
                if (stopping_) return;
                bell_.wait(retry_ms);
                break;
        }
    }
}

Dispatcher::Round Dispatcher::round() {
    const Round done = round_alone();
    if (done == Round::moved) waiters_.reached();
    return done;
}

Dispatcher::Round Dispatcher::round_alone() {
    const Lock lock(round_);
    if (!collected_) {
        const std::int64_t to = log_.shown();
        if (is_done_to(to)) return Round::idle;
        collect(to);
    }
    {
        const Lock writing(writing_);
        if (!write()) return Round::failing;
    }
    finish();
    return Round::moved;
}

void Dispatcher::ring_awaited() {
    // Awake, it is about to look by itself, and takes more in one go.
    if (!bell_.is_waited_for() || !small_round()) bell_.ring();
}

/// False: left, or not quite done.
bool Dispatcher::small_round() {
    if (!round_.try_lock()) return false;
    bool done = false, written = false;
    if (!collected_ && !stopping_ && writing_.try_lock()) {
        const std::int64_t to = log_.shown();
        const bool small = to - walker_.at() <= small_round_bytes;
        if (small && !is_done_to(to)) collect(to);
        written = collected_ && write();
        writing_.unlock();
        if (written) finish();
        done = small && !collected_ && is_done_to(to);
    }
    round_.unlock();
    if (written) waiters_.reached();
    return done;
}

void Dispatcher::collect(std::int64_t to) {
    collected_ = true;
    const std::int64_t start = walker_.at();
    while (!writer_.is_full(walker_.at() - start)) {
        const auto step = walker_.next(to, LogWalker::Check::lengths);
        if (step == LogWalker::Step::end) return;
        if (step == LogWalker::Step::bad) {
            if (is_cut_at(to)) {
                short_of_ = to;
                return;
            }
            // Written a moment ago, and not what it was: what lies after goes on.
            const std::int64_t on = next_sound(log_, walker_.at(), to);
            log::error("log_not_readable", {{"at", walker_.at()}, {"bytes", on - walker_.at()}});
            walker_.seek(on);
            continue;
        }
        writer_.add(walker_.record());
        newest_ts_ms_ = walker_.record().store_ts_ms;
        newest_at_ = walker_.record().at.value;
    }
}

/// The limit lies within what comes next, which waits for a higher one.
bool Dispatcher::is_cut_at(std::int64_t to) const {
    const std::int64_t end = log_.end();
    LogWalker whole(log_, walker_.at());
    return to < end && whole.next(end, LogWalker::Check::lengths) != LogWalker::Step::bad;
}

bool Dispatcher::write() {
    if (const auto ok = writer_.flush(QueueWriter::Mode::follow); !ok) {
        if (!failing_.exchange(true)) log::error("queues_not_written", {{"why", ok.error().what}});
        return false;
    }
    failing_ = false;
    for (StoredQueue* queue : writer_.touched()) queue->publish();
    return true;
}

void Dispatcher::finish() {
    {
        const Lock lock(dirty_lock_);
        for (StoredQueue* queue : writer_.touched())
            if (queue->mark_dirty()) dirty_.push_back(queue);
    }
    check(walker_.at() >= dispatched_ && walker_.at() <= log_.end());
    // After the lock: who sees the time takes the queues that it speaks of.
    dispatched_ts_ms_ = newest_ts_ms_;
    dispatched_ = walker_.at();  // against Waiters::add(), sequentially consistent both
    announce();
    progressed_({walker_.at(), newest_at_, newest_ts_ms_});
    writer_.clear();
    collected_ = false;
}

void Dispatcher::announce() {
    // publish() and watched() against watch() and max(), all four sequentially consistent: one of
    // the two sides sees the other.
    for (StoredQueue* queue : writer_.touched())
        if (queue->watched() && !queue->deleted()) add_arrivals(*queue, arrivals_, pins_);
    if (!arrivals_.empty() && listener_) listener_(arrivals_);
    arrivals_.clear();
    pins_.clear();
}

void Dispatcher::add_arrivals(StoredQueue& queue, std::vector<Arrival>& out, Pins& pins) {
    writer_.for_each(queue, [&](std::int64_t offset, const Unit& unit) {
        auto file = log_.file_at(unit.at);
        if (!file) return;
        auto record = message::RecordView::parse(
            file->bytes.subspan(static_cast<std::size_t>(unit.at - file->base)));
        if (!record) return;
        out.push_back({&queue, {offset}, unit.tags_code, record->store_ts_ms, *record});
        if (pins.empty() || pins.back() != file) pins.push_back(std::move(file));
    });
}

std::vector<StoredQueue*> Dispatcher::take_dirty() {
    const Lock lock(dirty_lock_);
    return std::exchange(dirty_, {});
}

void Dispatcher::stop(bool finish) {
    if (!thread_.joinable()) return;
    finish_ = finish;
    stopping_ = true;
    bell_.ring();
    thread_.join();
    waiters_.close();
}

}  // namespace mqd::store
