#include "store/queue/batch_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace mqd::store {
namespace {

constexpr std::size_t each = BatchUnit::bytes_each;
constexpr std::size_t chunk_units = 128;

QueuedUnit queued(const BatchUnit& unit) {
    return {unit.unit, unit.offset, unit.count};
}

std::int64_t next_offset(const BatchUnit& unit) {
    return unit.offset + unit.count;
}

}  // namespace

// ---- reading

Result<BatchUnit> BatchQueue::unit(std::int64_t index) const {
    std::array<std::byte, each> bytes;
    TRY(const std::size_t got, files_.read(index, index + 1, bytes));
    return got == 1 ? BatchUnit::load(bytes.data()) : BatchUnit{};
}

/// The index of the unit that holds `offset`: the last one that does not begin after it.
Result<std::int64_t> BatchQueue::find(std::int64_t offset) const {
    const std::int64_t end = end_.load(std::memory_order_acquire);
    // Nearly every read goes on where the one before has ended.
    if (const std::int64_t hint = hint_.load(std::memory_order_relaxed);
        hint >= files_.first() && hint < end) {
        const auto there = unit(hint);
        if (there && there->offset == offset) return hint;
    }
    std::int64_t low = files_.first();
    std::int64_t high = end;
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        TRY(const BatchUnit there, unit(middle));
        (there.offset <= offset ? low : high) = middle;
    }
    return low;
}

std::pair<std::filesystem::path, std::int64_t> BatchQueue::place_of(std::int64_t offset) const {
    const auto index = find(offset);
    return files_.place_of(index ? *index : 0);
}

Result<std::size_t> BatchQueue::read(std::int64_t first, std::int64_t limit, bool now,
                                     std::span<QueuedUnit> into) const {
    if (now) return Error{Errc::unavailable, "it may have to be searched for on disk"};
    if (first >= limit || !has_files()) return std::size_t{0};
    TRY(std::int64_t index, find(first));
    const std::int64_t end = end_.load(std::memory_order_acquire);
    std::array<std::byte, chunk_units * each> bytes;
    std::size_t done = 0;
    while (done < into.size()) {
        const auto wanted = std::min(chunk_units, into.size() - done);
        auto got = files_.read(index, end, MutableBytes(bytes).first(wanted * each));
        if (!got && done > 0) break;  // the next read will say so
        if (!got) return got;
        for (std::size_t i = 0; i < *got; ++i) {
            const auto unit = BatchUnit::load(bytes.data() + i * each);
            if (!unit.is_valid() || unit.offset >= limit) return done;
            into[done++] = queued(unit);
            hint_.store(++index, std::memory_order_relaxed);
        }
        if (*got < wanted) break;
    }
    return done;
}

QueueOffset BatchQueue::next_file(QueueOffset offset) const {
    const auto index = find(offset.value);
    if (!index) return {written()};
    const auto first = unit(files_.file_end(*index));
    return {first && first->is_valid() ? first->offset : written()};
}

// ---- loading

Result<> BatchQueue::load_files() {
    TRY(const std::int64_t end, files_.load());
    if (!files_.any() || !files_.fits()) return {};
    TRY_OK(drop_strangers(end));
    std::int64_t index = 0;
    TRY(min_, find_min(index));
    next = first_free();
    synced_ = end_;
    publish();
    return {};
}

/// As with ConsumeQueue: what was cut off once must not come back.
Result<> BatchQueue::drop_strangers(std::int64_t end) {
    end_ = end;
    written_ = 0;
    last_at_ = -1;
    std::int64_t keep = end;
    for (; keep > files_.first(); --keep) {
        TRY(const BatchUnit last, unit(keep - 1));
        if (!last.is_valid() || (!is_expired(last.unit) && !is_mine(queued(last)))) continue;
        written_ = next_offset(last);
        last_at_ = last.unit.at;
        break;
    }
    return truncate(keep);
}

/// The first message that the log still has; `index` is the unit's, or the last one's.
Result<std::int64_t> BatchQueue::find_min(std::int64_t& index) const {
    const std::int64_t end = end_.load(std::memory_order_acquire);
    index = end - 1;
    if (end <= files_.first()) return written();
    TRY(const std::int64_t first, files_.first_of(context_.log.begin(), files_.first(), end));
    index = std::min(first, end - 1);
    TRY(const BatchUnit there, unit(index));
    return first < end ? there.offset : next_offset(there);
}

Result<> BatchQueue::expire_units() {
    std::int64_t index = 0;
    TRY(const std::int64_t first, find_min(index));
    if (first > min_) min_ = first;
    return files_.remove_before(index);
}

// ---- held against the log, and mended

