#include "broker/timers.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/parse.h"
#include "broker/names.h"
#include "broker/position.h"
#include "broker/timer_parts.h"
#include "message/properties.h"
#include "message/record.h"
#include "base/named_thread.h"

namespace mqd::broker {
namespace {

namespace property = message::property;
using store::TimerUnit;

constexpr int read_messages = 512;
constexpr std::int64_t read_bytes = 4 << 20;
constexpr std::size_t batch_messages = 256;
constexpr std::int64_t batch_bytes = 1 << 20;
/// Slots are not taken into memory while so many units are: after a long stop.
constexpr std::size_t soon_max = 1 << 20;
/// After an error of the disk.
constexpr std::int64_t retry_ms = 100;
/// The wall clock may be set while we sleep.
constexpr std::int64_t sleep_ms_max = 1000;

std::optional<std::int64_t> number_of(const message::RecordView& record, std::string_view name) {
    const auto text = message::find_property(record.properties, name);
    return text ? parse_int<std::int64_t>(*text) : std::nullopt;
}

std::string_view text_of(const message::RecordView& record, std::string_view name) {
    return message::find_property(record.properties, name).value_or("");
}

/// What TIMER_DEL_UNIQKEY says of the message it removes.
std::string removal_key(const message::RecordView& record) {
    return fmt::format("{}+{}", text_of(record, property::real_topic),
                       text_of(record, property::uniq_key));
}

}  // namespace

/// The queue's records of one read; they are good as long as its slices.
class Timers::Collector final : public store::ReadFilter {
public:
    bool code_matches(std::int64_t) const override { return true; }
    bool needs_record() const override { return true; }
    bool record_matches(const message::RecordView& record) const override {
        found_.push_back(record);
        return true;
    }
    const std::vector<message::RecordView>& found() const { return found_; }

private:
    mutable std::vector<message::RecordView> found_;
};

void Timers::start() {
    thread_ = named_thread("mqd-timer", [this] { run(); });
}

void Timers::stop() {
    if (stopping_.exchange(true)) return;
    bell_.ring();
    if (thread_.joinable()) thread_.join();
    queue_->unwatch();
}

void Timers::run() {
    while (!stopping_) {
        const std::int64_t ms = run_due();
        if (!stopping_) bell_.wait(ms);
    }
}

Place Timers::place(std::string_view properties, std::int64_t out_ms, std::string_view topic,
                    std::int32_t queue_id) const {
    Place out;
    out.queue = queue_;
    out.properties = message::without_properties(
        properties, {property::timer_out_ms, property::real_topic, property::real_qid});
    message::append_property(out.properties, property::timer_out_ms, std::to_string(out_ms));
    message::append_property(out.properties, property::real_topic, topic);
    message::append_property(out.properties, property::real_qid, std::to_string(queue_id));
    return out;
}

void Timers::arrived(std::span<const store::Arrival> arrivals) {
    const auto is_ours = [this](const store::Arrival& is) { return is.queue == queue_; };
    if (std::any_of(arrivals.begin(), arrivals.end(), is_ours)) bell_.ring();
}

std::int64_t Timers::run_due() {
    {
        const Lock lock(mutex_);
        const auto looked = look_at_clock();
        if (!looked) log::error("timers_not_set_back", {{"error", looked.error().what}});
        failing_ = !looked;
    }
    bool more = true;
    while (more && !stopping_ && !failing_) {
        more = enqueue_some();
        {
            const Lock lock(mutex_);
            load_slots();
        }
        more = deliver_some() || more;
    }
    if (delivering_) mark(false);
    return wait_ms();
}

std::int64_t Timers::wait_ms() {
    if (failing_) return retry_ms;
    const Lock lock(mutex_);
    const std::int64_t now = clock_.wall_ms();
    std::optional<std::int64_t> at_ms;
    if (!soon_.empty()) at_ms = soon_.top().due_ms;
    const std::int64_t from = slot_of(horizon_ms_);
    // Slots come into memory one ahead of their time.
    if (const auto slot = wheel_->next(from, from + store::TimerWheel::slots)) {
        const std::int64_t load_ms = (slot->time - 1) * precision_ms_;
        at_ms = std::min(at_ms.value_or(load_ms), load_ms);
    }
    if (!at_ms) return -1;
    return std::clamp(*at_ms - now, std::int64_t{0}, sleep_ms_max);
}

// ---- taking in

/// One read's worth of the queue; true when there may be more.
bool Timers::enqueue_some() {
    const Lock lock(mutex_);
    if (offset_ >= queue_->max().value) return false;
    Collector collector;
    store::ReadLimits limits;
    limits.messages = read_messages;
    limits.bytes = read_bytes;
    const auto read = store_.read(*queue_, {offset_}, limits, &collector);
    if (read.status == store::ReadStatus::offset_found_null)
        log::error("timers_unreadable", {{"from", offset_}, {"to", read.next.value}});
    if (read.status == store::ReadStatus::offset_too_small)
        held_to_begin({timing::reader, timer_topic, 0}, offset_, {read.min.value, read.max.value});
    if (const auto done = enqueue(collector, read.next.value); !done) {
        log::error("timers_not_taken_in", {{"error", done.error().what}});
        failing_ = true;
        return false;
    }
    return offset_ < queue_->max().value;
}

Result<> Timers::enqueue(const Collector& collector, std::int64_t next) {
    const std::int64_t now = now_ms();
    const std::int64_t written_ms = now / precision_ms_ * precision_ms_;
    const std::int64_t due_max = written_ms + timing::ahead_slots_max * precision_ms_;
    std::vector<TimerUnit> units;
    std::vector<const message::RecordView*> records;
    raise_floor(delivered_.due_ms);
    for (const auto& record : collector.found()) {
        const auto out_ms = number_of(record, property::timer_out_ms);
        if (!out_ms) {
            log::error("delayed_message_dropped",
                       {{"at", record.at.value}, {"reason", "TIMER_OUT_MS is no number"}});
            continue;
        }
        if (record.queue_offset.value < remade_before_ && *out_ms < not_before_ms_) continue;
        TimerUnit unit;
        // What is late waits for nothing, but not less: the reference has no such units.
        std::int64_t due_ms = std::max({*out_ms, floor_ms_, written_ms});
        if (message::find_property(record.properties, property::timer_del_uniqkey))
            unit.magic |= TimerUnit::remove;
        if (due_ms > due_max) {
            due_ms = due_max;
            unit.magic |= TimerUnit::roll;
        }
        unit.written_ms = written_ms;
        unit.delay_ms = static_cast<std::int32_t>(
            std::clamp<std::int64_t>(due_ms - written_ms, std::numeric_limits<std::int32_t>::min(),
                                     std::numeric_limits<std::int32_t>::max()));
        unit.at = record.at.value;
        unit.bytes = static_cast<std::int32_t>(record.bytes.size());
        unit.topic_hash = message::java_hash(text_of(record, property::real_topic));
        units.push_back(unit);
        records.push_back(&record);
    }
    const auto positions = log_->positions(units.size());
    // Chained before they are written: their order in the log is settled.
    std::unordered_map<std::int64_t, std::int64_t> last_of_slot;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const auto time = slot_of(units[i].due_ms());
        const auto [last, is_first] = last_of_slot.try_emplace(time, wheel_->find(time).last);
        units[i].previous = std::exchange(last->second, positions[i]);
    }
    TRY_OK(log_->append(units, positions));
    for (std::size_t i = 0; i < units.size(); ++i) {
        put(units[i], positions[i]);
        count(text_of(*records[i], property::real_topic),
              (units[i].magic & TimerUnit::remove) != 0 ? 0 : 1);
        const Entry entry{units[i].due_ms(), positions[i], units[i].at, written_ms, units[i].magic};
        if (entry.due_ms < horizon_ms_) take(entry);
    }
    counters_.timers(static_cast<std::int64_t>(units.size()), 0);
    if (next != offset_) changed_ = true;
    offset_ = next;
    return {};
}

