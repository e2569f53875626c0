#include "store/check/scan_timers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <tuple>
#include <unordered_set>

#include "base/parse.h"
#include "message/properties.h"
#include "store/queue/delay_levels.h"
#include "store/files.h"
#include "store/check/scan_tables.h"
#include "store/check/scan_units.h"

namespace mqd::store {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t precision_ms = 1000;
constexpr std::int64_t ts_ms_max = 1LL << 53U;
constexpr std::string_view timer_out_ms = "TIMER_OUT_MS";
constexpr std::string_view timer_del_uniqkey = "TIMER_DEL_UNIQKEY";

/// Nothing: the store has no such queue.
Result<std::unique_ptr<QueueScan>> queue_of(const fs::path& store, std::string_view topic,
                                            std::int32_t id) {
    auto scan = QueueScan::open(store, topic, id);
    if (!scan && scan.error().code == Errc::not_found) return std::unique_ptr<QueueScan>();
    return scan;
}

class Search {
public:
    Search(const fs::path& store, LogScan& log) : store_(store), log_(log) {}

    Result<std::vector<Pending>> run() {
        TRY_OK(add_levels());
        TRY_OK(add_timers());
        drop_recalled();
        std::ranges::sort(found_, [](const Pending& a, const Pending& b) {
            return std::tie(a.due_ms, a.at.value) < std::tie(b.due_ms, b.at.value);
        });
        return std::move(found_);
    }

private:
    Result<> add_levels() {
        TRY(const auto next, scan_delay_offsets(store_));
        TRY(const auto queues, scan_queues(store_, log_.begin()));
        for (const auto& queue : queues) {
            if (queue.topic != schedule_topic || queue.id < 0) continue;
            const std::int32_t level = queue.id + 1;
            const auto known = next.find(level);
            const auto from = std::max(known == next.end() ? 0 : known->second, queue.min.value);
            TRY(const auto scan, queue_of(store_, schedule_topic, queue.id));
            if (!scan) continue;
            TRY_OK(scan->seek(from));
            for (;;) {
                TRY(const auto unit, scan->next());
                if (!unit) break;
                found_.push_back({unit->tags_code, level, unit->offset, unit->at});
            }
        }
        return {};
    }

    Result<> add_timers() {
        TRY(const auto known, scan_timer_check(store_));
        const TimerCheck check = known.value_or(TimerCheck{});
        TRY(auto units, TimerLogScan::open(store_));
        std::int64_t last_at = -1;
        for (;;) {
            TRY(const auto item, units.next());
            if (!item) break;
            last_at = std::max(last_at, item->unit.at);
            // What its slot had was delivered when its time came; so was a record that is gone.
            const auto due_ms = item->unit.due_ms();
            if (due_ms - due_ms % precision_ms < check.read_ms) continue;
            if (item->unit.at < log_.begin().value) continue;
            add_timer(due_ms, -1, {item->unit.at}, (item->unit.magic & TimerUnit::remove) != 0);
        }
        return add_unread(check, last_at);
    }

    /// Those that nobody has put into the timer log yet.
    Result<> add_unread(const TimerCheck& check, std::int64_t last_at) {
        TRY(const auto scan, queue_of(store_, timer_topic_name, 0));
        if (!scan) return {};
        TRY_OK(scan->seek(std::max<std::int64_t>(check.queue_offset, 0)));
        for (;;) {
            TRY(const auto unit, scan->next());
            if (!unit) return {};
            if (unit->at.value > last_at && unit->at >= log_.begin())
                add_timer(0, unit->offset, unit->at, false);
        }
    }