Result<std::string> BatchQueue::find_misfit() const {
    if (!files_.fits()) return files_.misfit();
    const Expected wanted = expected();
    const bool newer = last_at_ > wanted.last_at && wanted.last_at >= 0;
    if (written_ < wanted.max && !newer)
        return fmt::format("it ends at {}, not at {}", written(), wanted.max);
    if (wanted.min >= 0 && min_ > wanted.min && wanted.max > wanted.min && !newer)
        return fmt::format("it begins at {}, not at {}", min_.load(), wanted.min);
    const std::int64_t end = end_;
    for (std::int64_t first = files_.first(); has_files() && first < end;
         first = files_.file_end(first)) {
        const std::int64_t last = std::min(files_.file_end(first), end) - 1;
        for (const std::int64_t index : {first, last}) {
            TRY(const BatchUnit unit, this->unit(index));
            if (!unit.is_valid() || (!is_expired(unit.unit) && !is_mine(queued(unit))))
                return fmt::format("unit {} does not lead to its messages", index);
        }
    }
    return std::string();
}

Result<MendPlan> BatchQueue::begin_mend() {
    MendPlan plan;
    plan.old_min = min_;
    plan.old_max = std::max(written(), expected().max);
    plan.log_from = context_.log.begin();
    plan.log_to = context_.log.shown();
    TRY_OK(files_.remove_all());
    end_ = 0;
    hint_ = 0;
    written_ = 0;
    last_at_ = -1;
    min_ = max_ = 0;
    return plan;
}

Result<> BatchQueue::end_mend(const MendPlan& plan) {
    if (written_ < plan.old_max) {
        // Its numbers were given: others go on after them. The unit is that of an expired record.
        BatchUnit last;
        last.unit = {0, 1, 0};
        last.offset = plan.old_max - 1;
        last.count = 1;
        if (last_at_ >= 0) last.unit.at = last_at_;
        TRY_OK(append({&last, 1}));
    }
    std::int64_t index = 0;
    if (has_files()) {
        TRY(min_, find_min(index));
        TRY_OK(files_.sync(files_.first(), end_));
    }
    synced_ = end_;
    next = first_free();
    publish();
    return {};
}

// ---- writing

Result<> BatchQueue::append(std::span<const BatchUnit> units) {
    if (units.empty()) return {};
    std::vector<std::byte> bytes(units.size() * each);
    for (std::size_t i = 0; i < units.size(); ++i) units[i].store(bytes.data() + i * each);
    TRY_OK(files_.write(end_, bytes));
    if (!has_files()) {
        min_ = units.front().offset;
        files_.begin_at(end_);
    }
    written_ = next_offset(units.back());
    last_at_ = units.back().unit.at;
    end_.fetch_add(static_cast<std::int64_t>(units.size()), std::memory_order_release);
    return {};
}

Result<> BatchQueue::truncate(std::int64_t index) {
    if (!has_files() || index >= end_) return {};
    TRY(const BatchUnit first_dropped, unit(index));
    note_cut(written_);
    TRY_OK(files_.truncate(index, end_));
    end_ = index;
    last_at_ = -1;
    written_ = std::max<std::int64_t>(0, first_dropped.offset);
    if (index > files_.first()) {
        TRY(const BatchUnit last, unit(index - 1));
        last_at_ = last.unit.at;
        written_ = next_offset(last);
    }
    min_ = std::min(min_.load(), written());
    max_ = std::min(max_.load(), written());
    return {};
}

template <class Keep>
Result<> BatchQueue::truncate_while(Keep&& keep) {
    std::int64_t index = end_;
    for (; index > files_.first(); --index) {
        TRY(const BatchUnit last, unit(index - 1));
        if (last.is_valid() && keep(last)) break;  // else lost, and those after it were not
    }
    return truncate(index);
}

Result<> BatchQueue::truncate_from_record(std::int64_t at) {
    if (last_at_ < at) return {};
    return truncate_while([at](const BatchUnit& last) { return last.unit.at < at; });
}

Result<> BatchQueue::truncate_to_offset(std::int64_t offset) {
    if (written_ <= offset) return {};
    return truncate_while([offset](const BatchUnit& last) { return next_offset(last) <= offset; });
}

Result<> BatchQueue::begin_anew(std::int64_t offset) {
    TRY_OK(truncate_to_offset(offset));
    if (written_ > offset) written_ = min_ = max_ = offset;  // nothing is left
    return {};
}

Result<> BatchQueue::truncate_to_log(std::int64_t end) {
    if (last_at_ < end) return {};  // without a look at the file: there may be many queues
    return truncate_while([end](const BatchUnit& last) { return last.unit.end() <= end; });
}

Result<> BatchQueue::sync() {
    const std::int64_t to = end_;
    TRY_OK(files_.sync(std::min(synced_, to > 0 ? to - 1 : 0), to));
    synced_ = to;
    return {};
}

}  // namespace mqd::store
