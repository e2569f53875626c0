#include "broker/delay.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "broker/names.h"
#include "broker/position.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/stored_time.h"
#include "base/named_thread.h"

namespace mqd::broker {
namespace {

namespace property = message::property;

constexpr int read_messages = 256;
constexpr std::int64_t read_bytes = 1 << 20;
/// After an append that failed.
constexpr std::int64_t retry_ms = 100;
/// The wall clock may be set while we sleep.
constexpr std::int64_t sleep_ms_max = 1000;

/// A clock that is put back by less is one that is being slowed down.
constexpr std::int64_t step_ms_min = 50;
constexpr std::string_view reader = "delay";

}  // namespace

/// A message of SCHEDULE_TOPIC_XXXX; good while the read that gave it lives.
struct Delay::Waiting {
    message::RecordView record;
    std::int64_t due_ms = 0;
};

/// Takes everything, and keeps what the consume queue says about when it is due.
class Delay::Collector final : public store::ReadFilter {
public:
    explicit Collector(std::int64_t wait_ms) : wait_ms_(wait_ms) {}
    bool code_matches(std::int64_t tags_code) const override {
        code_ = tags_code;
        return true;
    }
    bool needs_record() const override { return true; }
    bool record_matches(const message::RecordView& record) const override {
        // Before its own storing it can only be a tag's hash: of a message without DELAY, or with
        // the code in a consume queue extension.
        const std::int64_t stored_ms = message::stored_ms(record);
        found_.push_back({record, code_ >= stored_ms ? code_ : stored_ms + wait_ms_});
        return true;
    }
    const std::vector<Waiting>& found() const { return found_; }

private:
    const std::int64_t wait_ms_;
    mutable std::int64_t code_ = 0;
    mutable std::vector<Waiting> found_;
};

Delay::Delay(store::Files& files, const Clock& clock, store::Store& store, Counters& counters,
             const Settings& settings, store::DelayLevels levels)
    : clock_(clock),
      store_(store),
      delay_levels_(std::move(levels)),
      offsets_(files, clock, store, settings),
      redelivery_(store, counters, settings.store.append_crc),
      mark_(files, store, settings.store.config_dir() / "mqd.delay") {}

Result<std::shared_ptr<Delay>> Delay::open(store::Files& files, const Clock& clock,
                                           store::Store& store, Counters& counters,
                                           const Settings& settings) {
    TRY(auto levels, store::DelayLevels::parse(store.options().delay_levels));
    std::shared_ptr<Delay> delay(
        new Delay(files, clock, store, counters, settings, std::move(levels)));
    TRY_OK(delay->offsets_.load());
    for (std::int32_t n = 1; n <= delay->delay_levels_.count(); ++n) {
        Level level;
        level.level = n;
        level.wait_ms = delay->delay_levels_.wait_ms(n);
        level.queue = store.queue(schedule_topic, n - 1);
        level.queue->watch();
        delay->levels_.push_back(level);
    }
    TRY_OK(delay->find_progress());
    return delay;
}

Result<> Delay::find_progress() {
    for (auto& level : levels_) level.next = offsets_.find(level.level).value_or(0);
    TRY(const auto left, mark_.load());
    if (left) go_on_from(*left);
    wall_ms_ = clock_.wall_ms();
    monotonic_ms_ = clock_.monotonic_ms();
    for (auto& level : levels_) {
        const auto range = range_of(*level.queue);
        if (!level.queue->usable()) {  // what is saved is for the next start
            level.next = range.end;
            continue;
        }
        const Reader is{reader, level.queue->topic(), level.queue->id()};
        if (level.next > range.end)
            level.next = held_to_end(is, level.next, {range.begin, waiting_from(level, range)});
        level.next = held_to_begin(is, level.next, range);
        level.bounds = offsets_.due_bounds(level.level);
        level.bounds.cut(range.end);
        if (store_.newest_ms() > wall_ms_) bound(level, wall_ms_);
        if (offsets_.find(level.level) || range.end > 0) offsets_.set(level.level, level.next);
    }
    return {};
}

/// The end of a queue that is not the one whose progress is known, but that what is not due yet has
/// not been delivered.
std::int64_t Delay::waiting_from(const Level& level, const QueueRange& range) const {
    for (std::int64_t at = range.end; at > range.begin; --at) {
        Collector collector(level.wait_ms);
        store_.read(*level.queue, {at - 1}, {.messages = 1}, &collector);
        if (collector.found().empty() || collector.found().front().due_ms <= wall_ms_) return at;
    }
    return range.begin;
}

void Delay::start() {
    thread_ = named_thread("mqd-delay", [this] { run(); });
}

void Delay::stop() {
    if (stopping_.exchange(true)) return;
    bell_.ring();
    if (thread_.joinable()) thread_.join();
    for (const auto& level : levels_) level.queue->unwatch();
}

void Delay::run() {
    while (!stopping_) {
        const std::int64_t wait_ms = run_due();
        if (!stopping_) bell_.wait(wait_ms);
    }
}

Place Delay::place(std::string_view properties, std::int64_t level, std::string_view topic,
                   std::int32_t queue_id) const {
    check(level > 0);
    const auto index = static_cast<std::size_t>(
        std::min(level, static_cast<std::int64_t>(delay_levels_.count())) - 1);
    Place out;
    out.queue = levels_[index].queue;
    out.properties = message::without_properties(
        properties,
        {property::delay, property::real_topic, property::real_qid, property::timer_delay_sec,
         property::timer_delay_ms, property::timer_deliver_ms, property::stored_ms});
    message::append_property(out.properties, property::delay, std::to_string(index + 1));
    message::append_property(out.properties, property::real_topic, topic);
    message::append_property(out.properties, property::real_qid, std::to_string(queue_id));
    const std::int64_t newest_ms = store_.newest_ms();  // first: others may store meanwhile
    message::note_stored_ms(out.properties, clock_.wall_ms(), newest_ms);
    return out;
}

void Delay::arrived(std::span<const store::Arrival> arrivals) {
    const auto is_ours = [](const store::Arrival& arrival) {
        return arrival.queue->topic() == schedule_topic;
    };
    if (std::any_of(arrivals.begin(), arrivals.end(), is_ours)) bell_.ring();
}

/// When it was put back, what says it is due far away is due when a level's time has passed.
void Delay::look_at_clock() {
    const std::int64_t wall_ms = clock_.wall_ms(), monotonic_ms = clock_.monotonic_ms();
    const std::int64_t passed_ms =
        std::max<std::int64_t>(0, monotonic_ms - std::exchange(monotonic_ms_, monotonic_ms));
    const std::int64_t expected_ms = std::exchange(wall_ms_, wall_ms) + passed_ms;
    if (wall_ms > expected_ms - step_ms_min) return;
    for (auto& level : levels_) bound(level, wall_ms);
}

void Delay::bound(Level& level, std::int64_t now_ms) {
    const std::int64_t due_ms = now_ms + level.wait_ms;
    level.bounds.add(level.queue->max().value, due_ms);
    level.bounds.forget_before(level.next);
    offsets_.set_due_bounds(level.level, level.bounds);
    if (level.head_due_ms) level.head_due_ms = std::min(*level.head_due_ms, due_ms);
}

std::int64_t Delay::run_due() {
    look_at_clock();
    bool more = true;
    for (auto& level : levels_) level.failing = false;
    while (more && !stopping_) {
        more = false;
        for (auto& level : levels_) more = deliver_some(level) || more;
    }
    if (delivering_) mark(false);
    std::int64_t wait_ms = -1;
    const auto wait_at_most = [&wait_ms](std::int64_t ms) {
        wait_ms = wait_ms < 0 ? ms : std::min(wait_ms, ms);
    };
    const std::int64_t now = clock_.wall_ms();
    for (const auto& level : levels_) {
        if (level.failing)
            wait_at_most(retry_ms);
        else if (level.head_due_ms)
            wait_at_most(std::clamp(*level.head_due_ms - now, std::int64_t{0}, sleep_ms_max));
    }
    return wait_ms;
}

/// One read's worth of a level; true when it is worth looking again at once.
bool Delay::deliver_some(Level& level) {
    const std::int64_t now = clock_.wall_ms();
    if (level.failing) return false;
    if (level.head_due_ms && *level.head_due_ms > now) return false;
    if (level.next == level.queue->max().value) return false;

    Collector collector(level.wait_ms);
    store::ReadLimits limits;
    limits.messages = read_messages;
    limits.bytes = read_bytes;
    const auto read = store_.read(*level.queue, {level.next}, limits, &collector);
    const std::span<const Waiting> found(collector.found());
    const auto due_of = [&](const Waiting& is) {
        return level.bounds.of(is.record.queue_offset.value, is.due_ms);
    };
    const auto head = std::find_if(found.begin(), found.end(),
                                   [&](const Waiting& is) { return due_of(is) > now; });
    const auto due = found.first(static_cast<std::size_t>(head - found.begin()));
    if (!deliver(level, due)) return false;
    if (read.status == store::ReadStatus::offset_found_null)
        log::error("delayed_messages_unreadable",
                   {{"level", level.level}, {"from", level.next}, {"to", read.next.value}});
    const Reader is{reader, level.queue->topic(), level.queue->id()};
    if (read.status == store::ReadStatus::offset_too_small)
        held_to_begin(is, level.next, {read.min.value, read.max.value});
    if (level.next > read.max.value) held_to_end(is, level.next, {read.min.value, read.max.value});
    // Units without a record (their log file is gone) are passed over like those delivered.
    move(level, head == found.end() ? read.next.value : head->record.queue_offset.value);
    if (head != found.end()) {
        level.head_due_ms = due_of(*head);
        // The clock was put back, and nobody has seen it.
        if (*level.head_due_ms > now + level.wait_ms) bound(level, now);
    }
    return head == found.end() && level.next != level.queue->max().value;
}

/// False when one could not be stored: it and what follows will be tried again.
bool Delay::deliver(Level& level, std::span<const Waiting> due) {
    redelivery_.clear();
    std::vector<const Waiting*> added;
    for (const auto& waiting : due) {
        if (redelivery_.add(waiting.record)) added.push_back(&waiting);
    }
    if (added.empty()) return true;
    mark(true);
    const std::size_t settled = redelivery_.append();
    if (settled == added.size()) return true;
    level.failing = true;
    move(level, added[settled]->record.queue_offset.value);
    return false;
}

/// Without it a message may come twice after kill -9, which is better than not at all.
void Delay::mark(bool delivering) {
    marked_.clear();
    for (const auto& level : levels_) marked_.push_back(level.next);
    delivering_ = delivering;
    const auto written = mark_.write(delivering, marked_);
    if (!written && !mark_failing_)
        log::warn("delivery_not_marked", {{"error", written.error().what}});
    mark_failing_ = !written;
}

void Delay::go_on_from(const DeliveryMark::Left& left) {
    for (std::size_t i = 0; i < std::min(left.values.size(), levels_.size()); ++i)
        levels_[i].next = std::max(levels_[i].next, left.values[i]);
    for (const auto at : left.delivered) {
        const auto slice = store_.record_at(at);
        const auto record = slice ? message::RecordView::parse(slice->bytes) : slice.error();
        if (!record || record->topic != schedule_topic || record->queue_id < 0 ||
            record->queue_id >= delay_levels_.count())
            continue;
        auto& level = levels_[static_cast<std::size_t>(record->queue_id)];
        level.next = std::max(level.next, record->queue_offset.value + 1);
    }
}

void Delay::move(Level& level, std::int64_t next) {
    if (next != level.next) level.head_due_ms.reset();
    level.next = next;
    offsets_.set(level.level, next);
    if (level.bounds.forget_before(next)) offsets_.set_due_bounds(level.level, level.bounds);
}

std::vector<Delay::Progress> Delay::progress() const {
    std::vector<Progress> out;
    for (const auto& level : levels_) {
        const auto next = offsets_.find(level.level);
        if (next) out.push_back({level.level, *next, level.queue->max().value});
    }
    return out;
}

}  // namespace mqd::broker
