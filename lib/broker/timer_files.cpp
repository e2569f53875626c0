// Timers: their files, at the start and once a second.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "broker/names.h"
#include "broker/position.h"
#include "broker/timer_parts.h"
#include "broker/wait_synced.h"
#include "message/record.h"
#include "store/table/config_file.h"

namespace mqd::broker {
namespace {

using store::TimerCheck;
using store::TimerUnit;

constexpr std::int64_t expire_every_ms = 30'000;

Result<std::optional<TimerCheck>> load_check(store::Files& files,
                                             const std::filesystem::path& path) {
    auto file = files.open(path, store::OpenMode::read_only);
    if (!file && file.error().code == Errc::not_found) return std::optional<TimerCheck>();
    if (!file) return std::move(file).error();
    std::array<std::byte, TimerCheck::bytes_each> bytes{};
    TRY(const auto got, (*file)->read(0, bytes));
    if (got < bytes.size()) return std::optional<TimerCheck>();
    return std::optional(TimerCheck::load(bytes.data()));
}

Result<> save_check(store::Files& files, const std::filesystem::path& path,
                    const TimerCheck& check) {
    TRY(const auto file, files.open(path, store::OpenMode::create));
    TRY(const auto size, file->size());
    if (size != TimerCheck::file_bytes) TRY_OK(file->resize(TimerCheck::file_bytes));
    std::array<std::byte, TimerCheck::bytes_each> bytes{};
    check.store(bytes.data());
    TRY_OK(file->write(0, bytes));
    return file->sync();
}

}  // namespace

Timers::Timers(store::Files& files, const Clock& clock, store::Store& store, Counters& counters,
               const Settings& settings)
    : files_(files),
      clock_(clock),
      store_(store),
      counters_(counters),
      log_dir_(std::filesystem::path(settings.store.root) / "timerlog"),
      wheel_path_(std::filesystem::path(settings.store.root) / "timerwheel"),
      check_path_(settings.store.config_dir() / "timercheck"),
      metrics_path_(settings.store.config_dir() / "timermetrics"),
      precision_ms_(settings.delays.timer_precision_ms),
      log_file_bytes_(settings.delays.timer_log_file_bytes),
      queue_(store.queue(timer_topic, 0)),
      redelivery_(store, counters, settings.store.append_crc),
      mark_(files, store, settings.store.config_dir() / "mqd.timers") {}

Result<std::shared_ptr<Timers>> Timers::open(store::Files& files, const Clock& clock,
                                             store::Store& store, Counters& counters,
                                             const Settings& settings) {
    std::shared_ptr<Timers> timers(new Timers(files, clock, store, counters, settings));
    TRY_OK(timers->load());
    timers->queue_->watch();
    return timers;
}

Result<> Timers::load() {
    const Lock lock(mutex_);
    TRY(const auto check, load_check(files_, check_path_));
    check_ = check.value_or(TimerCheck{});
    TRY(auto left, mark_.load());
    if (left && !left->values.empty() && left->values.size() % 3 == 0) {
        const auto& is = left->values;
        delivered_ = {is[0], is[1], is[2]};
        for (std::size_t i = 3; i < is.size(); i += 3)
            done_.push_back({is[i], is[i + 1], is[i + 2]});
        for (const auto at : left->delivered) left_at_.insert(at.value);
    }
    if (auto loaded = load_files(); !loaded) {
        if (loaded.error().code != Errc::corrupt) return loaded;
        log::error("timer_files_made_again", {{"why", loaded.error().what}});
        TRY_OK(start_afresh());
    }
    floor_ms_ = horizon_ms_ = check_.read_ms / precision_ms_ * precision_ms_;
    floor_log_end_ = std::min(check_.log_synced, log_->end());  // it may have been made again
    const auto range = range_of(*queue_);
    const Reader is{timing::reader, timer_topic, 0};
    if (queue_->usable()) offset_ = held_to_begin(is, held_to_end(is, offset_, range), range);
    if (auto looked = look_at_clock(); !looked) return looked;
    for_each_slot(horizon_ms_, [this](const store::TimerSlot& slot)
                                   REQUIRES(mutex_) { pending_ += waiting_in(slot); });
    return load_metrics();
}

Result<> Timers::load_files() {
    TRY(log_, store::TimerLog::open(files_, log_dir_, log_file_bytes_));
    TRY(auto wheel, store::TimerWheel::load(files_, wheel_path_));
    wheel_ = std::move(wheel);
    offset_ = check_.queue_offset;
    // The reference starts a file before what it knows to be on disk, since it writes the wheel as
    // it likes.
    TRY(const bool has_wheel, files_.exists(wheel_path_));
    TRY_OK(replay(has_wheel ? check_.log_synced - log_file_bytes_ : 0));
    if (log_->end() < check_.log_synced)
        return Error{Errc::corrupt, fmt::format("{} ends at {}, and what was on disk at {}",
                                                log_dir_.string(), log_->end(), check_.log_synced)};
    if (wheel_ends_by(log_->end())) return {};
    // A power cut took the units and left their slot.
    log::warn("timer_wheel_made_again", {{"log_end", log_->end()}});
    TRY_OK(files_.remove(wheel_path_));
    TRY(auto empty, store::TimerWheel::load(files_, wheel_path_));
    wheel_ = std::move(empty);
    return replay(log_->begin());
}

/// No unit that comes is due before.
void Timers::raise_floor(std::int64_t to_ms) {
    if (to_ms <= floor_ms_) return;
    floor_ms_ = to_ms;
    floor_log_end_ = log_->end();
}

std::int64_t Timers::waiting_in(const store::TimerSlot& slot) const {
    if (slot.time > slot_of(done_until_ms())) return std::max(0, slot.count);
    std::int64_t count = 0;
    for_each_waiting(slot, [&](const Entry& entry) {
        count += (entry.magic & TimerUnit::remove) != 0 ? -1 : 1;
    });
    return std::max<std::int64_t>(0, count);
}

bool Timers::wheel_ends_by(std::int64_t log_end) const {
    bool ends = true;
    for_each_slot(check_.read_ms,
                  [&](const store::TimerSlot& slot) { ends = ends && slot.last < log_end; });
    return ends;
}

/// Puts into the wheel what the log says from `from` on, and ends the log after its last unit of
/// a record that is there.
Result<> Timers::replay(std::int64_t from) {
    const std::int64_t log_end = store_.end().value;
    std::int64_t last_at = -1;
    TRY_OK(log_->replay(from,
                        [&](std::int64_t position, const TimerUnit& unit) MQD_NO_THREAD_ANALYSIS {
                            if (unit.at >= log_end || unit.due_ms() < 0) return false;
                            if (wheel_->find(slot_of(unit.due_ms())).last < position)
                                put(unit, position);
                            last_at = unit.at;
                            return true;
                        }));
    const auto slice = store_.record_at({last_at});
    const auto record = slice ? message::RecordView::parse(slice->bytes) : slice.error();
    if (record && record->topic == queue_->topic())
        offset_ = std::max(offset_, record->queue_offset.value + 1);
    return {};
}

/// Everything that may still wait is in the queue.
Result<> Timers::start_afresh() {
    if (log_) TRY_OK(log_->remove_all());
    TRY_OK(files_.remove_all(log_dir_));
    TRY_OK(files_.remove(wheel_path_));
    TRY(log_, store::TimerLog::open(files_, log_dir_, log_file_bytes_));
    TRY(auto wheel, store::TimerWheel::load(files_, wheel_path_));
    wheel_ = std::move(wheel);
    offset_ = queue_->min().value;
    not_before_ms_ = std::max(check_.read_ms, delivered_.due_ms);
    remade_before_ = queue_->max().value;
    delivered_ = {};
    done_.clear();
    changed_ = true;
    return {};
}

Result<> Timers::load_metrics() {
    return load_table(files_, metrics_path_,
                      [this](const json::Value& content) REQUIRES(mutex_) -> Result<> {
                          TRY(const auto table, table_in(content, "timingCount"));
                          for (const auto& [topic, is] : table)
                              counts_[topic] = std::max<std::int64_t>(0, is["count"].as_int());
                          metrics_version_ = DataVersion::from_json(content["dataVersion"]);
                          return {};
                      });
}

std::int64_t Timers::read_ms() const {
    const std::int64_t now = clock_.wall_ms();
    const std::int64_t until =
        soon_.empty() ? std::min(now, horizon_ms_) : std::min(now, soon_.top().due_ms);
    return std::max(floor_ms_ / precision_ms_, slot_of(until)) * precision_ms_;
}

Result<> Timers::save() {
    TimerCheck check;
    std::vector<store::TimerWheel::Page> pages;
    json::Value counts;
    {
        const Lock lock(mutex_);
        if (!changed_) return {};
        changed_ = false;
        check = check_;
        check.read_ms = read_ms();
        // A unit that comes later and is due before this is delivered at once, not forgotten.
        check.log_synced = log_->end();
        raise_floor(check.read_ms);
        check.queue_offset = check.master_queue_offset = offset_;
        check.timestamp_ms = clock_.wall_ms();
        ++check.counter;
        metrics_version_.advance(check.timestamp_ms);
        pages = wheel_->take_changes();
    }
    auto saved = save_files(check, pages);
    const Lock lock(mutex_);
    if (saved) {
        check_ = check;
    } else {
        changed_ = true;
        wheel_->put_back(pages);
    }
    return saved;
}

Result<> Timers::save_files(const TimerCheck& check,
                            const std::vector<store::TimerWheel::Page>& pages) {
    if (!wait_synced(store_))
        return Error{Errc::io,
                     fmt::format("{}: what was delivered is not on disk", check_path_.string())};
    TRY_OK(log_->sync());
    TRY_OK(store::TimerWheel::write(files_, wheel_path_, pages));
    TRY_OK(save_check(files_, check_path_, check));
    TRY_OK(save_table(files_, metrics_path_, metrics()));
    const std::int64_t now = clock_.monotonic_ms();
    if (now < expire_at_ms_) return {};
    expire_at_ms_ = now + expire_every_ms;
    const Lock lock(mutex_);
    return log_->remove_expired(store_.begin().value);
}

Result<> Timers::close() {
    {
        const Lock lock(mutex_);
        const std::int64_t time = slot_of(delivered_.due_ms);
        if (delivered_.position >= 0 && time >= slot_of(floor_ms_)) {
            std::vector<Entry> rest;
            while (!soon_.empty() && slot_of(soon_.top().due_ms) <= time) {
                rest.push_back(soon_.top());
                soon_.pop();
            }
            TRY_OK(chain_again(time, rest));
            for (const auto& entry : rest) soon_.push(entry);
            // Nothing of the slot is left, so the next start need not look into it.
            if (rest.empty()) raise_floor((time + 1) * precision_ms_);
            changed_ = true;
        }
    }
    return save();
}

/// The slot's chain from now on is these alone: the units before stay in the log, but no other
/// unit leads to them.
Result<> Timers::chain_again(std::int64_t time, const std::vector<Entry>& entries) {
    if (entries.empty()) return {};
    const auto positions = log_->positions(entries.size());
    std::vector<TimerUnit> units;
    std::int64_t previous = -1;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        auto unit = log_->read(entries[i].position).value_or(TimerUnit{});
        unit.previous = std::exchange(previous, positions[i]);
        units.push_back(unit);
    }
    TRY_OK(log_->append(units, positions));
    wheel_->put({time, -1, -1, 0});
    for (std::size_t i = 0; i < units.size(); ++i) put(units[i], positions[i]);
    return {};
}

}  // namespace mqd::broker
