#include "store/engine/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "base/check.h"
#include "message/properties.h"
#include "store/queue/consume_queue.h"
#include "store/log/log_walker.h"
#include "store/log/record_check.h"
#include "store/queue/unit_search.h"

namespace mqd::store {
namespace {

constexpr std::int64_t chunk_units = 800;
// Records of a queue that lie near each other are read at once, with what lies between them.
constexpr std::int64_t run_bytes_max = 1 << 20;
constexpr std::int64_t run_gap_bytes_max = 16 << 10;

/// Room for the units of one look at the queue, of which only those asked for are initialised: all
/// of it would be 32 KB a pull.
class Chunk {
public:
    std::span<QueuedUnit> first(std::int64_t count) {
        check(count >= 0 && count <= chunk_units);
        auto* const units = reinterpret_cast<QueuedUnit*>(room_.data());
        std::uninitialized_default_construct_n(units, count);
        return {units, static_cast<std::size_t>(count)};
    }

private:
    static_assert(std::is_trivially_destructible_v<QueuedUnit>);
    alignas(QueuedUnit) std::array<std::byte, chunk_units * sizeof(QueuedUnit)> room_;
};

/// Copies of records that are not warm, a block for each run of them.
class Copies {
public:
    Bytes add(Bytes record, std::int64_t run_bytes) {
        if (block_ == nullptr || capacity_ - used_ < record.size()) {
            capacity_ = std::max(record.size(), static_cast<std::size_t>(run_bytes));
            block_ = std::make_shared_for_overwrite<std::byte[]>(capacity_);
            used_ = 0;
        }
        std::byte* const to = block_.get() + used_;
        std::memcpy(to, record.data(), record.size());
        used_ += record.size();
        return {to, record.size()};
    }
    const std::shared_ptr<std::byte[]>& block() const { return block_; }

private:
    std::shared_ptr<std::byte[]> block_;
    std::size_t capacity_ = 0, used_ = 0;
};

/// One read_queue() call.
class Reading {
public:
    Reading(const ReadContext& context, StoredQueue& queue, const ReadLimits& limits,
            const ReadFilter* filter, LogSource::Mode mode, ReadResult& result)
        : context_(context),
          queue_(queue),
          limits_(limits),
          filter_(filter),
          mode_(mode),
          result_(result),
          source_(context.log, mode),
          begin_(context.log.begin()) {}

    void run(QueueOffset from) {
        result_.next = from;
        const std::int64_t scan_max =
            std::max<std::int64_t>(limits_.units_scanned, limits_.messages);
        Chunk chunk;
        std::int64_t scanned = 0;
        while (scanned < scan_max && result_.next < result_.max) {
            const std::int64_t wanted =
                std::min({chunk_units, scan_max - scanned,
                          filter_ != nullptr
                              ? chunk_units
                              : static_cast<std::int64_t>(limits_.messages) - result_.messages});
            const auto into = chunk.first(wanted);
            const auto got = queue_.read(result_.next.value, result_.max.value,
                                         mode_ == LogSource::Mode::now, into);
            if (!got && got.error().code == Errc::unavailable) must_wait_ = true;
            if (!got && got.error().code == Errc::io) failed_ = true;
            if (!got || *got == 0) break;
            units_ = into.first(*got);
            for (; !units_.empty(); units_ = units_.subspan(1)) {
                const QueuedUnit& queued = units_.front();
                if (queued.next() <= result_.next.value) {
                    const auto [path, at] = queue_.place_of(result_.next.value);
                    context_.damage.found(path, at, "a unit", "its offset is another");
                    continue;
                }
                if (!take(queued)) return;
                result_.next.value = queued.next();
            }
            scanned += static_cast<std::int64_t>(*got);
            if (result_.messages >= limits_.messages) break;
        }
    }

    /// Nothing was found out before the disk would have had to be waited for.
    bool must_wait() const { return must_wait_ && result_.messages == 0; }

    ReadStatus status() const {
        if (result_.messages > 0) return ReadStatus::found;
        if (filtered_) return ReadStatus::no_matched_message;
        if (failed_) return ReadStatus::unreadable;
        return removed_ ? ReadStatus::message_was_removing : ReadStatus::offset_found_null;
    }

private:
    /// An address says nothing, and no tag little where the record may be a batch.
    bool code_known(const Unit& unit) const {
        return unit.tags_code > Unit::extension_max && (unit.tags_code != 0 || !queue_.is_batch());
    }
    bool code_matches(const Unit& unit) const {
        return filter_ == nullptr || !code_known(unit) || filter_->code_matches(unit.tags_code);
    }

