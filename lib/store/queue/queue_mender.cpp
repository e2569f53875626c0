#include "store/queue/queue_mender.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "message/properties.h"
#include "store/log/log_walker.h"
#include "base/named_thread.h"
#include "store/queue/queue_table.h"
#include "store/queue/queue_writer.h"

namespace mqd::store {
namespace {

constexpr std::int64_t release_bytes = 64 << 20;
constexpr std::int64_t long_walk_bytes = 1LL << 30;  // told before it is begun
constexpr std::int64_t soon_ms = 1000;

}  // namespace

void QueueMender::count_first(const TopicNames& topics) {
    topics_ = &topics;
    count_to_ = log_.shown();
    {
        const Lock lock(lock_);
        began_ms_ = monotonic_ms();
    }
    counting_.store(true, std::memory_order_release);
}

void QueueMender::serve(QueueTable& queues) {
    queues_ = &queues;
    serving_.store(true, std::memory_order_release);
}

// ---- looking at all of them

void QueueMender::check_all(std::function<void(const std::function<bool()>&)> first,
                            std::int64_t wait_ms, std::function<void()> done) {
    checker_ = named_thread("mqd-check",
                            [this, first = std::move(first), wait_ms, done = std::move(done)] {
                                let_others_first();
                                first([this] { return stopping_.load(); });
                                if (is_stopped_within(wait_ms)) return;
                                for (StoredQueue* queue : queues_->all()) {
                                    if (stopping_) return;
                                    if (!queue->deleted()) queue->look_at();
                                }
                                mend_waiting();
                                if (!stopping_) done();
                            });
}

bool QueueMender::is_stopped_within(std::int64_t ms) {
    const auto until_ms = monotonic_ms() + ms;
    const Lock lock(lock_);
    for (auto left_ms = ms; !stopping_ && left_ms > 0; left_ms = until_ms - monotonic_ms())
        mended_.wait_for(lock_, std::chrono::milliseconds(left_ms));
    return stopping_;
}

void QueueMender::counted() {
    counting_.store(false, std::memory_order_release);
    {
        const Lock lock(lock_);
        for (auto& misfit : std::exchange(uncounted_, {})) waiting_.push_back(std::move(misfit));
    }
    mend_waiting();
}

void QueueMender::stop() {
    std::thread walker;
    {
        const Lock lock(lock_);
        stopping_ = true;
        walker = std::move(walker_);
        mended_.notify_all();
    }
    if (walker.joinable()) walker.join();
    if (checker_.joinable()) checker_.join();
}

// ---- who waits

void QueueMender::add(StoredQueue& queue, std::string why) {
    const Lock lock(lock_);
    const bool later = counting(queue.ignore_before()) && queue.ends_with_file();
    (later ? uncounted_ : waiting_).push_back({&queue, std::move(why)});
}

void QueueMender::wait_for(const StoredQueue& queue, bool soon) {
    mend_waiting();
    const Lock lock(lock_);
    while (queue.needs_mending() && !stopping_) {
        const std::int64_t left_ms = began_ms_ + soon_ms - monotonic_ms();
        if (!soon)
            mended_.wait(lock_);
        else if (left_ms > 0)
            mended_.wait_for(lock_, std::chrono::milliseconds(left_ms));
        else
            return;
    }
}

/// By a thread of its own: who waits may not be one that can be kept for long.
void QueueMender::mend_waiting() {
    const Lock lock(lock_);
    if (walking_ || waiting_.empty() || stopping_) return;
    if (walker_.joinable()) walker_.join();  // it has nothing left to do
    walking_ = true;
    began_ms_ = monotonic_ms();
    walker_ = named_thread("mqd-mend", [this] { walk_for_all(); });
}

// ---- mending

void QueueMender::walk_for_all() {
    for (;;) {
        std::vector<Misfit> misfits;
        {
            const Lock lock(lock_);
            mended_.notify_all();
            if (waiting_.empty() || stopping_) {
                walking_ = false;
                return;
            }
            misfits = std::exchange(waiting_, {});
        }
        mend(misfits);
    }
}

void QueueMender::mend(const std::vector<Misfit>& misfits) {
    std::vector<Patient> patients;
    for (const auto& [queue, why] : misfits) {
        if (stopping_) return;
        auto plan = plan_for(*queue, why);
        if (!plan)
            queue->mended(std::move(plan).error());
        else if (*plan)
            patients.push_back({queue, std::move(**plan)});
        else
            queue->mended(Result<>{});
    }
    if (patients.empty()) return;
    const auto walked = replay(patients);
    if (!walked && stopping_) return;  // the next start does it
    for (Patient& patient : patients) finish(patient, walked);
}

/// Nothing for a queue that only waited for the count and fits what that says.
Result<std::optional<MendPlan>> QueueMender::plan_for(StoredQueue& queue, const std::string& why) {
    if (queue.deleted()) return std::optional<MendPlan>();
    TRY(const auto now, queue.misfit());
    if (now.empty() && why == not_counted) return std::optional<MendPlan>();
    TRY(auto plan, queue.begin_mend());
    plan.why = why == not_counted ? now : why;
    return std::optional<MendPlan>(std::move(plan));
}

Result<> QueueMender::replay(const std::vector<Patient>& patients) {
    ByTopic wanted;
    bool dispatched = false;
    std::int64_t from = std::numeric_limits<std::int64_t>::max();
    std::int64_t to = 0;
    for (const Patient& patient : patients) {
        wanted[patient.queue->topic()][patient.queue->id()] = patient.queue;
        dispatched = dispatched || patient.queue->topic().starts_with("%LMQ%");
        from = std::min(from, patient.plan.log_from);
        to = std::max(to, patient.plan.log_to);
    }
    if (from >= to) return {};
    if (to - from > long_walk_bytes)
        log::warn("queues_being_rebuilt",
                  {{"queues", patients.size()}, {"log_from", from}, {"log_to", to}});
    QueueWriter writer(*queues_, levels_);
    return walk(wanted, dispatched, from, to, writer);
}

Result<> QueueMender::walk(const ByTopic& wanted, bool dispatched, std::int64_t from,
                           std::int64_t to, QueueWriter& writer) {
    LogWalker walker(log_, from);
    std::int64_t flushed = from;
    std::int64_t released = from;
    while (walker.at() < to) {
        if (stopping_) return Error{Errc::unavailable, "the store stops"};
        if (walker.next(to, LogWalker::Check::lengths) != LogWalker::Step::record) {
            walker.seek(next_sound(log_, walker.at(), to));
            continue;
        }
        const auto& record = walker.record();
        if (QueueWriter::gets_unit(record)) {
            if (const auto topic = wanted.find(record.topic); topic != wanted.end()) {
                const auto queue = topic->second.find(record.queue_id);
                if (queue != topic->second.end() &&
                    record.at.value >= queue->second->ignore_before())
                    writer.add_to(*queue->second, record, record.queue_offset.value);
            }
            if (dispatched) add_dispatched(wanted, record, writer);
        }
        if (walker.at() - released > release_bytes) released = log_.release(released, walker.at());
        if (!writer.is_full(walker.at() - flushed)) continue;
        TRY_OK(writer.flush(QueueWriter::Mode::mend));
        writer.clear();
        flushed = walker.at();
    }
    return writer.flush(QueueWriter::Mode::mend);
}

/// mqd-store(5), UNITS: a record that has units in other queues too.
void QueueMender::add_dispatched(const ByTopic& wanted, const message::RecordView& record,
                                 QueueWriter& writer) {
    const auto queues = message::find_property(record.properties, "INNER_MULTI_DISPATCH");
    const auto numbers = message::find_property(record.properties, "INNER_MULTI_QUEUE_OFFSET");
    if (!queues || !numbers) return;
    const auto names = split(*queues, ',');
    const auto offsets = split(*numbers, ',');
    for (std::size_t i = 0; i < std::min(names.size(), offsets.size()); ++i) {
        const auto topic = wanted.find(names[i]);
        const auto offset = parse_int<std::int64_t>(offsets[i]);
        if (topic == wanted.end() || !offset || *offset < 0) continue;
        if (const auto queue = topic->second.find(0); queue != topic->second.end())
            writer.add_to(*queue->second, record, *offset);
    }
}

void QueueMender::finish(Patient& patient, const Result<>& walked) {
    StoredQueue& queue = *patient.queue;
    const MendPlan& plan = patient.plan;
    const auto outcome = walked ? queue.end_mend(plan) : Result<>(walked.error());
    if (outcome) {
        const auto [min, max] = queue.last_range();
        log::warn("queue_rebuilt", {{"topic", queue.topic()},
                                    {"queue", queue.id()},
                                    {"from", min.value},
                                    {"to", max.value},
                                    {"log_from", plan.log_from},
                                    {"log_to", plan.log_to},
                                    {"why", plan.why}});
        changes_.tell({QueueChange::Why::rebuilt,
                       queue.topic(),
                       queue.id(),
                       {plan.old_min},
                       {plan.old_max},
                       min,
                       max});
    }
    queue.mended(outcome);
}

}  // namespace mqd::store
