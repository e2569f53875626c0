// The rounds of Transactions: what is open is asked about, moved or given up.

#include <algorithm>

#include "base/log.h"
#include "broker/names.h"
#include "broker/queue_walk.h"
#include "broker/transactions.h"
#include "message/id.h"
#include "message/properties.h"
#include "message/stored_time.h"

namespace mqd::broker {
namespace {

// One that is not to be asked about yet stays where it is until so many have come after it: it
// would keep the queue's progress from moving on.
constexpr std::int64_t kept_behind_max = 65'536;
constexpr std::int64_t hour_ms = 3'600'000;

}  // namespace

/// One way through the open half messages, some at a time.
struct Transactions::Round {
    struct Item {
        std::int64_t half = 0;   ///< its offset in the half queue
        std::int64_t first = 0;  ///< the transaction's
        Verdict verdict = Verdict::ask;
        std::size_t begin = 0, end = 0;  ///< the copy, in `records`
    };
    std::int64_t end = 0;  ///< what lies from here on came later
    bool over = false;
    bool acted = false;
    std::int64_t wait_ms = -1;  ///< until the first one that was too young is not, -1: unknown
    Buffer records;
    std::vector<Item> items;
    std::int64_t asked = 0, nobody = 0, given_up = 0;

    void wait_at_most(std::int64_t ms) { wait_ms = wait_ms < 0 ? ms : std::min(wait_ms, ms); }
};

std::int64_t Transactions::run_due() {
    const auto any_open = [&] {
        const Lock lock(mutex_);
        return ledger_.first_open() < halves_.max().value;
    };
    for (;;) {
        // Whoever sees `idle_` rings; whoever came before that is seen here.
        idle_ = true;
        if (!any_open()) return -1;
        idle_ = false;
        const std::int64_t now = is_.clock.monotonic_ms();
        if (now < next_round_ms_ || stopping_)
            return std::max<std::int64_t>(next_round_ms_ - now, 0);
        next_round_ms_ = now + round();
    }
}

/// The milliseconds until another one is due.
std::int64_t Transactions::round() {
    Round round;
    round.end = halves_.max().value;
    std::int64_t at = 0, gone = 0;
    {
        const Lock lock(mutex_);
        // What retention has taken with it cannot be ended any more.
        const auto kept_from = std::min(halves_.min().value, round.end);
        for (auto lost = ledger_.first_open(); lost < kept_from;
             lost = ledger_.next_open(lost + 1)) {
            if (claimed_.contains(lost)) continue;
            ledger_.settle(lost);
            ++gone;
        }
        at = ledger_.first_open();
    }
    if (gone > 0) log::warn("open_transactions_gone", {{"half_messages", gone}, {"before", at}});
    while (at < round.end && !round.over && !stopping_) {
        const auto next =
            read_some(is_.store, halves_, at, round.end, [&](const message::RecordView& record) {
                if (!round.over) consider(round, record);
            });
        act(round);
        const Lock lock(mutex_);
        at = ledger_.next_open(next);
    }
    if (round.asked + round.nobody + round.given_up > 0)
        log::info(
            "transactions_checked",
            {{"asked", round.asked}, {"no_producer", round.nobody}, {"given_up", round.given_up}});
    const auto interval = is_.settings.transactions.check_interval_ms;
    if (round.acted || round.wait_ms < 0) return interval;
    return std::clamp<std::int64_t>(round.wait_ms, 1, interval);
}

void Transactions::consider(Round& round, const message::RecordView& record) {
    const auto offset = record.queue_offset.value;
    {
        const Lock lock(mutex_);
        if (ledger_.is_settled(offset)) return;
    }
    const auto half = Half::read(record);
    std::int64_t wait_ms = 0;
    const auto verdict = half ? judge(*half, wait_ms) : Verdict::give_up;
    if (verdict == Verdict::wait || verdict == Verdict::keep) {
        round.over = verdict == Verdict::wait;  // the others are younger
        return round.wait_at_most(wait_ms);
    }
    {
        const Lock lock(mutex_);
        if (ledger_.is_settled(offset) || !claimed_.insert(offset).second) return;
    }
    auto draft = copy_of(record);
    std::string properties;
    draft.topic = verdict == Verdict::give_up ? check_max_topic : half_topic;
    if (verdict != Verdict::give_up)
        properties = copied_properties(*half, half->checks + (verdict == Verdict::ask ? 1 : 0));
    else if (half)
        properties = given_up_properties(*half);
    if (half) draft.properties = properties;
    // The clock was put back since it was stored: its age is counted from now on.
    const std::int64_t now_ms = is_.clock.wall_ms();
    if (half && verdict != Verdict::give_up && birth_ms(*half) > now_ms) {
        properties = message::without_property(properties, message::property::stored_ms);
        message::append_property(properties, message::property::stored_ms, std::to_string(now_ms));
        draft.properties = properties;
    }
    draft.append_crc = is_.settings.store.append_crc;
    const auto begin = round.records.size();
    message::encode(draft, round.records);
    round.items.push_back(
        {offset, half ? half->first : offset, verdict, begin, round.records.size()});
}

/// By this broker's clock as long as there is a record to tell: producers' clocks differ.
std::int64_t Transactions::birth_ms(const Half& half) const {
    if (half.noted_ms) return *half.noted_ms;
    if (!half.is_copy) return half.record.store_ts_ms;
    return is_.store.store_time(halves_, {half.first}).value_or(half.record.born_ts_ms);
}

/// `wait_ms`, for one that is too young: until it is not.
Transactions::Verdict Transactions::judge(const Half& half, std::int64_t& wait_ms) const {
    const auto& record = half.record;
    const bool fits =
        record.properties.size() + copied_properties_more_max <= message::properties_bytes_max;
    if (half.checks >= is_.settings.transactions.check_max || !fits) return Verdict::give_up;
    const std::int64_t age_ms = is_.clock.wall_ms() - birth_ms(half);
    // The clock was put back.
    if (age_ms < 0) return half.immunity_ms ? Verdict::move : Verdict::ask;
    if (age_ms > is_.settings.retention.keep_hours * hour_ms) return Verdict::give_up;
    if (half.immunity_ms && age_ms < *half.immunity_ms) {
        wait_ms = *half.immunity_ms - age_ms;
        const bool in_the_way = halves_.max().value - record.queue_offset.value > kept_behind_max;
        return in_the_way ? Verdict::move : Verdict::keep;
    }
    const auto timeout_ms = is_.settings.transactions.timeout_ms;
    if (!half.immunity_ms && half.checks == 0 && age_ms < timeout_ms) {
        wait_ms = timeout_ms - age_ms;
        return Verdict::wait;
    }
    return Verdict::ask;
}

/// Stores the copies, and then settles what they are copies of.
void Transactions::act(Round& round) {
    if (round.items.empty()) return;
    round.acted = true;
    std::vector<store::Append> units(round.items.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
        const auto& item = round.items[i];
        units[i].queue = item.verdict == Verdict::give_up ? &given_up_queue() : &halves_;
        units[i].records = round.records.bytes().subspan(item.begin, item.end - item.begin);
    }
    is_.store.append(units);
    std::vector<std::int64_t> settled;
    for (std::size_t i = 0; i < units.size(); ++i) {
        count_put(units[i]);
        if (!units[i].stored && units[i].why_not == Errc::invalid)
            log::error("half_message_dropped",
                       {{"offset", round.items[i].half}, {"reason", "longer than maxMessageSize"}});
        if (units[i].stored || units[i].why_not == Errc::invalid)
            settled.push_back(round.items[i].half);
        else
            round.over = true;  // the disk is full, or failed
    }
    // Only now: a copy without this is found out after a crash, the other way round it is not.
    const auto first_copy = message::RecordView::parse(units.front().records);
    if (first_copy) name(first_copy->store_host, settled);
    settle(round, units);
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (units[i].stored) conclude(round, round.items[i].verdict, units[i].records);
    }
    round.items.clear();
    round.records.clear();
}

