#include "store/queue/queue_writer.h"

#include <fmt/format.h>

#include "base/log.h"
#include "message/sys_flag.h"

namespace mqd::store {
namespace {

constexpr std::size_t window_units = 800;

void report_gap(const StoredQueue& queue, std::int64_t expected, std::int64_t found) {
    log::error("queue_gap", {{"topic", queue.topic()},
                             {"queue", queue.id()},
                             {"expected", expected},
                             {"found", found}});
}

}  // namespace

bool QueueWriter::gets_unit(const message::RecordView& record) {
    const auto transaction = record.transaction_type();
    return transaction != message::sys_flag::transaction_prepared &&
           transaction != message::sys_flag::transaction_rollback &&
           record.queue_offset.value >= 0 && record.queue_offset.value < offset_max;
}

void QueueWriter::add(const message::RecordView& record) {
    if (!gets_unit(record)) return;
    if (StoredQueue* queue = queue_of(record); queue != nullptr)
        add_to(*queue, record, record.queue_offset.value);
}

void QueueWriter::add_to(StoredQueue& queue, const message::RecordView& record,
                         std::int64_t offset) {
    const auto index = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({{record.at.value, static_cast<std::int32_t>(record.bytes.size()),
                         levels_.tags_code(record)},
                        none,
                        record.messages(),
                        offset,
                        record.store_ts_ms});
    if (queue.batch.number != batch_number_) {
        queue.batch = {batch_number_, index, index};
        touched_.push_back(&queue);
    } else {
        entries_[queue.batch.last].next = index;
        queue.batch.last = index;
    }
}

/// Looked up in a table of our own first: the other one has a lock.
StoredQueue* QueueWriter::queue_of(const message::RecordView& record) {
    const std::size_t slot = (std::hash<std::string_view>{}(record.topic) +
                              static_cast<std::size_t>(record.queue_id) * 0x9e3779b9U) %
                             cache_size;
    StoredQueue* queue = cache_[slot];
    if (queue == nullptr || queue->id() != record.queue_id || queue->deleted() ||
        queue->topic() != record.topic) {
        queue = queues_.for_record(record);
        if (queue == nullptr) return nullptr;
        cache_[slot] = queue;
    }
    return record.at.value < queue->ignore_before() ? nullptr : queue;
}

void QueueWriter::clear() {
    entries_.clear();
    if (entries_.capacity() > 2 * batch_units_max) entries_.shrink_to_fit();
    touched_.clear();
    ++batch_number_;
}

Result<> QueueWriter::flush(Mode mode, bool complain) {
    for (StoredQueue* queue : touched_) {
        if (queue->deleted()) continue;
        if (mode == Mode::milestone && queue->untouched() && !queue->is_batch()) {
            TRY(const bool done, write_unloaded(static_cast<ConsumeQueue&>(*queue)));
            if (done) continue;
        }
        if (mode != Mode::mend) {
            queue->load();
            if (!queue->opened()) {
                left_out_ = true;
                continue;
            }
        }
        if (queue->is_batch()) {
            auto& to = static_cast<BatchQueue&>(*queue);
            batch_run_.clear();
            TRY_OK(mode == Mode::follow ? follow(to) : recover(to, complain));
            TRY_OK(write_run(to));
        } else {
            auto& to = static_cast<ConsumeQueue&>(*queue);
            run_.clear();
            TRY_OK(mode == Mode::follow ? follow(to) : recover(to, complain));
            TRY_OK(write_run(to));
        }
    }
    return {};
}

// ---- a unit for each message

Result<> QueueWriter::write_run(ConsumeQueue& queue) {
    if (run_.empty()) return {};
    TRY_OK(queue.write_units(run_first_, run_, run_last_at_));
    run_.clear();
    return {};
}

/// False, with nothing written, when it needs to be loaded.
Result<bool> QueueWriter::write_unloaded(ConsumeQueue& queue) {
    const Entry& first = entries_[queue.batch.first];
    run_.clear();
    std::int64_t expected = first.offset;
    for (std::uint32_t i = queue.batch.first; i != none; i = entries_[i].next) {
        const Entry& entry = entries_[i];
        if (entry.offset != expected++) return false;
        run_.resize(run_.size() + Unit::bytes_each);
        entry.unit.store(run_.data() + run_.size() - Unit::bytes_each);
    }
    return queue.write_unloaded(first.offset, run_, first.unit.at);
}

Result<> QueueWriter::follow(ConsumeQueue& queue) {
    run_first_ = queue.written();
    std::int64_t expected = run_first_;
    for (std::uint32_t i = queue.batch.first; i != none; i = entries_[i].next) {
        const Entry& entry = entries_[i];
        if (entry.offset < expected) {
            TRY(const bool anew, begins_anew(queue, entry));
            if (!anew) continue;  // from before an error that had us repeat it
            run_first_ = expected = entry.offset;
        }
        if (entry.offset > expected) {
            report_gap(queue, expected, entry.offset);
            TRY_OK(write_run(queue));
            run_first_ = entry.offset;
        }
        run_.resize(run_.size() + Unit::bytes_each);
        entry.unit.store(run_.data() + run_.size() - Unit::bytes_each);
        run_last_at_ = entry.unit.at;
        expected = entry.offset + 1;
    }
    return {};
}

/// Another broker has deleted the topic and made it again, and we follow its log: what comes later
/// has the right to the number, as settle() has it.
Result<bool> QueueWriter::begins_anew(ConsumeQueue& queue, const Entry& entry) {
    TRY_OK(write_run(queue));
    if (entry.unit.at <= queue.last_at()) return false;
    TRY_OK(queue.begin_anew(entry.offset));
    queue.tell_changes();
    return true;
}

Result<> QueueWriter::recover(ConsumeQueue& queue, bool complain) {
    window_.clear();
    const Entry& first = entries_[queue.batch.first];
    if (complain && queue.has_files() && first.offset > queue.written() &&
        first.unit.at > queue.last_at())
        return Error{Errc::not_found,
                     fmt::format("queue {} of {} ends at {}, its next record is {}", queue.id(),
                                 queue.topic(), queue.written(), first.offset)};
    for (std::uint32_t i = queue.batch.first; i != none; i = entries_[i].next) {
        const Entry& entry = entries_[i];
        TRY(const bool append, settle(queue, entry));
        if (!append) continue;
        const std::int64_t expected =
            run_first_ + static_cast<std::int64_t>(run_.size()) / Unit::bytes_each;
        if (run_.empty() || expected != entry.offset) {
            TRY_OK(write_run(queue));
            run_first_ = entry.offset;
        }
        run_.resize(run_.size() + Unit::bytes_each);
        entry.unit.store(run_.data() + run_.size() - Unit::bytes_each);
        run_last_at_ = entry.unit.at;
    }
    return {};
}

/// True when the entry is to be appended; otherwise the queue holds it already, or holds what came
/// after the topic had been deleted and made again, or it has been put right here.
Result<bool> QueueWriter::settle(ConsumeQueue& queue, const Entry& entry) {
    const auto run_units = static_cast<std::int64_t>(run_.size()) / Unit::bytes_each;
    if (run_units > 0 && entry.offset == run_first_ + run_units) return true;
    TRY_OK(write_run(queue));
    if (entry.offset >= queue.written()) {
        if (entry.unit.at <= queue.last_at()) return false;
        if (!queue.has_files() || queue.last_at() < 0 ||
            can_follow(queue.written(), queue.last_at(), entry.offset, entry.unit.at))
            return true;
        log::error("record_number_damaged", {{"topic", queue.topic()},
                                             {"queue", queue.id()},
                                             {"at", entry.unit.at},
                                             {"expected", queue.written()},
                                             {"found", entry.offset}});
        return false;
    }

    const std::int64_t in_window = entry.offset - window_first_;
    if (in_window < 0 ||
        in_window * Unit::bytes_each >= static_cast<std::int64_t>(window_.size())) {
        window_.resize(window_units * Unit::bytes_each);
        auto got = queue.read_units(entry.offset, queue.written(), window_);
        if (!got && got.error().code != Errc::not_found) return std::move(got).error();
        window_first_ = entry.offset;
        window_.resize((got ? *got : 0) * Unit::bytes_each);
    }
    Unit there;
    if (!window_.empty())
        there = Unit::load(window_.data() + (entry.offset - window_first_) * Unit::bytes_each);
    if (there.at == entry.unit.at && there.bytes == entry.unit.bytes) return false;

    const bool other = queue.is_mine(there, entry.offset);
    if (other && there.at > entry.unit.at) return false;
    window_.clear();
    if (other) {  // the topic's next life began here
        TRY_OK(queue.truncate(entry.offset));
        return true;
    }
    std::array<std::byte, Unit::bytes_each> bytes;
    entry.unit.store(bytes.data());
    TRY_OK(queue.rewrite_units(entry.offset, bytes));
    return false;
}

// ---- a unit for each record

Result<> QueueWriter::write_run(BatchQueue& queue) {
    TRY_OK(queue.append(batch_run_));
    batch_run_.clear();
    return {};
}

Result<> QueueWriter::follow(BatchQueue& queue) {
    std::int64_t expected = queue.written();
    for (std::uint32_t i = queue.batch.first; i != none; i = entries_[i].next) {
        const Entry& entry = entries_[i];
        if (entry.unit.at <= queue.last_at()) continue;  // as above
        if (entry.offset < expected) {                   // as begins_anew()
            TRY_OK(write_run(queue));
            TRY_OK(queue.begin_anew(entry.offset));
            queue.tell_changes();
            expected = entry.offset;
        }
        // Units say their offsets: a gap needs no filling.
        if (entry.offset != expected) report_gap(queue, expected, entry.offset);
        batch_run_.push_back(entry.batch_unit());
        expected = entry.offset + entry.messages;
    }
    return {};
}

/// The units of the replayed records are not compared but written anew: there are few.
Result<> QueueWriter::recover(BatchQueue& queue, bool complain) {
    const Entry& first = entries_[queue.batch.first];
    TRY_OK(queue.truncate_from_record(first.unit.at));
    if (complain && queue.has_files() && first.offset > queue.written())
        return Error{Errc::not_found,
                     fmt::format("queue {} of {} ends at {}, its next record is {}", queue.id(),
                                 queue.topic(), queue.written(), first.offset)};
    for (std::uint32_t i = queue.batch.first; i != none; i = entries_[i].next) {
        const Entry& entry = entries_[i];
        if (!batch_run_.empty() &&
            entry.offset < batch_run_.back().offset + batch_run_.back().count)
            TRY_OK(write_run(queue));
        // The topic had been deleted and was made again.
        if (batch_run_.empty()) TRY_OK(queue.truncate_to_offset(entry.offset));
        batch_run_.push_back(entry.batch_unit());
    }
    return {};
}

}  // namespace mqd::store
