#include "broker/transactions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/parse.h"
#include "broker/names.h"
#include "broker/position.h"
#include "broker/queue_walk.h"
#include "broker/transaction_recovery.h"
#include "broker/wait_synced.h"
#include "message/properties.h"
#include "message/stored_time.h"
#include "message/sys_flag.h"
#include "base/named_thread.h"

namespace mqd::broker {
namespace {

namespace property = message::property;

// About RocketMQ's transactionOpMsgMaxSize of 4096 characters.
constexpr std::size_t named_max = 200;

Transactions::Ended no_such(std::string what) {
    return {Transactions::Ended::Kind::no_such, std::move(what), Errc::not_found};
}

std::optional<std::int64_t> number_of(std::string_view properties, std::string_view name) {
    const auto text = message::find_property(properties, name);
    return text ? parse_int<std::int64_t>(*text) : std::nullopt;
}

void add_unit(std::vector<store::Append>& units, store::Queue& queue) {
    store::Append unit;
    unit.queue = &queue;
    units.push_back(unit);
}

}  // namespace

Transactions::Transactions(store::Files& files, const Parts& parts)
    : is_(parts),
      halves_(*parts.store.queue(half_topic, 0)),
      ops_(*parts.store.queue(op_half_topic, 0)),
      counts_(files, parts.clock, parts.settings) {
    halves_.watch();
}

Result<std::shared_ptr<Transactions>> Transactions::open(store::Files& files, const Parts& parts) {
    std::shared_ptr<Transactions> transactions(new Transactions(files, parts));
    TRY_OK(transactions->load());
    return transactions;
}

Result<> Transactions::load() {
    auto [half, op] = saved_progress();
    // Of another life of the store: what it says of half messages that are there is not true of
    // them, but the op records are.
    const bool fits =
        held_to_end({transaction_group, half_topic, 0}, half, range_of(halves_)) == half;
    if (held_to_end({transaction_group, op_half_topic, 0}, op, range_of(ops_)) != op || !fits)
        half = op = 0;
    auto found = recover_transactions(is_.store, half, op);
    counted_to_ = halves_.max().value;
    std::int64_t open = 0;
    for (const auto& [topic, n] : found.open) open += n;
    if (open > 0 || !found.unnamed.empty())
        log::info("transactions_recovered",
                  {{"open", open}, {"settled_by_crash", found.unnamed.size()}});
    {
        const Lock lock(mutex_);
        ledger_ = std::move(found.ledger);
        unnamed_ = std::move(found.unnamed);
    }
    return counts_.open(found.open);
}

Place Transactions::place(std::string_view properties, std::string_view topic,
                          std::int32_t queue_id) const {
    Place out{&halves_, half_properties(properties, topic, queue_id)};
    const std::int64_t newest_ms = is_.store.newest_ms();  // first: others may store meanwhile
    message::note_stored_ms(out.properties, is_.clock.wall_ms(), newest_ms);
    return out;
}

void Transactions::start() {
    thread_ = named_thread("mqd-trans", [this] { run(); });
}

void Transactions::stop() {
    if (stopping_.exchange(true)) return;
    bell_.ring();
    if (thread_.joinable()) thread_.join();
    halves_.unwatch();
}

void Transactions::run() {
    while (!stopping_) {
        const std::int64_t wait_ms = run_due();
        if (!stopping_) bell_.wait(wait_ms);
    }
}

void Transactions::arrived(std::span<const store::Arrival> arrivals) {
    bool ours = false;
    for (const auto& arrival : arrivals) {
        if (arrival.queue != &halves_) continue;
        ours = true;
        if (arrival.offset.value < counted_to_) continue;
        const auto half = Half::read(arrival.record);
        if (half && !half->is_copy) counts_.add(half->topic, 1);
    }
    if (ours && idle_.load()) bell_.ring();
}

std::optional<std::int64_t> Transactions::find_open(const Half& half) const {
    const auto offset = half.record.queue_offset.value;
    if (!ledger_.is_settled(offset)) return offset;
    const auto moved = ledger_.moved_to(half.first);
    return moved && !ledger_.is_settled(*moved) ? moved : std::nullopt;
}

/// The copy that is open, now the caller's to settle; nothing when the transaction is settled.
std::optional<std::int64_t> Transactions::claim(const Half& half) {
    const Lock lock(mutex_);
    for (;;) {
        const auto open = find_open(half);
        if (!open || claimed_.insert(*open).second) return open;
        released_.wait(mutex_);
    }
}

/// Whether the half queue can be that long, with what is not dispatched yet: nobody vouches for
/// what a record of the log says.
bool Transactions::is_plausible(std::int64_t half) const {
    const auto dispatched = is_.store.dispatched();  // first: what follows only grows
    const auto waiting = is_.store.end() - dispatched;
    return half <=
           halves_.max().value + waiting / static_cast<std::int64_t>(message::record_bytes_min);
}

/// `half`, and what else has to be named, as far as it fits.
std::vector<std::int64_t> Transactions::take_unnamed(std::int64_t half) {
    std::vector<std::int64_t> named{half};
    while (!unnamed_.empty() && named.size() < named_max) {
        named.push_back(unnamed_.back());
        unnamed_.pop_back();
    }
    return named;
}

void Transactions::note_op(const store::Append& op, const std::vector<std::int64_t>& named) {
    if (op.stored)
        ledger_.op_written(op.queue_offset.value, *std::max_element(named.begin(), named.end()));
    else
        unnamed_.insert(unnamed_.end(), named.begin(), named.end());
}

void Transactions::count_put(const store::Append& unit) {
    if (unit.stored)
        is_.counters.put(*unit.queue, 1, static_cast<std::int64_t>(unit.records.size()));
    else
        is_.counters.put_failed();
}

/// Appends op records for what was settled, and for what could not be named before.
void Transactions::name(const message::Host& store_host, std::vector<std::int64_t> settled) {
    for (std::size_t begin = 0; begin < settled.size();) {
        const auto count = std::min(settled.size() - begin, named_max);
        const auto first = settled.begin() + static_cast<std::ptrdiff_t>(begin);
        std::vector<std::int64_t> named(first, first + static_cast<std::ptrdiff_t>(count));
        begin += count;
        Buffer record;
        encode_op(named, store_host, is_.clock.wall_ms(), is_.settings.store.append_crc, record);
        store::Append op;
        op.queue = &ops_;
        op.records = record.bytes();
        is_.store.append({&op, 1});
        count_put(op);
        const Lock lock(mutex_);
        note_op(op, named);
    }
}

Transactions::Ended Transactions::end(const End& end, const TopicRight& may_end) {
    const auto slice = is_.store.record_at(end.at);
    const auto record = slice ? message::RecordView::parse(slice->bytes)
                              : Result<message::RecordView>(slice.error());
    if (!record || record->topic != half_topic || record->at != end.at)
        return no_such(fmt::format("no half message lies at {}", end.at.value));
    const auto half = Half::read(*record);
    if (!half) return no_such(half.error().what);
    if (const auto may = may_end(half->topic); !may)
        return {Ended::Kind::refused, may.error().what, Errc::refused};
    if (half->group != end.group) return no_such("The producer group wrong");
    if (record->queue_offset.value != end.queue_offset || !is_plausible(record->queue_offset.value))
        return no_such("The transaction state table offset wrong");
    const std::int64_t in_time_ms =
        std::max(half->immunity_ms.value_or(0), is_.settings.transactions.timeout_ms);
    if (half->immunity_ms && !end.from_check &&
        is_.clock.wall_ms() - message::stored_ms(*record) > in_time_ms)
        return {Ended::Kind::too_late,
                fmt::format("the transaction was to be ended within {} ms", in_time_ms),
                {}};
    if (end.commit &&
        static_cast<std::int64_t>(record->body.size()) > is_.store.options().message_bytes_max)
        return {Ended::Kind::not_stored, "the message is longer than maxMessageSize",
                Errc::invalid};
    if (const auto open = claim(*half)) return end_open(end, *half, *open);
    return end_given_up(end, *half);
}

/// The message of a half message, for those that it is meant for.
struct Transactions::Committed {
    std::string properties;
    message::Draft draft;