void Transactions::settle(const Round& round, const std::vector<store::Append>& units) {
    {
        const Lock lock(mutex_);
        for (std::size_t i = 0; i < units.size(); ++i) {
            const auto& item = round.items[i];
            claimed_.erase(item.half);
            if (!units[i].stored && units[i].why_not != Errc::invalid) continue;
            ledger_.settle(item.half);
            if (units[i].stored && item.verdict != Verdict::give_up) {
                ledger_.moved(item.first, units[i].queue_offset.value);
                continue;
            }
            ledger_.forget(item.first);
            ended_late_.erase(item.first);
        }
    }
    released_.notify_all();
}

void Transactions::conclude(Round& round, Verdict verdict, Bytes copy) {
    const auto record = message::RecordView::parse(copy);
    const auto half = record ? Half::read(*record) : Result<Half>(record.error());
    if (verdict == Verdict::give_up) {
        ++round.given_up;
        if (half) counts_.add(half->topic, -1);
        return;
    }
    if (verdict != Verdict::ask || !half) return;
    const auto producer = is_.clients.any_producer(half->group);
    if (producer == nullptr) {
        ++round.nobody;
        return;
    }
    ++round.asked;
    auto draft = copy_of(*record);
    draft.topic = half->topic;
    draft.queue_id = half->queue_id;
    Buffer bytes;
    message::encode(draft, bytes);
    message::place(bytes.bytes(), record->queue_offset, record->at, record->store_ts_ms);
    auto question = std::make_shared<HalfCheck>();
    question->queue_offset = record->queue_offset.value;
    question->at = record->at;
    question->unique_key = half->unique_key;
    question->transaction_id = half->transaction_id;
    question->offset_id = message::offset_id(record->store_host, record->at);
    question->record = bytes.text();
    producer->check_transaction(question);
}

store::Queue& Transactions::given_up_queue() {
    TopicConfig config;
    config.name = check_max_topic;
    config.read_queues = config.write_queues = 1;
    if (const auto made = is_.topics.ensure(config); !made)
        log::warn("topic_not_made", {{"topic", check_max_topic}, {"error", made.error().what}});
    return *is_.store.queue(check_max_topic, 0);
}

}  // namespace mqd::broker