/// The unit at `position` is the newest of its slot.
void Timers::put(const TimerUnit& unit, std::int64_t position) {
    auto slot = wheel_->find(slot_of(unit.due_ms()));
    if (slot.last < 0) slot.first = position;
    slot.last = position;
    slot.count += (unit.magic & TimerUnit::remove) != 0 ? -1 : 1;
    wheel_->put(slot);
}

void Timers::count(std::string_view topic, std::int64_t change) {
    if (change == 0 || topic.empty()) return;
    pending_ += change;
    auto found = counts_.find(topic);
    if (found == counts_.end()) found = counts_.emplace(std::string(topic), 0).first;
    found->second = std::max<std::int64_t>(0, found->second + change);
}

// ---- into memory

void Timers::load_slots() {
    const std::int64_t until = slot_of(now_ms() + precision_ms_) + 1;
    std::int64_t from = slot_of(horizon_ms_);
    while (from < until && soon_.size() < soon_max) {
        const auto slot = wheel_->next(from, until);
        if (slot) load_slot(*slot);
        from = slot ? slot->time + 1 : std::min(until, from + store::TimerWheel::slots);
    }
    horizon_ms_ = std::max(horizon_ms_, from * precision_ms_);
    if (soon_.empty() && !left_at_.empty()) left_at_.clear();
}

void Timers::load_slot(const store::TimerSlot& slot) {
    for_each_waiting(slot, [this](const Entry& entry) REQUIRES(mutex_) {
        if (!left_at_.contains(entry.at)) take(entry);
    });
}

