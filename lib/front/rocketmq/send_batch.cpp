#include "front/rocketmq/send_batch.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/service.h"
#include "message/id.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {
namespace {

std::string_view why_text(Errc why_not) {
    switch (why_not) {
        case Errc::refused:
            return "service not available now. It may be caused by one of the following reasons: "
                   "the broker's disk is full, the store is shutting down, or the queue is just "
                   "being made whole from the log";
        case Errc::invalid:
            return "the message is illegal, maybe it is too long";
        default:
            return "the message was not stored: the disk failed";
    }
}

}  // namespace

void SendBatch::add(const wire::Command& request, const Send& send) {
    Pending pending{request.opaque,
                    request.encoding,
                    request.is_oneway(),
                    send.waits,
                    send.records_begin,
                    records_.size(),
                    keys_.size(),
                    0,
                    0,
                    send.queue_id,
                    send.inner_batch};
    keys_.append(send.unique_key);
    pending.key_end = keys_.size();
    keys_.append(send.recall_handle);
    pending.handle_end = keys_.size();
    pending_.push_back(pending);
    store::Append unit;
    unit.queue = send.queue;
    unit.count = send.count;
    units_.push_back(unit);
}

void SendBatch::flush(remoting::Session& session) {
    if (pending_.empty()) return;
    // Only now has the buffer stopped moving.
    for (std::size_t i = 0; i < units_.size(); ++i) {
        const auto& is = pending_[i];
        units_[i].records =
            records_.bytes().subspan(is.records_begin, is.records_end - is.records_begin);
    }
    auto& broker = service_.broker();
    const std::int64_t begin_us = monotonic_us();
    broker.store().append(units_);
    const std::int64_t took_us = monotonic_us() - begin_us;

    remoting::Ticket ticket;
    ticket.session = session.weak_from_this();
    std::int64_t messages = 0, bytes = 0;
    PhysicalOffset synced_end;
    for (std::size_t i = 0; i < units_.size(); ++i) {
        const auto& unit = units_[i];
        const auto& pending = pending_[i];
        if (!unit.stored) {
            broker.counters().put_failed();
            if (pending.oneway)
                lost(session, unit.count, unit.queue->topic(), why_text(unit.why_not));
            answer(session, ticket, pending, unit, send_code_of(unit.why_not));
            continue;
        }
        messages += unit.offsets;
        bytes += static_cast<std::int64_t>(unit.records.size());
        traffic_.puts(*unit.queue)
            .add(unit.offsets, static_cast<std::int64_t>(unit.records.size()), took_us);
        if (pending.waits && !pending.oneway) {
            late_.push_back({pending.opaque, pending.encoding, std::string(offset_ids(unit)),
                             std::string(key_of(pending)), std::string(handle_of(pending)),
                             pending.queue_id, pending.inner_batch, unit.queue_offset.value});
            synced_end =
                std::max(synced_end, unit.at + static_cast<std::int64_t>(unit.records.size()));
        } else {
            answer(session, ticket, pending, unit, wire::response_code::success);
        }
    }
    broker.counters().put(messages, bytes);
    broker.counters().put_times().add(took_us, static_cast<std::int64_t>(units_.size()));
    if (!late_.empty())
        LateAnswers::give_when_durable(service_, session, ticket, std::exchange(late_, {}),
                                       synced_end);
    records_.clear();
    records_.shrink_if_above(4 * bytes_max);
    keys_.clear();
    pending_.clear();
    units_.clear();
}

void SendBatch::lost(const remoting::Session& session, std::uint32_t count, std::string_view topic,
                     std::string_view reason) {
    std::static_pointer_cast<Connection>(session.context)->oneways_lost += count;
    lost_.count += count;
    lost_.topic = topic;
    lost_.client = session.remote();
    lost_.reason = reason;
    // A full disk must not be filled further by log lines.
    if (monotonic_ms() - lost_.logged_ms >= 1000) log_lost();
}

void SendBatch::log_lost() {
    if (lost_.count == 0) return;
    log::warn("oneway_send_not_stored", {{"count", lost_.count},
                                         {"topic", lost_.topic},
                                         {"client", lost_.client},
                                         {"reason", lost_.reason}});
    lost_.count = 0;
    lost_.logged_ms = monotonic_ms();
}

std::string_view SendBatch::key_of(const Pending& is) const {
    return std::string_view(keys_).substr(is.key_begin, is.key_end - is.key_begin);
}

std::string_view SendBatch::handle_of(const Pending& is) const {
    return std::string_view(keys_).substr(is.key_end, is.handle_end - is.key_end);
}

std::string_view SendBatch::offset_ids(const store::Append& unit) {
    ids_.clear();
    PhysicalOffset at = unit.at;
    for (std::size_t begin = 0; begin < unit.records.size();) {
        if (begin > 0) ids_ += ',';
        message::append_offset_id(ids_, service_.store_host(), at);
        const auto size = message::RecordHead::read(unit.records.data() + begin).total_bytes;
        begin += static_cast<std::size_t>(size);
        at = at + size;
    }
    return ids_;
}

void SendBatch::answer(remoting::Session& session, remoting::Ticket& ticket, const Pending& pending,
                       const store::Append& unit, std::int32_t code) {
    if (pending.oneway) return;
    ticket.opaque = pending.opaque;
    ticket.encoding = pending.encoding;
    if (code != wire::response_code::success) {
        session.reply(ticket, code, wire::NoHeader{}, {}, why_text(unit.why_not));
        return;
    }
    wire::SendMessageResponse header;
    header.msg_id = offset_ids(unit);
    header.queue_id = pending.queue_id;
    header.queue_offset = unit.queue_offset.value;
    header.transaction_id = key_of(pending);
    if (const auto handle = handle_of(pending); !handle.empty()) header.recall_handle = handle;
    if (pending.inner_batch) header.batch_id = header.transaction_id;
    header.region = service_.broker().settings().region;
    header.trace_on = service_.broker().settings().trace_on;
    header.message_bytes_max = service_.broker().settings().message_bytes_max;
    session.reply(ticket, code, header);
}

}  // namespace mqd::front::rocketmq
