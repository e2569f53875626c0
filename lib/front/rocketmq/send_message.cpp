// SEND_MESSAGE 10, SEND_MESSAGE_V2 310, SEND_BATCH_MESSAGE 320: spec remoting.md 3.1 and
// semantics.md 3.1. The checks stand in the order in which clients see them.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/random.h"
#include "broker/half_message.h"
#include "broker/later_properties.h"
#include "broker/names.h"
#include "broker/send_back.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/recall_handle.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/send_checks.h"
#include "front/rocketmq/send_properties.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;
using message::Draft;

// A retried message is none any more: it was committed when it was first delivered.
bool is_half(const SendProperties& properties, const Draft& draft) {
    return properties.is_half && !(draft.reconsume_times > 0 && properties.delay_level != 0);
}

// Stored as ordinary messages they would be seen at once.
Refusal check_kind(const Call& call, const SendProperties& properties, const Draft& draft) {
    const bool is_retry = draft.reconsume_times > 0 && properties.delay_level != 0;
    if (is_half(properties, draft)) {
        if (call.broker.settings().reject_transactions)
            return {rc::no_permission,
                    fmt::format("the broker[{}] sending transaction message is forbidden",
                                call.broker.settings().name)};
        if (properties.delay_level > 0 || properties.is_timed())
            return {rc::message_illegal, "a message of a transaction cannot be delayed"};
    } else if (!is_retry && (draft.sys_flag & message::sys_flag::transaction_mask) != 0) {
        return {rc::message_illegal, "a message of a transaction must say TRAN_MSG=true"};
    }
    if (properties.delay_unreadable) return {rc::system_error, "DELAY is not a number"};
    if (properties.has_inner_num || (draft.sys_flag & message::sys_flag::inner_batch) != 0)
        return {rc::message_illegal, "a batch is packed by the broker"};
    return {};
}

// A batch goes to one queue, and to no other from there.
Refusal check_batch_kind(const Call& call, const SendProperties& properties, const Draft& draft) {
    if (properties.delay_level > 0 || properties.is_timed())
        return {rc::message_illegal, "messages of a batch cannot be delayed"};
    if (properties.is_half)
        return {rc::message_illegal, "messages of a batch cannot belong to a transaction"};
    return check_kind(call, properties, draft);
}

/// A record's other fields, its topic among them, and what ends a file.
constexpr std::size_t record_bytes_around = 512;

/// What is stored must fit with all that is added later, or it could not be sent back, asked about
/// or buried: its properties, and its record in a file of the log.
Refusal check_length(const Call& call, const Draft& draft, bool is_half = false) {
    const std::size_t more = draft.more_properties.size() + 1;
    // A client that sends it back brings what was added here, and gets it once more.
    const std::size_t later =
        broker::later_properties_bytes(is_half) + draft.more_properties.size();
    std::size_t bytes = draft.properties.size() + more;
    // What has been sent back carries some of it already.
    if (bytes + later > message::properties_bytes_max &&
        bytes + message::crc_property_bytes + 1 <= message::properties_bytes_max)
        bytes = broker::without_later_properties(draft.properties).size() + more;
    if (bytes + later > message::properties_bytes_max)
        return {rc::message_illegal,
                fmt::format("the message's properties have {} bytes, with those that the broker "
                            "adds; {} are allowed",
                            bytes, message::properties_bytes_max - later)};
    const auto file_bytes = static_cast<std::size_t>(call.broker.settings().commit_log_file_bytes);
    if (draft.body.size() + record_bytes_around + bytes + later > file_bytes)
        return {rc::message_illegal,
                fmt::format("the message has {} bytes, more than a file of the commit log holds",
                            draft.body.size() + bytes)};
    return {};
}

Draft draft_of(const Call& call, const wire::SendMessage& header, std::int32_t queue_id) {
    Draft draft;
    draft.topic = header.topic;
    draft.queue_id = queue_id;
    draft.flag = header.flag;
    draft.sys_flag = header.sys_flag;
    draft.born_ts_ms = header.born_timestamp;
    draft.born_host = call.session.remote_host();
    draft.store_host = call.service.store_host();
    draft.reconsume_times = header.reconsume_times;
    draft.properties = header.properties;
    draft.append_crc = call.broker.settings().append_crc;
    return draft;
}

/// A client's own retry (spec semantics.md 4.6) that is one too many, or comes from an ordered
/// group, which does not retry in another order.
bool is_dead(const Call& call, const wire::SendMessage& header) {
    if (!broker::is_retry_topic(header.topic)) return false;
    const auto name = header.topic.substr(broker::retry_prefix.size());
    const auto group = call.broker.groups().find(name);
    std::int32_t retry_max = group == nullptr ? header.reconsume_times : group->retry_max();
    if (call.request.version >= wire::retry_max_version)
        retry_max = header.max_reconsume_times.value_or(retry_max);
    return header.reconsume_times > retry_max || call.broker.locks().holds_any(name);
}

