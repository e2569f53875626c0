#include "store/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "message/properties.h"

namespace mqd::store {
namespace {

constexpr std::int64_t chunk_units = 800;

/// The bytes of a unit's record in the file at hand; empty when no such record is there.
class RecordFinder {
public:
    explicit RecordFinder(const CommitLog& log) : log_(log), end_(log.end()) {}

    Bytes find(const Unit& unit) {
        if (unit.bytes < static_cast<std::int32_t>(message::record_bytes_min)) return {};
        if (!file_ || unit.at < file_->base || unit.at >= file_->limit()) {
            file_ = log_.file_at(unit.at);
            if (!file_) return {};
        }
        if (unit.end() > std::min(end_, file_->limit())) return {};
        const auto bytes = file_->bytes.subspan(static_cast<std::size_t>(unit.at - file_->base),
                                                static_cast<std::size_t>(unit.bytes));
        const auto head = message::RecordHead::read(bytes.data());
        const bool whole = head.is_record() && head.total_bytes == unit.bytes &&
                           load_be<std::int64_t>(bytes.data() + 28) == unit.at;
        return whole ? bytes : Bytes{};
    }
    const std::shared_ptr<const LogFile>& file() const { return file_; }

private:
    const CommitLog& log_;
    const std::int64_t end_;
    std::shared_ptr<const LogFile> file_;
};

/// One read_queue() call.
class Reading {
public:
    Reading(const CommitLog& log, const StoredQueue& queue, const ReadLimits& limits,
            const ReadFilter* filter, ReadResult& result)
        : queue_(queue), limits_(limits), filter_(filter), result_(result), finder_(log) {}

    void run(QueueOffset from) {
        result_.next = from;
        const std::int64_t scan_max =
            std::max<std::int64_t>(limits_.units_scanned, limits_.messages);
        std::array<QueuedUnit, chunk_units> chunk;
        std::int64_t scanned = 0;
        while (scanned < scan_max && result_.next < result_.max) {
            const std::int64_t wanted =
                std::min({chunk_units, scan_max - scanned,
                          filter_ != nullptr
                              ? chunk_units
                              : static_cast<std::int64_t>(limits_.messages) - result_.messages});
            const auto got = queue_.read(result_.next.value, result_.max.value,
                                         std::span(chunk).first(static_cast<std::size_t>(wanted)));
            if (!got || *got == 0) break;
            for (std::size_t i = 0; i < *got; ++i) {
                if (!take(chunk[i])) return;
                result_.next.value = chunk[i].next();
            }
            scanned += static_cast<std::int64_t>(*got);
            if (result_.messages >= limits_.messages) break;
        }
    }

    ReadStatus status() const {
        if (result_.messages > 0) return ReadStatus::found;
        if (filtered_) return ReadStatus::no_matched_message;
        return removed_ ? ReadStatus::message_was_removing : ReadStatus::offset_found_null;
    }

private:
    /// False when the unit is to be left for the next read.
    bool take(const QueuedUnit& queued) {
        const Unit& unit = queued.unit;
        if (result_.messages >= limits_.messages) return false;
        if (result_.messages > 0 && result_.messages + queued.count > limits_.messages)
            return false;
        // An address says nothing, and no tag little where the record may be a batch.
        const bool code_known =
            unit.tags_code > Unit::extension_max && (unit.tags_code != 0 || !queue_.is_batch());
        if (filter_ != nullptr && code_known && !filter_->code_matches(unit.tags_code)) {
            filtered_ = true;
            return true;
        }
        if (result_.messages > 0 && result_.bytes + unit.bytes > limits_.bytes) return false;
        const Bytes record = finder_.find(unit);
        if (record.empty()) {
            removed_ = true;
            return true;
        }
        if (filter_ != nullptr && !passes(record, code_known)) {
            filtered_ = true;
            return true;
        }
        add(record, queued.count);
        return true;
    }

    bool passes(Bytes bytes, bool code_known) const {
        if (code_known && !filter_->needs_record()) return true;
        const auto record = message::RecordView::parse(bytes);
        if (!record) return false;
        return code_known ? filter_->record_matches(*record)
                          : filter_->matches(*record, message::tags_code(record->properties));
    }

