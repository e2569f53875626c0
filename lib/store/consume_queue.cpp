#include "store/consume_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "message/properties.h"
#include "store/file_names.h"

namespace mqd::store {
namespace {

constexpr std::int64_t each = Unit::bytes_each;
constexpr std::int64_t first_units = 64;
constexpr std::size_t chunk_bytes = 64 * 1024 / 20 * 20;

}  // namespace

ConsumeQueue::ConsumeQueue(const QueueContext& context, std::string topic, std::int32_t id,
                           std::int64_t ignore_before, bool on_disk)
    : context_(context),
      topic_(std::move(topic)),
      id_(id),
      ignore_before_(ignore_before),
      dir_(context.root / topic_ / fmt::to_string(id)),
      state_(on_disk ? State::unloaded : State::loaded) {}

QueueOffset ConsumeQueue::min() const {
    load();
    return {deleted() ? 0 : min_.load()};
}

QueueOffset ConsumeQueue::max() const {
    load();
    return {deleted() ? 0 : max_.load()};
}

std::filesystem::path ConsumeQueue::path_of(std::int64_t base) const {
    return dir_ / file_name(base);
}

std::int64_t ConsumeQueue::base_of(std::int64_t offset) const {
    return offset * each / context_.file_bytes * context_.file_bytes;
}

Result<std::shared_ptr<File>> ConsumeQueue::file_for(std::int64_t base, bool create) {
    const OpenFiles::Key key{this, base};
    if (!create) return context_.open_files.open(key, path_of(base));
    if (auto file = context_.open_files.find(key)) return file;
    made_files_ = true;
    return context_.open_files.create(key, path_of(base), context_.file_bytes);
}

// ---- reading

Result<std::size_t> ConsumeQueue::read_units(std::int64_t first, std::int64_t limit,
                                             MutableBytes into) const {
    const std::int64_t wanted =
        std::min(limit - first, static_cast<std::int64_t>(into.size()) / each);
    std::int64_t done = 0;
    while (done < wanted) {
        const std::int64_t base = base_of(first + done);
        const std::int64_t in_file = (first + done) * each - base;
        const auto bytes = static_cast<std::size_t>(
            std::min((wanted - done) * each, context_.file_bytes - in_file));
        auto file = context_.open_files.open({this, base}, path_of(base));
        if (!file && done > 0) break;  // the next read will say so
        if (!file) return std::move(file).error();
        TRY(const std::size_t got,
            (*file)->read(in_file, into.subspan(static_cast<std::size_t>(done * each), bytes)));
        done += static_cast<std::int64_t>(got) / each;
        if (got < bytes) break;
    }
    return static_cast<std::size_t>(done);
}

Result<Unit> ConsumeQueue::unit(std::int64_t offset) const {
    std::array<std::byte, Unit::bytes_each> bytes;
    TRY(const std::size_t got, read_units(offset, offset + 1, bytes));
    return got == 1 ? Unit::load(bytes.data()) : Unit{};
}

QueueOffset ConsumeQueue::next_file(QueueOffset offset) const {
    return {(base_of(offset.value) + context_.file_bytes) / each};
}

bool ConsumeQueue::is_mine(const Unit& unit, std::int64_t offset) const {
    if (unit.at < ignore_before_ ||
        unit.bytes < static_cast<std::int32_t>(message::record_bytes_min))
        return false;
    const auto file = context_.log.file_at(unit.at);
    if (!file || unit.end() > std::min(file->limit(), context_.log.end())) return false;
    const auto bytes = file->bytes.subspan(static_cast<std::size_t>(unit.at - file->base),
                                           static_cast<std::size_t>(unit.bytes));
    const auto record = message::RecordView::parse(bytes);
    if (!record || record->bytes.size() != bytes.size() || record->at.value != unit.at)
        return false;
    // Another queue's record, multi-dispatched to this one (spec 3.6).
    if (message::find_property(record->properties, "INNER_MULTI_DISPATCH")) return true;
    return record->topic == topic_ && record->queue_id == id_ &&
           record->queue_offset.value == offset;
}

// ---- loading

void ConsumeQueue::load_now() const {
    const Lock lock(load_lock_);
    if (state_.load(std::memory_order_acquire) != State::unloaded) return;
    auto* self = const_cast<ConsumeQueue*>(this);
    auto ok = self->load_files();
    if (!ok)
        log::error("queue_not_loaded",
                   {{"topic", topic_}, {"queue", id_}, {"why", ok.error().what}});
    self->state_.store(ok ? State::loaded : State::broken, std::memory_order_release);
}

Result<> ConsumeQueue::load_files() {
    TRY(const auto names, context_.files.list(dir_));
    std::vector<std::int64_t> bases;
    for (const auto& name : names) {
        const auto base = parse_file_name(name);
        if (!base || *base % context_.file_bytes != 0)
            return Error{Errc::corrupt, fmt::format("{} is no file of a queue of {}-byte files",
                                                    (dir_ / name).string(), context_.file_bytes)};
        bases.push_back(*base);
    }
    while (!bases.empty()) {
        TRY(const auto file, context_.open_files.open({this, bases.back()}, path_of(bases.back())));
        TRY(const std::int64_t size, file->size());
        if (size == context_.file_bytes) break;
        if (size != 0)
            return Error{Errc::corrupt,
                         fmt::format("{} has {} bytes, not {}", path_of(bases.back()).string(),
                                     size, context_.file_bytes)};
        context_.open_files.forget(this, bases.back());
        TRY_OK(context_.files.remove(path_of(bases.back())));
        bases.pop_back();
    }
    if (bases.empty()) return {};
    first_base_ = bases.front();
    std::int64_t end = first_base_ / each;
    for (auto it = bases.rbegin(); it != bases.rend(); ++it) {
        TRY(const std::int64_t used, used_units(*it));
        if (used == 0) continue;
        end = *it / each + used;
        break;
    }
    TRY_OK(drop_strangers(end));
    TRY_OK(find_min());
    next = written_;
    synced_ = written_;
    max_ = written_.load();
    return {};
}

/// Units before the first unused one, on the word that there is none between.
Result<std::int64_t> ConsumeQueue::used_units(std::int64_t base) const {
    const std::int64_t first = base / each;
    const std::int64_t units = context_.file_bytes / each;
    std::array<std::byte, first_units * Unit::bytes_each> bytes;
    TRY(const std::size_t got, read_units(first, first + units, bytes));
    std::int64_t low = 0;
    while (low < static_cast<std::int64_t>(got) &&
           !Unit::load(bytes.data() + low * each).is_unused())
        ++low;
    if (low < first_units) return low;
    // Many queues are short: look further in growing steps before halving.
    std::int64_t high = low;
    for (bool used = true; used && high < units;) {
        low = high;
        high = std::min(units, high * 8);
        TRY(const Unit unit, this->unit(first + high - 1));
        used = !unit.is_unused();
        if (used) low = high;
    }
    while (low < high) {
        const std::int64_t middle = (low + high) / 2;
        TRY(const Unit unit, this->unit(first + middle));
        if (unit.is_unused())
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/// Units at the tail whose record is not there, or is another's, were cut off once and must not
/// come back (spec 5.3, trap 10).
Result<> ConsumeQueue::drop_strangers(std::int64_t end) {
    std::int64_t keep = end;
    last_at_ = -1;
    for (; keep > first_base_ / each; --keep) {
        TRY(const Unit unit, this->unit(keep - 1));
        const bool expired = unit.at >= 0 && unit.bytes > 0 && unit.end() <= context_.log.begin();
        if (!unit.is_filling() && !expired && !is_mine(unit, keep - 1)) continue;
        if (!unit.is_filling()) last_at_ = unit.at;
        break;
    }
    written_ = end;
    if (keep == end) return {};
    log::warn("queue_tail_dropped",
              {{"topic", topic_}, {"queue", id_}, {"from", keep}, {"to", end}});
    return truncate(keep);
}

Result<> ConsumeQueue::find_min() {
    std::int64_t low = first_base_ / each;
    std::int64_t high = written_;
    const std::int64_t begin = context_.log.begin();
    const auto readable = [&](const Unit& unit) { return !unit.is_filling() && unit.at >= begin; };
    while (low < high) {
        // Nearly always the first unit is readable: look there before halving.
        const std::int64_t middle = low == first_base_ / each ? low : (low + high) / 2;
        TRY(const Unit unit, this->unit(middle));
        if (readable(unit))
            high = middle;
        else
            low = middle + 1;
    }
    min_ = low;
    return {};
}

// ---- writing

Result<> ConsumeQueue::write_units(std::int64_t first, Bytes units, std::int64_t last_at) {
    if (first > written_ || first_base_ < 0) {
        const std::int64_t from = first_base_ < 0 ? base_of(first) / each : written_.load();
        if (from < first) TRY_OK(fill(from, first));
    }
    TRY_OK(rewrite_units(first, units));
    if (first_base_ < 0) {
        first_base_ = base_of(first);
        min_ = first;
    }
    written_ = first + static_cast<std::int64_t>(units.size()) / each;
    last_at_ = last_at;
    return {};
}

Result<> ConsumeQueue::rewrite_units(std::int64_t first, Bytes units) {
    while (!units.empty()) {
        const std::int64_t base = base_of(first);
        const std::int64_t in_file = first * each - base;
        const auto bytes = static_cast<std::size_t>(
            std::min(static_cast<std::int64_t>(units.size()), context_.file_bytes - in_file));
        TRY(const auto file, file_for(base, true));
        TRY_OK(file->write(in_file, units.first(bytes)));
        first += static_cast<std::int64_t>(bytes) / each;
        units = units.subspan(bytes);
    }
    return {};
}

/// So that no reader takes a gap for the queue's end.
Result<> ConsumeQueue::fill(std::int64_t from, std::int64_t to) {
    std::vector<std::byte> bytes(chunk_bytes);
    const Unit filling{0, Unit::filling_bytes, 0};
    for (std::size_t at = 0; at < bytes.size(); at += each) filling.store(bytes.data() + at);
    while (from < to) {
        const auto size = std::min(static_cast<std::int64_t>(chunk_bytes), (to - from) * each);
        TRY_OK(rewrite_units(from, Bytes(bytes).first(static_cast<std::size_t>(size))));
        from += size / each;
    }
    return {};
}

Result<> ConsumeQueue::zero(std::int64_t from, std::int64_t to) {
    const std::vector<std::byte> bytes(chunk_bytes);
    while (from < to) {
        const std::int64_t base = base_of(from);
        const std::int64_t in_file = from * each - base;
        const std::int64_t size = std::min({static_cast<std::int64_t>(chunk_bytes),
                                            (to - from) * each, context_.file_bytes - in_file});
        auto file = file_for(base, false);
        if (!file && file.error().code != Errc::not_found) return std::move(file).error();
        if (file)
            TRY_OK((*file)->write(in_file, Bytes(bytes).first(static_cast<std::size_t>(size))));
        from += size / each;
    }
    return {};
}

Result<> ConsumeQueue::truncate(std::int64_t offset) {
    if (first_base_ < 0 || offset >= written_) return {};
    TRY_OK(zero(offset, written_));
    written_ = offset;
    last_at_ = -1;
    if (offset > first_base_ / each) {
        TRY(const Unit last, unit(offset - 1));
        if (!last.is_filling()) last_at_ = last.at;
    }
    // What lies below the first file is not known here; numbering goes on where it was cut.
    min_ = std::min(min_.load(), offset);
    max_ = std::min(max_.load(), offset);
    next = offset;
    return {};
}

Result<> ConsumeQueue::truncate_to_log(std::int64_t end) {
    if (last_at_ < end) return {};  // without a look at the file: there may be many queues
    std::int64_t keep = written_;
    for (; keep > first_base_ / each; --keep) {
        TRY(const Unit last, unit(keep - 1));
        if (last.is_filling() || last.end() <= end) break;
    }
    return truncate(keep);
}

Result<> ConsumeQueue::sync() {
    const std::int64_t to = written_;
    if (made_files_.exchange(false)) {
        TRY_OK(context_.files.sync_directory(dir_));
        TRY_OK(context_.files.sync_directory(dir_.parent_path()));
        TRY_OK(context_.files.sync_directory(context_.root));
    }
    const std::int64_t from = std::min(synced_, to > 0 ? to - 1 : 0);
    for (std::int64_t base = base_of(from); base < to * each; base += context_.file_bytes) {
        auto file = file_for(base, false);
        if (!file && file.error().code == Errc::not_found) continue;
        if (!file) return std::move(file).error();
        TRY_OK((*file)->sync());
    }
    synced_ = to;
    return {};
}

}  // namespace mqd::store
