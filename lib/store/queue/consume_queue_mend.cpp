// A consume queue held against the log, and what is needed to make it whole again.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "message/record.h"
#include "store/queue/consume_queue.h"

namespace mqd::store {
namespace {

constexpr std::int64_t chunk_units = 3200;
// Of a row of more files the newest and the oldest are looked at: each costs two looks at the log.
constexpr std::int64_t files_each_end = 32;
constexpr std::int64_t neighbours_max = 100'000;
// Of so many each is looked at. Those of longer queues, but for files' first and last ones, are put
// right when somebody reads them.
constexpr std::int64_t all_units_max = 1 << 16;

bool is_plausible(const Unit& unit, std::int64_t log_end) {
    return unit.at >= 0 && unit.bytes >= static_cast<std::int32_t>(message::record_bytes_min) &&
           unit.end() <= log_end;
}

}  // namespace

// ---- does it fit?

Result<std::string> ConsumeQueue::find_misfit() const {
    if (!files_.fits()) return files_.misfit();
    const Expected wanted = expected();
    const std::int64_t end = written_;
    // After what was expected another broker may have begun the queue anew.
    const bool newer = last_at_ > wanted.last_at && wanted.last_at >= 0;
    if (end < wanted.max && !newer) return fmt::format("it ends at {}, not at {}", end, wanted.max);
    if (wanted.min >= 0 && min_ > wanted.min && wanted.max > wanted.min && !newer)
        return fmt::format("it begins at {}, not at {}", min_.load(), wanted.min);
    if (!has_files()) return std::string();
    if (end - files_.first() > all_units_max) return find_bad_edge();
    MendPlan plan;
    plan.bad_from = end;
    TRY_OK(find_bad_units(plan, false));
    return plan.bad_to > 0 ? fmt::format("unit {} does not lead to its message", plan.bad_from)
                           : std::string();
}

/// The first and last unit of each file.
Result<std::string> ConsumeQueue::find_bad_edge() const {
    const std::int64_t begin = files_.first();
    const std::int64_t end = written_;
    const std::int64_t each_file = files_.file_end(begin) - begin;
    for (std::int64_t first = begin; first < end; first = files_.file_end(first)) {
        const bool far = (first - begin) / each_file >= files_each_end &&
                         (end - first) / each_file >= files_each_end;
        if (far) continue;
        const std::int64_t last = std::min(files_.file_end(first), end) - 1;
        for (const std::int64_t offset : {first, last}) {
            TRY(const Unit unit, this->unit(offset));
            TRY(const bool sound, is_sound(unit, offset));
            if (!sound) return fmt::format("unit {} does not lead to its message", offset);
            if (first == last) break;
        }
    }
    return std::string();
}

/// Its record is there, or was; or it repeats that of a later number, its own message being lost.
Result<bool> ConsumeQueue::is_sound(const Unit& unit, std::int64_t offset) const {
    if (unit.is_unused()) return false;
    if (unit.is_filling() || is_expired(unit) || is_mine(unit, offset)) return true;
    if (unit.at < 0 || unit.bytes <= 0) return false;
    const auto file = context_.log.file_at(unit.at);
    if (!file) return false;
    const auto record = message::RecordView::parse(
        file->bytes.subspan(static_cast<std::size_t>(unit.at - file->base)));
    const std::int64_t later = record ? record->queue_offset.value : -1;
    if (later <= offset || later >= written_ || later - offset > neighbours_max) return false;
    TRY(const Unit there, this->unit(later));
    return there == unit && is_mine(there, later);
}

// ---- what is wrong, and where what is missing lies

Result<MendPlan> ConsumeQueue::begin_mend() {
    MendPlan plan;
    plan.old_min = min_;
    plan.old_max = std::max<std::int64_t>(written_, expected().max);
    TRY_OK(files_.reshape());
    TRY(written_, files_.used_end());
    const Expected wanted = expected();
    if (wanted.min >= 0 && files_.any()) TRY_OK(files_.extend_front(wanted.min));
    TRY_OK(drop_bad_tail(wanted.max));
    plan.bad_from = written_;
    plan.bad_to = 0;
    if (files_.any()) TRY_OK(find_bad_units(plan, true));
    TRY_OK(find_log_range(plan));
    last_at_ = -1;
    const std::int64_t first = std::max<std::int64_t>(0, files_.first());
    for (std::int64_t i = std::min<std::int64_t>(plan.bad_from, written_); i > first;) {
        TRY(const Unit unit, this->unit(--i));
        if (unit.is_filling() || unit.is_unused()) continue;
        last_at_ = unit.at;
        break;
    }
    return plan;
}

/// What nobody knows of and leads nowhere.
Result<> ConsumeQueue::drop_bad_tail(std::int64_t known_end) {
    std::int64_t keep = written_;
    for (; keep > std::max(files_.first(), known_end); --keep) {
        TRY(const Unit unit, this->unit(keep - 1));
        TRY(const bool sound, is_sound(unit, keep - 1));
        if (sound) break;
    }
    return truncate(keep);
}

Result<> ConsumeQueue::find_bad_units(MendPlan& plan, bool mending) const {
    const std::int64_t end = written_;
    const std::int64_t log_end = context_.log.shown();
    const auto bad = [&plan](std::int64_t offset) {
        plan.bad_from = std::min(plan.bad_from, offset);
        plan.bad_to = std::max(plan.bad_to, offset + 1);
    };
    std::vector<std::byte> bytes(static_cast<std::size_t>(chunk_units * Unit::bytes_each));
    Unit before;
    std::int64_t before_offset = -1;
    for (std::int64_t first = files_.first(); first < end;) {
        TRY(const std::size_t got, files_.read(first, end, bytes));
        if (got == 0) break;
        for (std::size_t i = 0; i < got; ++i) {
            const std::int64_t offset = first + static_cast<std::int64_t>(i);
            const auto unit = Unit::load(bytes.data() + i * Unit::bytes_each);
            if (unit.is_filling()) {
                if (before_offset >= 0 && mending) bad(offset);  // its message may be there
                continue;
            }
            if (unit.is_unused() || !is_plausible(unit, log_end)) {
                bad(offset);
                continue;
            }
            if (before_offset >= 0 && unit.at < before.end() && unit != before) {
                bad(before_offset);
                bad(offset);
            }
            const bool edge = offset == files_.file_begin(offset) ||
                              offset + 1 == files_.file_end(offset) || offset + 1 == end;
            if (edge) {
                TRY(const bool sound, is_sound(unit, offset));
                if (!sound) bad(offset);
            }
            before = unit;
            before_offset = offset;
        }
        first += static_cast<std::int64_t>(got);
    }
    return {};
}

/// From the end of the last sound unit before to the first one after.
Result<> ConsumeQueue::find_log_range(MendPlan& plan) const {
    const Expected wanted = expected();
    const std::int64_t end = written_;
    const bool ends_short = wanted.max < 0 || end < wanted.max;
    const bool front_short = wanted.min >= 0 && wanted.min < min_;
    if (!ends_short && !front_short && plan.bad_to == 0) return {};  // all there, elsewhere
    plan.log_from = context_.log.begin();
    plan.log_to = context_.log.shown();
    if (!files_.any()) return {};
    std::int64_t from = std::min(plan.bad_from, end);
    if (front_short) from = std::min(from, wanted.min);
    for (std::int64_t i = from; i > std::max(files_.first(), from - neighbours_max);) {
        TRY(const Unit unit, this->unit(--i));
        if (!is_mine(unit, i)) continue;
        plan.log_from = std::max(plan.log_from, unit.end());
        break;
    }
    if (ends_short) return {};
    const std::int64_t behind = std::max(plan.bad_to, from);
    for (std::int64_t i = behind; i < std::min(end, behind + neighbours_max); ++i) {
        TRY(const Unit unit, this->unit(i));
        if (!is_mine(unit, i)) continue;
        plan.log_to = unit.at;
        break;
    }
    return {};
}

// ---- what the log does not have

Result<> ConsumeQueue::end_mend(const MendPlan& plan) {
    const Expected wanted = expected();
    if (files_.any()) TRY_OK(fill_holes(plan));
    if (written_ < wanted.max) {
        // Its numbers were given: others go on after them.
        const std::int64_t from = has_files() ? written_.load() : files_.file_begin(wanted.max - 1);
        TRY_OK(fill(from, wanted.max, Unit::filling()));
        if (!has_files()) files_.begin_at(from);
        written_ = wanted.max;
    }
    if (has_files()) {
        TRY(min_, first_message(files_.first()));
        TRY_OK(files_.sync(files_.first(), written_));
    }
    last_at_ = -1;
    for (std::int64_t i = written_; i > std::max<std::int64_t>(files_.first(), 0);) {
        TRY(const Unit unit, this->unit(--i));
        if (unit.is_filling()) continue;
        last_at_ = unit.at;
        break;
    }
    synced_ = written_;
    next = first_free();
    publish();
    return {};
}

/// Units of messages that are gone for good.
Result<> ConsumeQueue::fill_holes(const MendPlan& plan) {
    const std::int64_t log_end = context_.log.shown();
    Unit before;
    bool has_before = false;
    for (std::int64_t i = plan.bad_from; i > files_.first() && !has_before;) {
        TRY(before, this->unit(--i));
        has_before = is_plausible(before, log_end);
    }
    std::int64_t hole = -1;
    for (std::int64_t i = plan.bad_from; i < std::min<std::int64_t>(plan.bad_to, written_); ++i) {
        TRY(const Unit unit, this->unit(i));
        const bool good = is_plausible(unit, log_end) &&
                          (!has_before || unit.at >= before.end() || unit == before) &&
                          (is_expired(unit) || is_mine(unit, i));
        if (!good) {
            if (hole < 0) hole = i;
            continue;
        }
        if (hole >= 0) TRY_OK(fill_hole(hole, i, before, has_before));
        hole = -1;
        before = unit;
        has_before = true;
    }
    if (hole >= 0)
        TRY_OK(fill_hole(hole, std::min<std::int64_t>(plan.bad_to, written_), before, has_before));
    return {};
}

/// As the number after it has it, or in front of the first message that is left, the one before.
Result<> ConsumeQueue::fill_hole(std::int64_t from, std::int64_t to, const Unit& before,
                                 bool has_before) {
    Unit with = Unit::filling();
    if (has_before && is_expired(before)) {
        with = before;
    } else if (has_before && to < written_) {
        TRY(with, this->unit(to));
    }
    return fill(from, to, with);
}

}  // namespace mqd::store