    void add_timer(std::int64_t due_ms, std::int64_t offset, PhysicalOffset at, bool recalls) {
        const auto record = log_.record_at(at);
        if (record) {
            const auto text = [&](std::string_view name) {
                return message::find_property(record->properties, name);
            };
            const auto asked = parse_int<std::int64_t>(text(timer_out_ms).value_or(""));
            if (due_ms == 0) due_ms = asked.value_or(0);
            const std::int64_t slot = due_ms / precision_ms;
            if (asked) due_ms = *asked;
            if (const auto recalled = text(timer_del_uniqkey)) {
                recalled_.emplace(slot, *recalled);
                return;
            }
            if (const auto key = text(message::property::uniq_key); key)
                keys_.push_back(
                    {found_.size(), slot,
                     fmt::format("{}+{}", text(message::property::real_topic).value_or(""), *key)});
            offset = record->queue_offset.value;
        }
        if (recalls) return;
        found_.push_back({due_ms, 0, offset, at});
    }

    /// A recall counts in its own slot alone.
    void drop_recalled() {
        if (recalled_.empty()) return;
        std::unordered_set<std::size_t> dropped;
        for (const auto& key : keys_)
            if (recalled_.contains({key.slot, key.text})) dropped.insert(key.index);
        std::vector<Pending> kept;
        for (std::size_t i = 0; i < found_.size(); ++i)
            if (!dropped.contains(i)) kept.push_back(found_[i]);
        found_ = std::move(kept);
    }

    struct Key {
        std::size_t index;
        std::int64_t slot;
        std::string text;
    };

    const fs::path& store_;
    LogScan& log_;
    std::vector<Pending> found_;
    std::vector<Key> keys_;
    std::set<std::pair<std::int64_t, std::string>> recalled_;
};

}  // namespace

Result<std::optional<TimerCheck>> scan_timer_check(const fs::path& store) {
    auto file = posix_files().open(store / "config" / "timercheck", OpenMode::read_only);
    if (!file && file.error().code == Errc::not_found) return std::optional<TimerCheck>();
    if (!file) return std::move(file).error();
    std::array<std::byte, TimerCheck::bytes_each> bytes;
    TRY(const std::size_t got, (*file)->read(0, bytes));
    if (got < bytes.size()) return std::optional<TimerCheck>();
    return std::optional(TimerCheck::load(bytes.data()));
}

Result<std::vector<Pending>> scan_pending(const fs::path& store, LogScan& log) {
    return Search(store, log).run();
}

Result<TimerLogScan> TimerLogScan::open(const fs::path& store) {
    TimerLogScan out;
    auto segments = list_segments(store / "timerlog");
    if (!segments && segments.error().code != Errc::not_found) return std::move(segments).error();
    if (segments) out.segments_ = std::move(*segments);
    return out;
}

Result<std::optional<TimerLogScan::Item>> TimerLogScan::next() {
    Item item;
    while (!ended_) {
        if (take(item)) return std::optional(item);
        if (ended_ || segment_ >= segments_.size()) break;
        const auto& segment = segments_[segment_++];
        auto file = ScanFile::open(segment.path);
        if (!file && file.error().code == Errc::not_found) continue;  // expired this moment
        if (!file) return std::move(file).error();
        file_ = std::move(*file);
        bytes_ = file_->bytes();
        begin_ = segment.begin;
        at_ = 0;
    }
    return std::optional<Item>();
}

bool TimerLogScan::take(Item& into) {
    constexpr auto unit_bytes = static_cast<std::size_t>(TimerUnit::bytes_each);
    const Bytes rest = bytes_.subspan(at_);
    if (rest.size() < unit_bytes) return false;  // only a blank, or nothing, is so short
    const std::int64_t position = begin_ + static_cast<std::int64_t>(at_);
    const auto unit = TimerUnit::load(rest.data());
    if (TimerUnit::is_unit(rest.data(), position) && unit.written_ms >= 0 &&
        unit.written_ms < ts_ms_max) {
        into = {position, unit};
        at_ += unit_bytes;
        return true;
    }
    const bool blank = load_be<std::uint32_t>(&rest[12]) == message::magic_blank &&
                       load_be<std::int32_t>(rest.data()) == static_cast<std::int64_t>(rest.size());
    ended_ = !blank;
    return false;
}

}  // namespace mqd::store