    Committed(const Half& half, PhysicalOffset at, bool append_crc)
        : properties(committed_properties(half)), draft(copy_of(half.record)) {
        draft.topic = half.topic;
        draft.queue_id = half.queue_id;
        draft.sys_flag = (draft.sys_flag & ~message::sys_flag::transaction_mask) |
                         message::sys_flag::transaction_commit;
        draft.prepared_offset = at.value;
        draft.properties = properties;
        draft.append_crc = append_crc;
    }
};

/// The caller has claimed `open`.
Transactions::Ended Transactions::end_open(const End& end, const Half& half, std::int64_t open) {
    std::vector<std::int64_t> named;
    {
        const Lock lock(mutex_);
        named = take_unnamed(open);
    }
    Buffer records;
    std::vector<store::Append> units;
    if (end.commit) {
        message::encode(Committed(half, end.at, is_.settings.store.append_crc).draft, records);
        add_unit(units, *is_.store.queue(half.topic, half.queue_id));
    }
    const std::size_t op_begin = records.size();
    encode_op(named, half.record.store_host, is_.clock.wall_ms(), is_.settings.store.append_crc,
              records);
    add_unit(units, ops_);
    units.back().records = records.bytes().subspan(op_begin);
    if (end.commit) units.front().records = records.bytes().first(op_begin);
    is_.store.append(units);
    for (const auto& unit : units) count_put(unit);

    const bool settled = units.front().stored;
    {
        const Lock lock(mutex_);
        claimed_.erase(open);
        if (settled) {
            ledger_.settle(open);
            ledger_.forget(half.first);
            // It may be one that was given up and taken up again.
            if (half.is_copy) note_ended_late(half.first);
        } else {
            named.erase(named.begin());
        }
        if (!named.empty()) note_op(units.back(), named);
    }
    released_.notify_all();
    if (!settled)
        return {Ended::Kind::not_stored, "the end of the transaction was not stored",
                units.front().why_not};
    counts_.add(half.topic, -1);
    return {};
}

// ---- after it was given up

/// Its producers have decided after all. Of several ends the first counts.
Transactions::Ended Transactions::end_given_up(const End& end, const Half& half) {
    const auto ignored = [&] {
        log::info("transaction_end_ignored", {{"topic", half.topic},
                                              {"group", half.group},
                                              {"key", half.unique_key},
                                              {"commit", end.commit ? "true" : "false"},
                                              {"reason", "it was ended before"}});
        return Ended{};
    };
    if (!was_given_up(half)) return ignored();
    {
        const Lock lock(mutex_);
        if (!note_ended_late(half.first)) return ignored();
    }
    if (!end.commit) return {};
    if (was_committed(half)) return ignored();
    Buffer record;
    message::encode(Committed(half, end.at, is_.settings.store.append_crc).draft, record);
    store::Append unit;
    unit.queue = is_.store.queue(half.topic, half.queue_id);
    unit.records = record.bytes();
    is_.store.append({&unit, 1});
    count_put(unit);
    if (unit.stored) {
        log::info("given_up_transaction_committed",
                  {{"topic", half.topic}, {"group", half.group}, {"key", half.unique_key}});
        return {};
    }
    const Lock lock(mutex_);
    ended_late_.erase(half.first);
    return {Ended::Kind::not_stored, "the message was not stored", unit.why_not};
}

/// False: it is known.
bool Transactions::note_ended_late(std::int64_t first) {
    if (ended_late_.size() >= ended_late_max) ended_late_.erase(ended_late_.begin());
    return ended_late_.insert(first).second;
}

bool Transactions::was_given_up(const Half& half) const {
    auto* queue = is_.store.find_queue(check_max_topic, 0);
    if (queue == nullptr) return false;
    // The copy was stored after the message.
    const auto from = is_.store.offset_by_time(*queue, half.record.store_ts_ms, false);
    bool found = false;
    for (auto at = from.value, end = queue->max().value; at < end && !found;)
        at = read_some(is_.store, *queue, at, end, [&](const message::RecordView& record) {
            found = found || is_given_up_copy(record, half);
        });
    return found;
}

/// By an earlier life of the broker, after it had given it up: as far as the index knows.
bool Transactions::was_committed(const Half& half) const {
    if (half.unique_key.empty()) return false;
    store::KeyQuery wanted;
    wanted.topic = half.topic;
    wanted.key = half.unique_key;
    wanted.begin_ms = half.record.store_ts_ms;
    const auto hits = is_.store.query(wanted);
    return std::any_of(hits.records.begin(), hits.records.end(), [&](const store::Slice& slice) {
        const auto record = message::RecordView::parse(slice.bytes);
        return record && record->transaction_type() == message::sys_flag::transaction_commit &&
               message::find_property(record->properties, property::producer_group) == half.group;
    });
}

Result<> Transactions::resume(PhysicalOffset at, const TopicRight& may_resume) {
    const auto slice = is_.store.record_at(at);
    if (!slice) return Error{Errc::not_found, slice.error().what};
    TRY(const auto record, message::RecordView::parse(slice->bytes));
    if (record.topic != check_max_topic)
        return Error{Errc::not_found,
                     fmt::format("the message at {} is none of {}", at.value, check_max_topic)};
    TRY(const auto half, Half::read(record));
    TRY_OK(may_resume(half.topic));
    auto draft = copy_of(record);
    auto properties = half_properties(record.properties, half.topic, half.queue_id);
    const auto first = number_of(record.properties, property::first_half_offset);
    const bool is_same =
        first && properties.size() + copied_properties_more_max <= message::properties_bytes_max;
    if (is_same) {
        message::append_property(properties, property::first_half_offset, std::to_string(*first));
        // Its time begins anew.
        message::append_property(properties, message::property::stored_ms,
                                 std::to_string(is_.clock.wall_ms()));
    }
    draft.topic = half_topic;
    draft.queue_id = 0;
    draft.properties = properties;
    draft.append_crc = is_.settings.store.append_crc;
    Buffer bytes;
    message::encode(draft, bytes);
    store::Append unit;
    unit.queue = &halves_;
    unit.records = bytes.bytes();
    is_.store.append({&unit, 1});
    count_put(unit);
    if (!unit.stored) return Error{unit.why_not, "the half message was not stored again"};
    if (!is_same) return {};  // it is counted when it arrives
    {
        const Lock lock(mutex_);
        ledger_.moved(*first, unit.queue_offset.value);
        ended_late_.erase(*first);
    }
    counts_.add(half.topic, 1);
    return {};
}

std::pair<std::int64_t, std::int64_t> Transactions::saved_progress() const {
    const auto saved = [&](const store::Queue& queue) {
        return is_.offsets.find(transaction_group, queue.topic(), 0).value_or(0);
    };
    return {saved(halves_), saved(ops_)};
}

Result<> Transactions::save_progress() {
    std::int64_t half = 0, op = 0;
    {
        const Lock lock(mutex_);
        half = ledger_.first_open();
        op = ledger_.op_progress();
    }
    if (std::pair(half, op) == saved_progress()) return {};
    if (!wait_synced(is_.store))
        return Error{Errc::io, "the progress of transactions was not saved: the log is not synced"};
    is_.offsets.commit(transaction_group, half_topic, 0, half);
    is_.offsets.commit(transaction_group, op_half_topic, 0, op);
    return {};
}

}  // namespace mqd::broker