    /// False when the unit is to be left for the next read.
    bool take(const QueuedUnit& queued) {
        const Unit& unit = queued.unit;
        if (result_.messages >= limits_.messages) return false;
        if (result_.messages > 0 && result_.messages + queued.count > limits_.messages)
            return false;
        if (!code_matches(unit)) {
            filtered_ = true;
            return true;
        }
        // Of a damaged unit any size may be said; the record's own comes later.
        const bool fits = result_.messages == 0 || result_.bytes + unit.bytes <= limits_.bytes;
        if (!fits && unit.bytes <= context_.log.file_bytes()) return false;
        if (unit.is_filling() || is_expired(unit)) {
            removed_ = true;
            return true;
        }
        Bytes record;
        const auto fault = must_wait_ ? RecordFault::shape : find(queued, record);
        if (fault == RecordFault::none) return add(queued, record);
        if (must_wait_) return false;
        return take_damaged(queued, fault);
    }

    /// Its record is gone from the log. A unit that leads there from among others that do not is a
    /// damaged one; min() follows the log with some delay.
    bool is_expired(const Unit& unit) {
        if (unit.bytes <= 0 || unit.at < 0 || unit.end() > begin_) return false;
        const std::int64_t before = result_.next.value - 1;
        if (before < queue_.min().value) return true;
        if (mode_ == LogSource::Mode::now) return must_wait_ = true, false;
        QueuedUnit other;
        const auto got = queue_.read(before, before + 1, false, {&other, 1});
        return !got || *got == 0 || other.unit.is_filling() || other.unit.end() <= begin_;
    }

    /// Sets `record`, or must_wait_.
    RecordFault find(const QueuedUnit& queued, Bytes& record) {
        const Unit& unit = queued.unit;
        const auto got = unit.bytes < static_cast<std::int32_t>(message::record_bytes_min) ||
                                 unit.at < begin_ || unit.at >= source_.end()
                             ? Result<Bytes>(Error{Errc::not_found, ""})
                             : source_.get(unit.at, unit.bytes, run_from(unit));
        if (!got) {
            must_wait_ = got.error().code == Errc::unavailable;
            return RecordFault::shape;
        }
        record = *got;
        const Identity wanted{queue_.topic(), queue_.id(), queued.offset,
                              queue_.is_batch() ? queued.count : 0};
        return check_record(record, unit.at, wanted, context_.demand_sum);
    }

    /// How far to read on from here for the records that this read is going to take.
    std::int64_t run_from(const Unit& unit) {
        if (mode_ == LogSource::Mode::now || source_.has(unit.at, unit.bytes)) return 0;
        std::int64_t end = unit.end();
        run_bytes_ = unit.bytes;
        int messages = result_.messages + units_.front().count;
        for (const QueuedUnit& queued : units_.subspan(1)) {
            const Unit& next = queued.unit;
            if (!code_matches(next)) continue;
            if (next.at < end || next.at - end > run_gap_bytes_max || next.bytes <= 0 ||
                next.end() - unit.at > run_bytes_max || messages >= limits_.messages ||
                result_.bytes + run_bytes_ + next.bytes > limits_.bytes)
                break;
            end = next.end();
            run_bytes_ += next.bytes;
            messages += queued.count;
        }
        return end - unit.at;
    }

    /// The unit, or the record, or both are not what was written.
    bool take_damaged(const QueuedUnit& queued, RecordFault fault) {
        const Unit& unit = queued.unit;
        const std::int64_t offset = queued.offset;
        removed_ = true;
        if (context_.damage.is_lost(queue_, offset)) return true;
        if (mode_ == LogSource::Mode::now) {
            must_wait_ = true;  // looking for the message takes time
            return false;
        }
        if (!queue_.is_batch()) {
            if (const auto right = search_unit(source_, own(), offset, unit, context_.demand_sum))
                return take_found(queued, *right);
        }
        // Expired meanwhile, or a message that was never there: no damage.
        if (offset < queue_.min().value) return true;
        context_.damage.lost(queue_, offset);
        tell_lost(queued, fault);
        return true;
    }

