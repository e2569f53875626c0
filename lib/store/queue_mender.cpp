#include "store/queue_mender.h"

#include <algorithm>
#include <limits>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "message/properties.h"
#include "store/log_walker.h"
#include "store/named_thread.h"
#include "store/queue_table.h"
#include "store/queue_writer.h"

namespace mqd::store {
namespace {

constexpr std::int64_t release_bytes = 64 << 20;
constexpr std::int64_t long_walk_bytes = 1LL << 30;  // told before it is begun

}  // namespace

// ---- looking at all of them

void QueueMender::check_all(std::function<void(const std::function<bool()>&)> first,
                            std::function<void()> done) {
    thread_ = named_thread("mqd-check", [this, first = std::move(first), done = std::move(done)] {
        let_others_first();
        first([this] { return stopping_.load(); });
        for (StoredQueue* queue : queues_->all()) {
            if (stopping_) return;
            if (!queue->deleted()) queue->look_at();
        }
        std::vector<QueueChange> told;
        {
            const Lock mending(mending_);
            mend_waiting();
            told = std::exchange(told_, {});
        }
        for (auto& change : told) changes_.tell(std::move(change));
        if (!stopping_) done();
    });
}

void QueueMender::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
}

// ---- mending

void QueueMender::add(StoredQueue& queue) {
    const Lock lock(lock_);
    waiting_.push_back(&queue);
}

void QueueMender::mend(StoredQueue& queue) {
    std::vector<QueueChange> told;
    {
        const Lock mending(mending_);
        if (queue.needs_mending()) mend_waiting();
        told = std::exchange(told_, {});
    }
    for (auto& change : told) changes_.tell(std::move(change));
}

void QueueMender::mend_waiting() {
    std::vector<StoredQueue*> waiting;
    {
        const Lock lock(lock_);
        waiting = std::exchange(waiting_, {});
    }
    std::vector<Patient> patients;
    for (StoredQueue* queue : waiting) {
        if (queue->deleted()) {
            queue->mended(Result<>{});
            continue;
        }
        auto plan = queue->begin_mend();
        if (plan)
            patients.push_back({queue, std::move(*plan)});
        else
            queue->mended(std::move(plan).error());
    }
    if (patients.empty()) return;
    const auto walked = replay(patients);
    for (Patient& patient : patients) finish(patient, walked);
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
        if (walker.next(to, LogWalker::Check::lengths) != LogWalker::Step::record) {
            const auto behind = find_sound_record(log_, walker.at(), to, LogWalker::Check::crc);
            if (!behind) break;
            walker.seek(behind->item_at);
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

/// Spec 3.6: a record that has units in other queues too.
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
    auto outcome = walked ? queue.end_mend(plan) : Result<>(walked.error());
    queue.mended(outcome);
    if (!outcome) return;
    log::warn("queue_rebuilt", {{"topic", queue.topic()},
                                {"queue", queue.id()},
                                {"from", queue.min().value},
                                {"to", queue.max().value},
                                {"log_from", plan.log_from},
                                {"log_to", plan.log_to},
                                {"why", plan.why}});
    told_.push_back({QueueChange::Why::rebuilt,
                     queue.topic(),
                     queue.id(),
                     {plan.old_min},
                     {plan.old_max},
                     queue.min(),
                     queue.max()});
}

}  // namespace mqd::store