    void add(Bytes record, std::int32_t messages) {
        auto& slices = result_.slices;
        if (!slices.empty() &&
            slices.back().bytes.data() + slices.back().bytes.size() == record.data())
            slices.back().bytes = {slices.back().bytes.data(),
                                   slices.back().bytes.size() + record.size()};
        else
            slices.push_back({record, finder_.file()});
        result_.messages += messages;
        result_.bytes += static_cast<std::int64_t>(record.size());
    }

    const StoredQueue& queue_;
    const ReadLimits& limits_;
    const ReadFilter* filter_;
    ReadResult& result_;
    RecordFinder finder_;
    bool filtered_ = false;
    bool removed_ = false;
};

std::optional<std::int64_t> time_of(RecordFinder& finder, const StoredQueue& queue,
                                    std::int64_t offset) {
    QueuedUnit there;
    const auto got = queue.read(offset, offset + 1, {&there, 1});
    if (!got || *got == 0) return std::nullopt;
    const auto record = message::RecordView::parse(finder.find(there.unit));
    if (!record) return std::nullopt;
    return record->store_ts_ms;
}

}  // namespace

bool ReadFilter::matches(const message::RecordView& record, std::int64_t tags_code) const {
    const bool tags_inside = tags_code == 0 && record.is_inner_batch();
    return (tags_inside || code_matches(tags_code)) && (!needs_record() || record_matches(record));
}

ReadResult read_queue(const CommitLog& log, const StoredQueue& queue, QueueOffset from,
                      const ReadLimits& limits, const ReadFilter* filter) {
    ReadResult result;
    result.max = queue.max();  // before min: a deletion in between must not turn them round
    result.min = queue.min();
    result.next = from;
    if (result.max.value == 0) {
        result.status = ReadStatus::no_message_in_queue;
        result.next = {0};
    } else if (from < result.min) {
        result.status = ReadStatus::offset_too_small;
        result.next = result.min;
    } else if (from == result.max) {
        result.status = ReadStatus::offset_overflow_one;
    } else if (from > result.max) {
        result.status = ReadStatus::offset_overflow_badly;
        result.next = result.max;
    } else {
        Reading reading(log, queue, limits, filter, result);
        reading.run(from);
        result.status = reading.status();
        if (result.status == ReadStatus::offset_found_null)
            result.next = std::min(queue.next_file(from), result.max);
    }
    return result;
}

Result<Slice> record_at(const CommitLog& log, PhysicalOffset at) {
    const auto file = at.value < log.end() ? log.file_at(at.value) : nullptr;
    if (!file) return Error{Errc::not_found, fmt::format("the log has nothing at {}", at.value)};
    const std::int64_t limit = std::min(log.end(), file->limit());
    auto record = message::RecordView::parse(
        file->bytes.subspan(static_cast<std::size_t>(at.value - file->base),
                            static_cast<std::size_t>(limit - at.value)));
    if (!record || record->at != at)
        return Error{Errc::corrupt, fmt::format("no record begins at {}", at.value)};
    return Slice{record->bytes, file};
}

std::optional<std::int64_t> store_time(const CommitLog& log, const StoredQueue& queue,
                                       QueueOffset offset) {
    if (offset < queue.min() || offset >= queue.max()) return std::nullopt;
    RecordFinder finder(log);
    return time_of(finder, queue, offset.value);
}

QueueOffset offset_by_time(const CommitLog& log, const StoredQueue& queue, std::int64_t t_ms,
                           bool upper) {
    const QueueOffset max = queue.max();
    const QueueOffset min = queue.min();
    RecordFinder finder(log);
    std::int64_t low = min.value;
    std::int64_t high = max.value;
    // The first offset whose time is >= t, for `upper` > t; what cannot be read counts as older.
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto time = time_of(finder, queue, middle);
        if (time && (upper ? *time > t_ms : *time >= t_ms))
            high = middle;
        else
            low = middle + 1;
    }
    if (upper && low > min.value) --low;
    return {low};
}

}  // namespace mqd::store