/// What a message of `draft` is stored as instead; `properties` keeps the text of it.
Result<store::Queue*> redirect_to_dead_letters(const Call& call, Draft& draft,
                                               std::string& properties) {
    TRY(const auto topic,
        broker::dead_letters_of(call.broker, draft.topic.substr(broker::retry_prefix.size())));
    properties = message::without_property(draft.properties, message::property::delay);
    message::append_property(properties, message::property::delay, "-1");
    auto& queue = topic->queue(0);
    draft.topic = queue.topic();
    draft.queue_id = queue.id();
    draft.properties = properties;
    return &queue;
}

/// When a message with a timer property is to be delivered, if that lies ahead.
Refusal check_timer(const Call& call, const SendProperties& known,
                    std::optional<std::int64_t>& out_ms) {
    const auto& settings = call.broker.settings();
    if (known.delay_level > 0 || !known.is_timed()) return {};
    if (!settings.timers)
        return {rc::system_error, "accurate timer is not enabled: timerWheelEnable=false"};
    const std::int64_t now = call.broker.clock().wall_ms();
    const auto wanted = known.deliver_ms(now);
    if (!wanted) return {rc::message_illegal, wanted.error().what};
    if (*wanted - now > settings.timer_max_s * 1000)
        return {rc::message_illegal,
                fmt::format("the timer message is to be delivered in more than "
                            "timerMaxDelaySec {}",
                            settings.timer_max_s)};
    if (*wanted > now) out_ms = *wanted;
    return {};
}

/// Where a message that is not delivered yet waits, and as what.
std::optional<broker::Place> put_aside(const Call& call, const SendProperties& known,
                                       const Draft& draft, std::optional<std::int64_t> out_ms) {
    auto& broker = call.broker;
    if (is_half(known, draft))
        return broker.transactions().place(draft.properties, draft.topic, draft.queue_id);
    if (known.delay_level > 0)
        return broker.delay().place(draft.properties, known.delay_level, draft.topic,
                                    draft.queue_id);
    if (out_ms)
        return broker.timers().place(draft.properties, *out_ms, draft.topic, draft.queue_id);
    return std::nullopt;
}

Refusal add_one(const Call& call, Draft draft, store::Queue* queue) {
    auto& sends = call.connection.worker.sends;
    auto known = SendProperties::read(draft.properties);
    if (auto refusal = check_kind(call, known, draft); refusal.is_refused()) return refusal;
    std::optional<std::int64_t> out_ms;
    if (auto refusal = check_timer(call, known, out_ms); refusal.is_refused()) return refusal;

    draft.body = call.body();
    draft.more_properties = call.service.stamp();
    std::string cleaned, keyed, unique_key;
    if (known.has_pop_check) {
        cleaned = message::without_property(draft.properties, message::property::pop_ck);
        draft.properties = cleaned;
    }
    if (known.unique_key.empty()) {
        unique_key = call.service.unique_key();
        known.unique_key = unique_key;
        keyed = draft.properties;
        message::append_property(keyed, message::property::uniq_key, unique_key);
        draft.properties = keyed;
    }
    const std::int32_t queue_id = draft.queue_id;
    const bool is_half_message = is_half(known, draft);
    std::string handle;
    if (out_ms && !broker::is_retry_topic(draft.topic))
        handle = RecallHandle{std::string(draft.topic), call.broker.settings().name, *out_ms,
                              std::string(known.unique_key)}
                     .text();
    const auto aside = put_aside(call, known, draft, out_ms);
    if (aside) {
        queue = aside->queue;
        draft.topic = queue->topic();
        draft.queue_id = queue->id();
        draft.properties = aside->properties;
        draft.sys_flag &= ~message::sys_flag::transaction_mask;
    }
    if (auto refusal = check_length(call, draft, is_half_message); refusal.is_refused())
        return refusal;
    const std::size_t begin = sends.records().size();
    message::encode(draft, sends.records());
    sends.add(call.request,
              {queue, begin, 1, known.unique_key,
               known.waits && call.broker.settings().sends_wait(), queue_id, false, handle});
    return {};
}

/// Every message of a batch becomes a record of its own; all or none are taken.
Refusal encode_batch(const Call& call, Draft draft, std::string_view shared, Buffer& records,
                     std::uint32_t& count) {
    BatchProperties batch(shared);
    message::BatchReader reader(call.request.body);
    std::string more;
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) return {rc::message_illegal, item.error().what};
        const auto known = SendProperties::read(item->properties);
        if (auto refusal = check_batch_kind(call, known, draft); refusal.is_refused())
            return refusal;
        draft.flag = item->flag;
        draft.body = item->body;
        draft.properties = item->properties;
        draft.more_properties = batch.missing_in(item->properties);
        if (known.unique_key.empty() &&
            !message::find_property(shared, message::property::uniq_key)) {
            more = draft.more_properties;
            message::append_property(more, message::property::uniq_key, call.service.unique_key());
            draft.more_properties = more;
        }
        if (auto refusal = check_length(call, draft); refusal.is_refused()) return refusal;
        message::encode(draft, records);
        ++count;
    }
    if (count == 0) return {rc::message_illegal, "the batch is empty"};
    return {};
}