    ConsumeQueue& own() const { return static_cast<ConsumeQueue&>(queue_); }

    /// The message is there, its unit is not.
    bool take_found(const QueuedUnit& queued, const Unit& right) {
        const auto [path, in_file] = queue_.place_of(queued.offset);
        context_.damage.found(path, in_file, fmt::format("unit {}", queued.offset),
                              "it leads elsewhere");
        const auto record = source_.get(right.at, right.bytes);
        if (!record) return true;
        const auto view = message::RecordView::parse(*record);
        if (!view) return true;
        QueuedUnit mended = queued;
        mended.unit = right;
        mended.unit.tags_code = context_.levels.tags_code(*view);
        context_.damage.mend({&own(), queued.offset, queued.unit, mended.unit});
        if (code_matches(mended.unit)) return add(mended, *record);
        filtered_ = true;
        return true;
    }

    void tell_lost(const QueuedUnit& queued, RecordFault fault) {
        const Unit& unit = queued.unit;
        const std::string what =
            fmt::format("message {} of queue {} of {}", queued.offset, queue_.id(), queue_.topic());
        const auto file = unit.at >= begin_ ? context_.log.file_at(unit.at) : nullptr;
        if (file != nullptr && unit.at < source_.end()) {
            context_.damage.found(file->path, unit.at - file->base, what, text_of(fault));
        } else {
            const auto [path, in_file] = queue_.place_of(queued.offset);
            context_.damage.found(path, in_file, what, "its unit leads nowhere");
        }
    }

    /// A whole record into the result, if the filter lets it.
    bool add(const QueuedUnit& queued, Bytes record) {
        const auto& file = source_.mapped();
        if (file == nullptr) record = copies_.add(record, run_bytes_);
        if (filter_ != nullptr && !passes(record, queued.unit)) {
            filtered_ = true;
            return true;
        }
        auto& slices = result_.slices;
        std::shared_ptr<const void> pin = copies_.block();
        if (file != nullptr) pin = file;
        if (!slices.empty() && slices.back().pin == pin &&
            slices.back().bytes.data() + slices.back().bytes.size() == record.data())
            slices.back().bytes = {slices.back().bytes.data(),
                                   slices.back().bytes.size() + record.size()};
        else
            slices.push_back({record, std::move(pin)});
        result_.messages += queued.count;
        result_.bytes += static_cast<std::int64_t>(record.size());
        return true;
    }

    bool passes(Bytes bytes, const Unit& unit) const {
        if (code_known(unit) && !filter_->needs_record()) return true;
        const auto record = message::RecordView::parse(bytes);
        if (!record) return false;
        // The code once more: run_from() has asked about those of the units after.
        if (code_known(unit))
            return filter_->code_matches(unit.tags_code) && filter_->record_matches(*record);
        return filter_->matches(*record, message::tags_code(record->properties));
    }

