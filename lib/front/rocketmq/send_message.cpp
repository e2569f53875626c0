// SEND_MESSAGE 10, SEND_MESSAGE_V2 310, SEND_BATCH_MESSAGE 320: mqd-remoting(7), SENDING and CHECKS
// OF A SEND. What RocketMQ says by properties, the intake is told in plain words.

#include <optional>
#include <string>

#include "front/rocketmq/errors.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/send_properties.h"
#include "front/rocketmq/send_request.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {
namespace {

using broker::Publication;
using broker::Refusal;
using Kind = Publication::Kind;
using Why = Refusal::Why;
namespace sys_flag = message::sys_flag;

/// A client's own retry: it was committed when it was first delivered.
bool is_retry(const SendProperties& properties, const Publication& message) {
    return message.reconsume_times > 0 && properties.delay_level != 0;
}

/// Stored as ordinary messages they would be seen at once.
Refusal check_kind(const SendProperties& properties, const Publication& message) {
    if (!is_retry(properties, message)) {
        const bool is_waiting = properties.delay_level > 0 || properties.is_timed();
        if (properties.is_half && is_waiting)
            return {Why::illegal, "a message of a transaction cannot be delayed"};
        if (!properties.is_half && (message.sys_flag & sys_flag::transaction_mask) != 0)
            return {Why::illegal, "a message of a transaction must say TRAN_MSG=true"};
    }
    if (properties.delay_unreadable) return {Why::failed, "DELAY is not a number"};
    if (properties.has_inner_num || (message.sys_flag & sys_flag::inner_batch) != 0)
        return {Why::illegal, "a batch is packed by the broker"};
    return {};
}

/// A batch goes to one queue, and to no other from there.
Refusal check_batch_kind(const SendProperties& properties, const Publication& batch) {
    if (properties.delay_level > 0 || properties.is_timed())
        return {Why::illegal, "messages of a batch cannot be delayed"};
    if (properties.is_half)
        return {Why::illegal, "messages of a batch cannot belong to a transaction"};
    return check_kind(properties, batch);
}

Refusal set_kind(const Call& call, const SendProperties& properties, Publication& message) {
    if (properties.is_half && !is_retry(properties, message)) {
        message.kind = Kind::half;
    } else if (properties.delay_level > 0) {
        message.kind = Kind::delayed;
        message.delay_level = properties.delay_level;
    } else if (properties.is_timed() && call.broker.settings().delays.timers) {
        const auto due = properties.deliver_ms(call.broker.clock().wall_ms());
        if (!due) return {Why::illegal, due.error().what};
        message.kind = Kind::timed;
        message.due_ms = *due;
    } else if (properties.is_timed()) {
        message.kind = Kind::timed;  // the intake says that there are none
    }
    return {};
}

Refusal add_one(const Call& call, Publication message) {
    const auto properties = SendProperties::read(message.properties);
    if (auto refusal = check_kind(properties, message); refusal.is_refused()) return refusal;
    if (auto refusal = set_kind(call, properties, message); refusal.is_refused()) return refusal;
    message.unique_key = properties.unique_key;
    message.is_durable = properties.waits;
    std::string cleaned;
    if (properties.has_pop_check) {
        cleaned = message::without_property(message.properties, message::property::pop_ck);
        message.properties = cleaned;
    }
    return call.connection.worker.sends.intake().add(message);
}

Refusal add_batch(const Call& call, Publication batch) {
    const auto properties = SendProperties::read(batch.properties);
    if (auto refusal = check_batch_kind(properties, batch); refusal.is_refused()) return refusal;
    batch.unique_key = properties.unique_key;
    batch.is_durable = properties.waits;
    message::BatchReader reader(call.request.body);
    return call.connection.worker.sends.intake().add_batch(
        batch, [&](std::optional<broker::Intake::Item>& next) -> Refusal {
            if (reader.at_end()) return {};
            const auto item = reader.next();
            if (!item) return {Why::illegal, item.error().what};
            const auto own = SendProperties::read(item->properties);
            next = {item->flag, item->body, item->properties, own.unique_key};
            return check_batch_kind(own, batch);
        });
}

void refuse(const Call& call, const wire::SendMessage& header, const Refusal& refusal) {
    if (call.request.is_oneway()) {
        const auto count = messages_of(header, call.request.body);
        return call.connection.worker.sends.lost(call.session, count, header.topic, refusal.text);
    }
    const auto code = code_of(refusal.why);
    if (refusal.why != Why::illegal) return call.refuse(code, refusal.text);
    // A client whose batch is too long makes smaller ones then.
    call.session.reply(call.request, code,
                       wire::SendRefusal{call.broker.settings().sends.message_bytes_max}, {},
                       refusal.text);
}

}  // namespace

void send_message(const Call& call, const wire::SendMessage& header) {
    auto& sends = call.connection.worker.sends;
    const broker::Topic* topic = nullptr;
    auto refusal = sends.intake().find(destination_of(call, header), topic);
    if (!refusal.is_refused()) {
        const auto message = publication_of(call, header, *topic);
        refusal = header.batch ? add_batch(call, message) : add_one(call, message);
    }
    if (refusal.is_refused()) return refuse(call, header, refusal);
    if (sends.intake().is_large()) sends.flush(call.session);
}

}  // namespace mqd::front::rocketmq