/// The number of messages in a batch; each may go to a queue of this topic.
Refusal count_batch(const Call& call, const Draft& draft, Bytes body, std::int32_t& count) {
    message::BatchReader reader(body);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) return {rc::message_illegal, item.error().what};
        const auto known = SendProperties::read(item->properties);
        if (auto refusal = check_batch_kind(call, known, draft); refusal.is_refused())
            return refusal;
        ++count;
    }
    if (count == 0) return {rc::message_illegal, "the batch is empty"};
    if (count > message::inner_batch_messages_max)
        return {rc::message_illegal, fmt::format("a batch holds at most {} messages",
                                                 message::inner_batch_messages_max)};
    return {};
}

/// For a topic with queue.type=BatchCQ: the batch is one record, which consumers split.
Refusal add_inner_batch(const Call& call, const wire::SendMessage& header, Draft draft,
                        store::Queue& queue) {
    auto& sends = call.connection.worker.sends;
    auto known = SendProperties::read(header.properties);
    if (auto refusal = check_batch_kind(call, known, draft); refusal.is_refused()) return refusal;
    std::int32_t count = 0;
    if (auto refusal = count_batch(call, draft, call.request.body, count); refusal.is_refused())
        return refusal;
    std::string more(call.service.stamp());
    const auto unique_key = call.service.unique_key();
    if (known.unique_key.empty()) {
        message::append_property(more, message::property::uniq_key, unique_key);
        known.unique_key = unique_key;
    }
    message::append_inner_batch(more, count);
    draft.sys_flag |= message::sys_flag::need_unwrap | message::sys_flag::inner_batch;
    draft.body = call.body();
    draft.more_properties = more;
    if (auto refusal = check_length(call, draft); refusal.is_refused()) return refusal;
    const std::size_t begin = sends.records().size();
    message::encode(draft, sends.records());
    sends.add(call.request,
              {&queue, begin, 1, known.unique_key,
               known.waits && call.broker.settings().sends_wait(), draft.queue_id, true});
    return {};
}

Refusal add_batch(const Call& call, const wire::SendMessage& header, const Draft& draft,
                  store::Queue& queue) {
    auto& sends = call.connection.worker.sends;
    const auto known = SendProperties::read(header.properties);
    if (auto refusal = check_batch_kind(call, known, draft); refusal.is_refused()) return refusal;
    std::string shared(header.properties);
    if (!shared.empty() && shared.back() != '\x02') shared += '\x02';
    shared += call.service.stamp();

    const std::size_t begin = sends.records().size();
    std::uint32_t count = 0;
    if (auto refusal = encode_batch(call, draft, shared, sends.records(), count);
        refusal.is_refused()) {
        sends.records().truncate(begin);
        return refusal;
    }
    sends.add(call.request, {&queue, begin, count, known.unique_key,
                             known.waits && call.broker.settings().sends_wait(), draft.queue_id});
    return {};
}

Refusal add(const Call& call, const wire::SendMessage& header, const broker::Topic& topic) {
    const std::int32_t queue_id =
        header.queue_id >= 0 ? header.queue_id : random_below(topic.config().write_queues);
    auto draft = draft_of(call, header, queue_id);
    if (header.batch && topic.config().is_batch())
        return add_inner_batch(call, header, draft, topic.queue(queue_id));
    if (header.batch) return add_batch(call, header, draft, topic.queue(queue_id));
    if (!is_dead(call, header)) return add_one(call, draft, &topic.queue(queue_id));
    std::string properties;
    const auto queue = redirect_to_dead_letters(call, draft, properties);
    if (!queue) return {rc::system_error, queue.error().what};
    return add_one(call, draft, *queue);
}

void refuse(const Call& call, const wire::SendMessage& header, const Refusal& refusal) {
    if (call.request.is_oneway()) {
        const auto count = messages_of(header, call.request.body);
        return call.connection.worker.sends.lost(call.session, count, header.topic, refusal.remark);
    }
    if (refusal.code != rc::message_illegal) return call.refuse(refusal.code, refusal.remark);
    // Whoever sent a batch that is too long makes smaller ones then.
    call.session.reply(call.request, refusal.code,
                       wire::SendRefusal{call.broker.settings().message_bytes_max}, {},
                       refusal.remark);
}

}  // namespace

void send_message(const Call& call) {
    auto& sends = call.connection.worker.sends;
    const auto header = wire::read_send_message(call.request);
    if (!header) {
        if (call.request.is_oneway()) sends.lost(call.session, 1, "", header.error().what);
        return call.refuse(header.error());
    }
    const broker::Topic* topic = nullptr;
    auto refusal = check_send(call, *header, topic);
    if (!refusal.is_refused()) refusal = add(call, *header, *topic);
    if (refusal.is_refused()) return refuse(call, *header, refusal);
    if (sends.is_large()) sends.flush(call.session);
}

}  // namespace mqd::front::rocketmq
