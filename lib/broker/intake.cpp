#include "broker/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/parse.h"
#include "broker/batch_properties.h"
#include "broker/later_properties.h"
#include "broker/names.h"
#include "broker/send_back.h"
#include "message/properties.h"
#include "message/sys_flag.h"

namespace mqd::broker {
namespace {

using message::Draft;
using Kind = Publication::Kind;
using Why = Refusal::Why;
namespace property = message::property;

/// A record's other fields, its topic among them, and what ends a file.
constexpr std::size_t record_bytes_around = 512;

}  // namespace

/// What a message is stored as instead of itself.
struct Intake::Aside {
    store::Queue* queue = nullptr;
    std::string properties;
};

// ---- where to

Refusal Intake::find_topic(const Destination& to, const Topic*& topic) {
    topic = topics_.find(to.topic);
    if (topic == nullptr) {
        if (const auto named = check_topic_name(to.topic); !named)
            return Refusal::of(named.error());
    }
    if (is_send_forbidden(to.topic))
        return {Why::forbidden,
                fmt::format("Sending message to topic[{}] is forbidden.", to.topic)};
    if (topic == nullptr) {
        const auto made = broker_.topics().find_or_create(to.topic, to.wish);
        if (!made) return Refusal::of(made.error());
        topic = topics_.find(to.topic);
        // Deleted again between the two: as if it had never been there.
        if (topic == nullptr) return {Why::no_topic, fmt::format("topic[{}] not exist", to.topic)};
    }
    return {};
}

Refusal Intake::find(const Destination& to, const Topic*& topic) {
    auto refusal = check(to, topic);
    if (refusal.is_refused() && pending_.empty()) lease_ = nullptr;
    return refusal;
}

Refusal Intake::check(const Destination& to, const Topic*& topic) {
    const auto& settings = broker_.settings();
    if (lease_ == nullptr) lease_ = broker_.leading();
    if (lease_ == nullptr)
        return {Why::closed,
                fmt::format("the broker[{}] follows another one", settings.identity.name)};
    const std::int64_t from_ms = settings.sends.accept_from_ms;
    if (from_ms > 0 && broker_.clock().wall_ms() < from_ms)
        return {Why::failed,
                fmt::format("broker unable to service, until {}", format_time(from_ms))};
    if (auto refusal = find_topic(to, topic); refusal.is_refused()) return refusal;
    const auto& config = topic->config();
    if (config.order && (settings.identity.permission & message::perm::write) == 0)
        return {Why::forbidden,
                fmt::format("the broker[{}] sending message is forbidden", settings.identity.name)};
    const std::int32_t pickable = to.queue_id < 0 ? config.write_queues : topic->queues();
    if (to.queue_id >= pickable || pickable <= 0)
        return {Why::invalid, fmt::format("request queueId[{}] is illegal, topic[{}] has {} queues",
                                          to.queue_id, to.topic, topic->queues())};
    if (is_retry_topic(to.topic)) {
        const auto group = to.topic.substr(retry_prefix.size());
        if (broker_.find_or_create_group(group) == nullptr)
            return {Why::no_group, fmt::format("subscription group not exist, {}", group)};
        if (to.is_batch) return {Why::illegal, "a batch cannot go to a retry topic"};
    }
    if (static_cast<std::int64_t>(to.body_bytes) > settings.sends.message_bytes_max)
        return {Why::illegal,
                fmt::format("the message body has {} bytes, more than maxMessageSize {}",
                            to.body_bytes, settings.sends.message_bytes_max)};
    return {};
}

// ---- one message

Draft draft_of(const Broker& broker, const Publication& is) {
    Draft draft;
    draft.topic = is.topic->name();
    draft.queue_id = is.queue_id;
    draft.flag = is.flag;
    draft.sys_flag = is.sys_flag;
    draft.born_ts_ms = is.born_ts_ms;
    draft.born_host = is.born_host;
    draft.store_host = broker.store_host();
    draft.reconsume_times = is.reconsume_times;
    draft.body = is.body;
    draft.properties = is.properties;
    draft.append_crc = broker.settings().store.append_crc;
    return draft;
}

/// A client's own retry (mqd-remoting(7), RETRIES) that is one too many, or comes from an ordered
/// group, which does not retry in another order.
bool Intake::is_dead(const Publication& is) const {
    const std::string_view topic = is.topic->name();
    if (!is_retry_topic(topic)) return false;
    const auto name = topic.substr(retry_prefix.size());
    std::int32_t retry_max = is.reconsume_times;
    if (is.retry_max) {
        retry_max = *is.retry_max;
    } else if (const auto group = broker_.groups().find(name)) {
        retry_max = group->retry_max();
    }
    return is.reconsume_times > retry_max || broker_.locks().holds_any(name);
}

Refusal Intake::put_with_dead_letters(Aside& aside, Draft& draft) {
    const auto topic = dead_letters_of(broker_, draft.topic.substr(retry_prefix.size()));
    if (!topic) return {Why::failed, topic.error().what};
    aside.queue = &(*topic)->queue(0);
    aside.properties = message::without_property(draft.properties, property::delay);
    message::append_property(aside.properties, property::delay, "-1");
    draft.topic = aside.queue->topic();
    draft.queue_id = aside.queue->id();
    draft.properties = aside.properties;
    return {};
}

/// A time that has come makes a plain message.
Refusal Intake::check_due(const Publication& is, Kind& kind) const {
    const auto& settings = broker_.settings();
    if (kind != Kind::timed) return {};
    if (!settings.delays.timers)
        return {Why::failed, "accurate timer is not enabled: timerWheelEnable=false"};
    const std::int64_t now = broker_.clock().wall_ms();
    if (is.due_ms - now > settings.delays.timer_max_s * 1000)
        return {Why::illegal, fmt::format("the timer message is to be delivered in more than "
                                          "timerMaxDelaySec {}",
                                          settings.delays.timer_max_s)};
    if (is.due_ms <= now) kind = Kind::plain;
    return {};
}

/// Where a message that is not delivered yet waits, and as what.
Refusal Intake::put_aside(const Publication& is, Kind kind, Aside& aside, Draft& draft) const {
    if (kind == Kind::plain) return {};
    if (kind == Kind::half && broker_.settings().transactions.reject)
        return {Why::forbidden,
                fmt::format("the broker[{}] sending transaction message is forbidden",
                            broker_.settings().identity.name)};
    Place place;
    if (kind == Kind::half)
        place = lease_->transactions->place(draft.properties, draft.topic, draft.queue_id);
    else if (kind == Kind::delayed)
        place = lease_->delay->place(draft.properties, is.delay_level, draft.topic, draft.queue_id);
    else
        place = lease_->timers->place(draft.properties, is.due_ms, draft.topic, draft.queue_id);
    aside.queue = place.queue;
    aside.properties = std::move(place.properties);
    draft.topic = aside.queue->topic();
    draft.queue_id = aside.queue->id();
    draft.properties = aside.properties;
    draft.sys_flag &= ~message::sys_flag::transaction_mask;
    return {};
}

/// What is stored must fit with all that is added later, or it could not be sent back, asked about
/// or buried: its properties, and its record in a file of the log.
Refusal Intake::check_length(const Draft& draft, bool is_half) const {
    const std::size_t more = draft.more_properties.size() + 1;
    // A client that sends it back brings what was added here, and gets it once more.
    const std::size_t later = later_properties_bytes(is_half) + draft.more_properties.size();
    std::size_t bytes = draft.properties.size() + more;
    // What has been sent back carries some of it already.
    if (bytes + later > message::properties_bytes_max &&
        bytes + message::crc_property_bytes + 1 <= message::properties_bytes_max)
        bytes = without_later_properties(draft.properties).size() + more;
    if (bytes + later > message::properties_bytes_max)
        return {Why::illegal,
                fmt::format("the message's properties have {} bytes, with those that the broker "
                            "adds; {} are allowed",
                            bytes, message::properties_bytes_max - later)};
    const auto file_bytes =
        static_cast<std::size_t>(broker_.settings().store.commit_log_file_bytes);
    if (draft.body.size() + record_bytes_around + bytes + later > file_bytes)
        return {Why::illegal,
                fmt::format("the message has {} bytes, more than a file of the commit log holds",
                            draft.body.size() + bytes)};
    return {};
}

Refusal Intake::add(const Publication& is) {
    auto refusal = add_one(is);
    if (refusal.is_refused() && pending_.empty()) lease_ = nullptr;
    return refusal;
}

Refusal Intake::add_one(const Publication& is) {
    Kind kind = is.kind;
    if (auto refusal = check_due(is, kind); refusal.is_refused()) return refusal;
    Draft draft = draft_of(broker_, is);
    draft.more_properties = broker_.stamp();
    std::string made_key, with_key;
    std::string_view unique_key = is.unique_key;
    if (unique_key.empty()) {
        unique_key = made_key = broker_.unique_key();
        with_key = draft.properties;
        message::append_property(with_key, property::uniq_key, unique_key);
        draft.properties = with_key;
    }
    Aside aside;
    const bool dead = is_dead(is);
    if (dead) kind = Kind::plain;
    auto refusal = dead ? put_with_dead_letters(aside, draft) : put_aside(is, kind, aside, draft);
    if (!refusal.is_refused()) refusal = check_length(draft, kind == Kind::half);
    if (refusal.is_refused()) return refusal;
    auto& queue = aside.queue != nullptr ? *aside.queue : is.topic->queue(is.queue_id);
    const std::size_t begin = records_.size();
    message::encode(draft, records_);
    note(is, queue, begin, 1, unique_key, false);
    if (kind != Kind::timed) return {};
    pending_.back().due_ms = is.due_ms;
    texts_ += is.topic->name();
    pending_.back().topic_end = texts_.size();
    return {};
}

void Intake::note(const Publication& is, store::Queue& queue, std::size_t begin,
                  std::uint32_t count, std::string_view unique_key, bool is_inner_batch) {
    Pending pending;
    pending.token = is.token;
    pending.waits = is.is_durable && broker_.settings().durability.sends_wait();
    pending.is_inner_batch = is_inner_batch;
    pending.records_begin = begin;
    pending.records_end = records_.size();
    pending.key_begin = texts_.size();
    texts_ += unique_key;
    pending.key_end = pending.topic_end = texts_.size();
    pending.queue_id = is.queue_id;
    pending_.push_back(pending);
    store::Append unit;
    unit.queue = &queue;
    unit.count = count;
    units_.push_back(unit);
}

// ---- batches

/// Each message becomes a record of its own.
Refusal Intake::add_items(const Publication& shared, const Items& items, std::uint32_t& count) {
    std::string text(shared.properties);
    if (!text.empty() && text.back() != '\x02') text += '\x02';
    text += broker_.stamp();
    const bool has_key = message::find_property(text, property::uniq_key).has_value();
    BatchProperties batch(text);
    Draft draft = draft_of(broker_, shared);
    std::string more;
    for (std::optional<Item> item;; ++count) {
        item.reset();
        if (auto refusal = items(item); refusal.is_refused()) return refusal;
        if (!item) break;
        draft.flag = item->flag;
        draft.body = item->body;
        draft.properties = item->properties;
        draft.more_properties = batch.missing_in(item->properties);
        if (item->unique_key.empty() && !has_key) {
            more = draft.more_properties;
            message::append_property(more, property::uniq_key, broker_.unique_key());
            draft.more_properties = more;
        }
        if (auto refusal = check_length(draft, false); refusal.is_refused()) return refusal;
        message::encode(draft, records_);
    }
    if (count == 0) return {Why::illegal, "the batch is empty"};
    return {};
}

/// One record for all of them, which consumers split.
Refusal Intake::add_inner_batch(const Publication& shared, const Items& items) {
    std::int32_t count = 0;
    for (std::optional<Item> item;; ++count) {
        item.reset();
        if (auto refusal = items(item); refusal.is_refused()) return refusal;
        if (!item) break;
    }
    if (count == 0) return {Why::illegal, "the batch is empty"};
    if (count > message::inner_batch_messages_max)
        return {Why::illegal, fmt::format("a batch holds at most {} messages",
                                          message::inner_batch_messages_max)};
    std::string more(broker_.stamp());
    std::string made_key;
    if (shared.unique_key.empty()) {
        made_key = broker_.unique_key();
        message::append_property(more, property::uniq_key, made_key);
    }
    message::append_inner_batch(more, count);
    Draft draft = draft_of(broker_, shared);
    draft.sys_flag |= message::sys_flag::need_unwrap | message::sys_flag::inner_batch;
    draft.more_properties = more;
    if (auto refusal = check_length(draft, false); refusal.is_refused()) return refusal;
    const std::size_t begin = records_.size();
    message::encode(draft, records_);
    note(shared, shared.topic->queue(shared.queue_id), begin, 1,
         made_key.empty() ? shared.unique_key : made_key, true);
    return {};
}

Refusal Intake::add_batch(const Publication& shared, const Items& items) {
    if (shared.topic->config().is_batch()) return add_inner_batch(shared, items);
    const std::size_t begin = records_.size();
    std::uint32_t count = 0;
    if (auto refusal = add_items(shared, items, count); refusal.is_refused()) {
        records_.truncate(begin);
        if (pending_.empty()) lease_ = nullptr;
        return refusal;
    }
    note(shared, shared.topic->queue(shared.queue_id), begin, count, shared.unique_key, false);
    return {};
}

// ---- into the store

std::optional<PhysicalOffset> Intake::flush(Publisher& to) {
    const auto lease = std::exchange(lease_, nullptr);  // until all is stored
    if (pending_.empty()) return std::nullopt;
    // Also when an answer throws: nothing is stored, or answered, twice.
    struct Emptied {
        ~Emptied() { of.clear(); }
        Intake& of;
    } const emptied{*this};
    // Only now has the buffer stopped moving.
    for (std::size_t i = 0; i < units_.size(); ++i) {
        const auto& is = pending_[i];
        units_[i].records =
            records_.bytes().subspan(is.records_begin, is.records_end - is.records_begin);
    }
    auto& counters = broker_.counters();
    const std::int64_t begin_us = monotonic_us();
    broker_.store().append(units_);
    const std::int64_t took_us = monotonic_us() - begin_us;

    std::int64_t messages = 0, bytes = 0;
    std::optional<PhysicalOffset> wait_for;
    for (std::size_t i = 0; i < units_.size(); ++i) {
        const auto& unit = units_[i];
        const auto& is = pending_[i];
        const auto size = static_cast<std::int64_t>(unit.records.size());
        if (unit.stored) {
            messages += unit.offsets;
            bytes += size;
            traffic_.puts(*unit.queue).add(unit.offsets, size, took_us);
            if (is.waits) wait_for = std::max(wait_for.value_or(unit.at), unit.at + size);
        } else {
            counters.put_failed();
        }
        to.published({is.token, unit, is.waits && unit.stored, text(is.key_begin, is.key_end),
                      is.queue_id, is.is_inner_batch, is.due_ms, text(is.key_end, is.topic_end)});
    }
    counters.put(messages, bytes);
    counters.put_times().add(took_us, static_cast<std::int64_t>(units_.size()));
    return wait_for;
}

void Intake::clear() {
    records_.clear();
    records_.shrink_if_above(4 * bytes_max);
    texts_.clear();
    pending_.clear();
    units_.clear();
}

}  // namespace mqd::broker