    const ReadContext& context_;
    StoredQueue& queue_;
    const ReadLimits& limits_;
    const ReadFilter* filter_;
    const LogSource::Mode mode_;
    ReadResult& result_;
    LogSource source_;
    const std::int64_t begin_;
    std::span<const QueuedUnit> units_;  // of the chunk, from the one at hand on
    Copies copies_;
    std::int64_t run_bytes_ = 0;
    bool filtered_ = false;
    bool removed_ = false;
    bool must_wait_ = false;
    bool failed_ = false;
};

std::optional<std::int64_t> time_of(const ReadContext& context, LogSource& source,
                                    const StoredQueue& queue, std::int64_t offset) {
    QueuedUnit there;
    const auto got = queue.read(offset, offset + 1, false, {&there, 1});
    if (!got || *got == 0) return std::nullopt;
    const Unit& unit = there.unit;
    const auto bytes = source.get(unit.at, unit.bytes);
    const Identity wanted{queue.topic(), queue.id(), there.offset,
                          queue.is_batch() ? there.count : 0};
    if (!bytes || check_record(*bytes, unit.at, wanted, context.demand_sum) != RecordFault::none)
        return std::nullopt;
    const auto record = message::RecordView::parse(*bytes);
    if (!record) return std::nullopt;
    return record->store_ts_ms;
}

}  // namespace

bool ReadFilter::matches(const message::RecordView& record, std::int64_t tags_code) const {
    const bool tags_inside = tags_code == 0 && record.is_inner_batch();
    return (tags_inside || code_matches(tags_code)) && (!needs_record() || record_matches(record));
}

std::optional<ReadResult> read_queue(const ReadContext& context, StoredQueue& queue,
                                     QueueOffset from, const ReadLimits& limits,
                                     const ReadFilter* filter, LogSource::Mode mode) {
    if (mode == LogSource::Mode::now && !queue.loaded()) return std::nullopt;
    ReadResult result;
    result.max = queue.max();  // before min: a deletion in between must not turn them round
    result.min = queue.min();
    result.next = from;
    if (!queue.opened() && !queue.deleted()) {
        result.status = ReadStatus::unreadable;
    } else if (result.max.value == 0) {
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
        Reading reading(context, queue, limits, filter, mode, result);
        reading.run(from);
        if (reading.must_wait()) return std::nullopt;
        result.status = reading.status();
        if (result.status == ReadStatus::offset_found_null)
            result.next = std::min(queue.next_file(from), result.max);
    }
    return result;
}

Result<Slice> record_at(const ReadContext& context, PhysicalOffset at) {
    LogSource source(context.log, LogSource::Mode::wait);
    TRY(const Bytes record, source.record(at.value));
    const auto fault = check_record(record, at.value, context.demand_sum);
    if (fault != RecordFault::none)
        return Error{Errc::corrupt, fmt::format("{}: {}", at.value, text_of(fault))};
    if (source.mapped() != nullptr) return Slice{record, source.mapped()};
    Copies copy;
    const Bytes bytes = copy.add(record, 0);
    return Slice{bytes, copy.block()};
}

std::optional<Slice> next_record(const CommitLog& log, PhysicalOffset at) {
    LogWalker walker(log, at.value);
    if (walker.next(log.shown(), LogWalker::Check::lengths) != LogWalker::Step::record)
        return std::nullopt;
    return Slice{walker.record().bytes, log.file_at(walker.record().at.value)};
}

std::optional<PhysicalOffset> position_of(const StoredQueue& queue, QueueOffset offset) {
    if (offset < queue.min() || offset >= queue.max()) return std::nullopt;
    QueuedUnit there;
    const auto got = queue.read(offset.value, offset.value + 1, false, {&there, 1});
    if (!got || *got == 0 || there.unit.is_filling()) return std::nullopt;
    return PhysicalOffset{there.unit.at};
}

Result<std::vector<StoredUnit>> units_of(const StoredQueue& queue, QueueOffset from,
                                         std::size_t count_max) {
    std::vector<StoredUnit> out;
    const QueueOffset max = queue.max();
    if (from < queue.min() || from >= max) return out;
    const auto left = static_cast<std::size_t>(max.value - from.value);
    std::vector<QueuedUnit> found(std::min(count_max, left));
    TRY(const auto got, queue.read(from.value, max.value, false, found));
    out.reserve(got);
    for (const auto& [unit, offset, count] : std::span(found).first(got))
        out.push_back({{offset},
                       {unit.at},
                       unit.bytes,
                       unit.tags_code,
                       unit.tags_code <= Unit::extension_max});
    return out;
}

std::optional<std::int64_t> store_time(const ReadContext& context, const StoredQueue& queue,
                                       QueueOffset offset) {
    if (offset < queue.min() || offset >= queue.max()) return std::nullopt;
    LogSource source(context.log, LogSource::Mode::wait);
    return time_of(context, source, queue, offset.value);
}

QueueOffset offset_by_time(const ReadContext& context, const StoredQueue& queue, std::int64_t t_ms,
                           bool upper) {
    const QueueOffset max = queue.max();
    const QueueOffset min = queue.min();
    LogSource source(context.log, LogSource::Mode::wait);
    std::int64_t low = min.value;
    std::int64_t high = max.value;
    // The first offset whose time is >= t, for `upper` > t; what cannot be read counts as older.
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto time = time_of(context, source, queue, middle);
        if (time && (upper ? *time > t_ms : *time >= t_ms))
            high = middle;
        else
            low = middle + 1;
    }
    if (upper && low > min.value) --low;
    return {low};
}

}  // namespace mqd::store