void Timers::take(const Entry& entry) {
    soon_.push(entry);
    if ((entry.magic & TimerUnit::remove) == 0) return;
    const auto slice = store_.record_at({entry.at});
    const auto record = slice ? message::RecordView::parse(slice->bytes) : slice.error();
    if (record) removed_.emplace(text_of(*record, property::timer_del_uniqkey));
}

// ---- out

/// One append's worth; true when it is worth looking again at once.
bool Timers::deliver_some() {
    batch_.clear();
    redelivery_.clear();
    {
        const Lock lock(mutex_);
        const std::int64_t now = now_ms();
        while (!soon_.empty() && soon_.top().due_ms <= now && batch_.size() < batch_messages) {
            batch_.push_back(soon_.top());
            soon_.pop();
        }
    }
    if (batch_.empty()) return false;

    std::vector<std::size_t> added;  // of batch_, those with something to append
    std::size_t taken = 0;
    for (; taken < batch_.size() && redelivery_.bytes() < batch_bytes; ++taken) {
        if (prepare(batch_[taken])) added.push_back(taken);
    }
    std::size_t settled = taken;
    if (!added.empty()) {
        mark(true);
        const std::size_t stored = redelivery_.append();
        counters_.timers(0, static_cast<std::int64_t>(stored));
        if (stored < added.size()) settled = added[stored];
        failing_ = stored < added.size();
    }
    const Lock lock(mutex_);
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        if (i < settled)
            settle(batch_[i]);
        else
            soon_.push(batch_[i]);
    }
    return !failing_;
}

/// Adds what the entry stands for to the append; false for nothing.
bool Timers::prepare(const Entry& entry) {
    if ((entry.magic & TimerUnit::remove) != 0) return false;
    const auto slice = store_.record_at({entry.at});
    const auto record = slice ? message::RecordView::parse(slice->bytes) : slice.error();
    if (!record || record->topic != queue_->topic()) {
        log::error("delayed_message_dropped",
                   {{"at", entry.at}, {"reason", "the log has it no more"}});
        return false;
    }
    {
        const Lock lock(mutex_);
        if (!removed_.empty() && removed_.contains(removal_key(*record))) return false;
    }
    std::string more;
    message::append_property(more, property::timer_enqueue_ms, std::to_string(entry.written_ms));
    message::append_property(more, property::timer_dequeue_ms, std::to_string(clock_.wall_ms()));
    const auto out_ms = number_of(*record, property::timer_out_ms).value_or(0);
    if ((entry.magic & TimerUnit::roll) == 0 || out_ms <= entry.due_ms)
        return redelivery_.add(*record, more);
    const auto rolled = number_of(*record, property::timer_roll_times).value_or(0) + 1;
    auto properties = message::without_properties(
        record->properties,
        {property::timer_roll_times, property::timer_enqueue_ms, property::timer_dequeue_ms});
    message::append_property(properties, property::timer_roll_times, std::to_string(rolled));
    redelivery_.add_to(*queue_, *record, properties, more);
    return true;
}

void Timers::settle(const Entry& entry) {
    delivered_ = {entry.due_ms, entry.position, log_->end()};
    changed_ = true;
    const auto slice = store_.record_at({entry.at});
    const auto record = slice ? message::RecordView::parse(slice->bytes) : slice.error();
    if (!record) return;
    if ((entry.magic & TimerUnit::remove) != 0) {
        removed_.erase(std::string(text_of(*record, property::timer_del_uniqkey)));
        return;
    }
    count(text_of(*record, property::real_topic), -1);
}

/// Without it a message may come twice after kill -9, which is better than not at all.
void Timers::mark(bool delivering) {
    delivering_ = delivering;
    std::vector<std::int64_t> values;
    {
        const Lock lock(mutex_);
        const auto add = [&](const Delivered& is) {
            values.insert(values.end(), {is.due_ms, is.position, is.log_end});
        };
        add(delivered_);
        for (const auto& is : done_) add(is);
    }
    const auto written = mark_.write(delivering, values);
    if (!written && !mark_failing_)
        log::warn("delivery_not_marked", {{"error", written.error().what}});
    mark_failing_ = !written;
}

// ---- what others see

Timers::Progress Timers::progress() const {
    const Lock lock(mutex_);
    return {read_ms(), offset_, queue_->max().value, pending_};
}

store::TimerCheck Timers::check_point() const {
    const Lock lock(mutex_);
    return check_;
}

json::Value Timers::metrics() const {
    const Lock lock(mutex_);
    std::vector<json::Value::Member> counts;
    for (const auto& [topic, count] : counts_)
        counts.emplace_back(
            topic, json::Value::object({{"count", count}, {"timeStamp", clock_.wall_ms()}}));
    return json::Value::object({{"dataVersion", metrics_version_.to_json()},
                                {"timingCount", json::Value::object(std::move(counts))}});
}

}  // namespace mqd::broker
