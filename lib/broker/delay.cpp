#include "broker/delay.h"

#include <pthread.h>

#include <algorithm>

#include "base/log.h"
#include "base/parse.h"
#include "broker/names.h"
#include "broker/topics.h"
#include "message/properties.h"
#include "message/record.h"

namespace mqd::broker {
namespace {

namespace property = message::property;

constexpr int read_messages = 256;
constexpr std::int64_t read_bytes = 1 << 20;
constexpr std::size_t kept_bytes = 4 << 20;
/// After an append that failed.
constexpr std::int64_t retry_ms = 100;
/// The wall clock may be set while we sleep.
constexpr std::int64_t sleep_ms_max = 1000;

// A due time farther away than the level waits means that the clock was set back.
bool is_due(std::int64_t due_ms, std::int64_t now_ms, std::int64_t wait_ms) {
    return due_ms <= now_ms || due_ms > now_ms + wait_ms;
}

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
        const bool is_time = code_ >= record.store_ts_ms;
        found_.push_back({record, is_time ? code_ : record.store_ts_ms + wait_ms_});
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
      counters_(counters),
      settings_(settings),
      delay_levels_(std::move(levels)),
      offsets_(files, clock, store, settings) {}

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
        const auto saved = delay->offsets_.find(n);
        level.next = std::clamp(saved.value_or(0), level.queue->min().value,
                                std::max(level.queue->min(), level.queue->max()).value);
        if (saved || level.queue->max().value > 0) delay->offsets_.set(n, level.next);
        level.queue->watch();
        delay->levels_.push_back(level);
    }
    return delay;
}

void Delay::start() {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "mqd-delay");
        run();
    });
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

Delay::Place Delay::place(std::string_view properties, std::int64_t level, std::string_view topic,
                          std::int32_t queue_id) const {
    check(level > 0);
    const auto index = static_cast<std::size_t>(
        std::min(level, static_cast<std::int64_t>(delay_levels_.count())) - 1);
    Place out;
    out.queue = levels_[index].queue;
    out.properties = message::without_properties(
        properties,
        {property::delay, property::real_topic, property::real_qid, property::timer_delay_sec,
         property::timer_delay_ms, property::timer_deliver_ms});
    message::append_property(out.properties, property::delay, std::to_string(index + 1));
    message::append_property(out.properties, property::real_topic, topic);
    message::append_property(out.properties, property::real_qid, std::to_string(queue_id));
    return out;
}

void Delay::arrived(std::span<const store::Arrival> arrivals) {
    const auto is_ours = [](const store::Arrival& arrival) {
        return arrival.queue->topic() == schedule_topic;
    };
    if (std::any_of(arrivals.begin(), arrivals.end(), is_ours)) bell_.ring();
}

std::int64_t Delay::run_due() {
    bool more = true;
    for (auto& level : levels_) level.failing = false;
    while (more && !stopping_) {
        more = false;
        for (auto& level : levels_) more = deliver_some(level) || more;
    }
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
    if (level.head_due_ms && !is_due(*level.head_due_ms, now, level.wait_ms)) return false;
    if (level.next == level.queue->max().value) return false;

    Collector collector(level.wait_ms);
    store::ReadLimits limits;
    limits.messages = read_messages;
    limits.bytes = read_bytes;
    const auto read = store_.read(*level.queue, {level.next}, limits, &collector);
    const std::span<const Waiting> found(collector.found());
    const auto head = std::find_if(found.begin(), found.end(), [&](const Waiting& waiting) {
        return !is_due(waiting.due_ms, now, level.wait_ms);
    });
    const auto due = found.first(static_cast<std::size_t>(head - found.begin()));
    if (!deliver(level, due)) return false;
    if (read.status == store::ReadStatus::offset_found_null)
        log::error("delayed_messages_unreadable",
                   {{"level", level.level}, {"from", level.next}, {"to", read.next.value}});
    // Units without a record (their log file is gone) are passed over like those delivered.
    move(level, head == found.end() ? read.next.value : head->record.queue_offset.value);
    if (head != found.end()) level.head_due_ms = head->due_ms;
    return head == found.end() && level.next != level.queue->max().value;
}

/// False when one could not be stored: it and what follows will be tried again.
bool Delay::deliver(Level& level, std::span<const Waiting> due) {
    records_.clear();
    records_.shrink_if_above(kept_bytes);
    ends_.clear();
    units_.clear();
    std::vector<const Waiting*> of_unit;
    for (const auto& waiting : due) {
        if (encode(waiting)) of_unit.push_back(&waiting);
    }
    // Only now has the buffer stopped moving.
    for (std::size_t i = 0, begin = 0; i < units_.size(); begin = ends_[i++])
        units_[i].records = records_.bytes().subspan(begin, ends_[i] - begin);
    if (!units_.empty()) store_.append(units_);

    std::int64_t messages = 0, bytes = 0;
    for (std::size_t i = 0; i < units_.size() && !level.failing; ++i) {
        const auto& unit = units_[i];
        if (unit.stored) {
            ++messages;
            bytes += static_cast<std::int64_t>(unit.records.size());
        } else if (unit.why_not == Errc::invalid) {
            log::error("delayed_message_dropped", {{"topic", unit.queue->topic()},
                                                   {"at", of_unit[i]->record.at.value},
                                                   {"reason", "longer than maxMessageSize"}});
        } else {
            level.failing = true;
            counters_.put_failed();
            move(level, of_unit[i]->record.queue_offset.value);
        }
    }
    counters_.put(messages, bytes);
    return !level.failing;
}

/// Adds a unit; false for what no broker can deliver.
bool Delay::encode(const Waiting& waiting) {
    const auto& record = waiting.record;
    const auto topic = message::find_property(record.properties, property::real_topic).value_or("");
    const auto id = parse_int<std::int32_t>(
        message::find_property(record.properties, property::real_qid).value_or(""));
    if (!check_topic_name(topic) || topic == half_topic || !id || *id < 0 ||
        *id >= topic_queues_max) {
        log::error("delayed_message_dropped", {{"topic", topic},
                                               {"at", record.at.value},
                                               {"reason", "no topic and queue to deliver to"}});
        return false;
    }
    message::Draft draft;
    draft.topic = topic;
    draft.queue_id = *id;
    draft.flag = record.flag;
    draft.sys_flag = record.sys_flag;
    draft.born_ts_ms = record.born_ts_ms;
    draft.born_host = record.born_host;
    draft.store_host = record.store_host;
    draft.reconsume_times = record.reconsume_times;
    draft.body = record.body;
    // DELAY, REAL_TOPIC and REAL_QID stay, as with the reference: the topic tells what it is.
    draft.properties = record.properties;
    draft.append_crc = settings_.append_crc;
    message::encode(draft, records_);
    ends_.push_back(records_.size());
    store::Append unit;
    unit.queue = store_.queue(topic, *id);
    units_.push_back(unit);
    return true;
}

void Delay::move(Level& level, std::int64_t next) {
    if (next != level.next) level.head_due_ms.reset();
    level.next = next;
    offsets_.set(level.level, next);
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
