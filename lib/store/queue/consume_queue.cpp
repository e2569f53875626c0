#include "store/queue/consume_queue.h"

#include <algorithm>
#include <array>
#include <vector>

namespace mqd::store {
namespace {

constexpr std::size_t each = Unit::bytes_each;
constexpr std::size_t chunk_units = 512;
constexpr std::size_t fill_bytes = 64 * 1024 / each * each;

}  // namespace

// ---- reading

Result<std::size_t> ConsumeQueue::read(std::int64_t first, std::int64_t limit, bool now,
                                       std::span<QueuedUnit> into) const {
    std::array<std::byte, chunk_units * each> bytes;
    std::size_t done = 0;
    while (done < into.size() && first < limit) {
        const auto wanted = std::min(chunk_units, into.size() - done);
        auto got = files_.read(first, limit, MutableBytes(bytes).first(wanted * each), now);
        if (!got && done > 0) break;  // the next read will say so
        if (!got || *got == 0) return got;
        for (std::size_t i = 0; i < *got; ++i)
            into[done++] = {Unit::load(bytes.data() + i * each), first++, 1};
        if (*got < wanted) break;
    }
    return done;
}

Result<Unit> ConsumeQueue::unit(std::int64_t offset) const {
    std::array<std::byte, each> bytes;
    TRY(const std::size_t got, files_.read(offset, offset + 1, bytes));
    return got == 1 ? Unit::load(bytes.data()) : Unit{};
}

// ---- loading

Result<> ConsumeQueue::load_files() {
    TRY(const std::int64_t end, files_.load());
    if (!files_.any() || !files_.fits()) return {};
    TRY_OK(drop_strangers(end));
    TRY(min_, first_message(files_.first()));
    next = first_free();
    synced_ = written_;
    publish();
    return {};
}

/// Units at the tail whose record is not there, or is another's, were cut off once and must not
/// come back (mqd-store(5), AFTER A CRASH).
Result<> ConsumeQueue::drop_strangers(std::int64_t end) {
    std::int64_t keep = end;
    last_at_ = -1;
    for (; keep > files_.first(); --keep) {
        TRY(const Unit unit, this->unit(keep - 1));
        if (!unit.is_filling() && !is_expired(unit) && !is_mine(unit, keep - 1)) continue;
        if (!unit.is_filling()) last_at_ = unit.at;
        break;
    }
    written_ = end;
    return truncate(keep);
}

/// The first one from `from` on that the log has. A unit that only repeats the next is none.
Result<std::int64_t> ConsumeQueue::first_message(std::int64_t from) const {
    const std::int64_t end = written_;
    TRY(std::int64_t first, files_.first_of(context_.log.begin(), from, end));
    if (first >= end) return first;
    TRY(const Unit unit, this->unit(first));
    for (; first + 1 < end; ++first) {
        TRY(const Unit behind, this->unit(first + 1));
        if (behind != unit) break;
    }
    return first;
}

Result<> ConsumeQueue::expire_units() {
    const std::int64_t before = min_;
    const std::int64_t end = written_;
    TRY(const std::int64_t first, first_message(before));
    if (first > before) min_ = first;
    return files_.remove_before(std::min(first, end - 1));
}

// ---- writing

Result<> ConsumeQueue::write_units(std::int64_t first, Bytes units, std::int64_t last_at) {
    const std::int64_t from = has_files() ? written_.load() : files_.file_begin(first);
    // A number whose message is lost has the unit of the next one, which no reader takes for it;
    // before the first message nothing was ever lost.
    const Unit lost = has_files() && last_at_ >= 0 ? Unit::load(units.data()) : Unit::filling();
    if (from < first) TRY_OK(fill(from, first, lost));
    TRY_OK(files_.write(first, units));
    if (!has_files()) {
        min_ = first;
        files_.begin_at(first);
    }
    written_ = first + static_cast<std::int64_t>(units.size() / each);
    last_at_ = last_at;
    return {};
}

Result<bool> ConsumeQueue::write_unloaded(std::int64_t first, Bytes units, std::int64_t first_at) {
    if (ignore_before() > 0) return false;  // a deleted topic's files may still be there
    if (first > 0) {
        const auto before = unit(first - 1);
        if (!before && before.error().code != Errc::not_found) return before.error();
        if (!before || before->is_unused()) return false;
        if (!before->is_filling() && before->end() > first_at) return false;
    }
    TRY_OK(files_.write(first, units));
    return true;
}

Result<> ConsumeQueue::mend(std::int64_t offset, const Unit& was, const Unit& right) {
    if (deleted() || offset < min_ || offset >= written_) return {};
    TRY(const Unit there, unit(offset));
    if (there != was) return {};
    std::array<std::byte, each> bytes;
    right.store(bytes.data());
    return files_.mend(offset, bytes);
}

/// So that no reader takes a gap for the queue's end.
Result<> ConsumeQueue::fill(std::int64_t from, std::int64_t to, const Unit& filling) {
    std::vector<std::byte> bytes(fill_bytes);
    for (std::size_t at = 0; at < bytes.size(); at += each) filling.store(bytes.data() + at);
    while (from < to) {
        const auto size = std::min(fill_bytes, static_cast<std::size_t>(to - from) * each);
        TRY_OK(files_.write(from, Bytes(bytes).first(size)));
        from += static_cast<std::int64_t>(size / each);
    }
    return {};
}

Result<> ConsumeQueue::truncate(std::int64_t offset) {
    if (!has_files() || offset >= written_) return {};
    note_cut(written_);
    TRY_OK(files_.truncate(offset, written_));
    written_ = offset;
    last_at_ = -1;
    if (offset > files_.first()) {
        TRY(const Unit last, unit(offset - 1));
        if (!last.is_filling()) last_at_ = last.at;
    }
    // What lies below the first file is not known here; numbering goes on where it was cut.
    min_ = std::min(min_.load(), offset);
    max_ = std::min(max_.load(), offset);
    return {};
}

Result<> ConsumeQueue::begin_anew(std::int64_t offset) {
    if (offset >= files_.first()) return truncate(offset);
    note_cut(written_);
    TRY_OK(files_.remove_all());
    written_ = offset;
    last_at_ = -1;
    min_ = max_ = offset;
    return {};
}

Result<> ConsumeQueue::truncate_to_log(std::int64_t end) {
    if (last_at_ < end) return {};  // without a look at the file: there may be many queues
    std::int64_t keep = written_;
    for (; keep > files_.first(); --keep) {
        TRY(const Unit last, unit(keep - 1));
        if (last.is_unused()) continue;  // it was lost, and those after it were not
        if (last.is_filling() || last.end() <= end) break;
    }
    return truncate(keep);
}

Result<> ConsumeQueue::sync() {
    const std::int64_t to = written_;
    TRY_OK(files_.sync(std::min(synced_, to > 0 ? to - 1 : 0), to));
    synced_ = to;
    return {};
}

}  // namespace mqd::store
