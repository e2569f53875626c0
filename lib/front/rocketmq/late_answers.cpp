#include "front/rocketmq/late_answers.h"

#include <chrono>
#include <utility>

#include "front/rocketmq/service.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {

namespace rc = wire::response_code;

void LateAnswers::give_after(std::int64_t timeout_ms, std::int32_t code) {
    timer_ = session_.loop().after(std::chrono::milliseconds(timeout_ms),
                                   [weak = weak_from_this(), code] {
                                       const auto self = weak.lock();
                                       if (self != nullptr) self->give(code);
                                   });
}

std::function<void(bool)> LateAnswers::when_synced(const remoting::Ticket& ticket) {
    return [weak = weak_from_this(), ticket](bool synced) {
        ticket.with_session([weak, synced](remoting::Session&) {
            const auto self = weak.lock();
            if (self != nullptr) self->give(synced ? rc::success : rc::flush_disk_timeout);
        });
    };
}

void LateAnswers::give(std::int32_t code) {
    const auto timer = std::move(timer_);  // it lives until this call, perhaps its own, is over
    const auto& settings = service_.broker().settings();
    remoting::Ticket to;
    for (const Answer& is : std::exchange(answers_, {})) {
        to.opaque = is.opaque;
        to.encoding = is.encoding;
        const auto remark = code == rc::success ? std::string_view() : wire::response_name(code);
        if (is.is_recall) {
            session_.reply(to, code, wire::RecallMessageResponse{is.unique_key}, {}, remark);
            continue;
        }
        wire::SendMessageResponse header;
        header.msg_id = is.msg_id;
        header.queue_id = is.queue_id;
        header.queue_offset = is.queue_offset;
        header.transaction_id = is.unique_key;
        if (!is.recall_handle.empty()) header.recall_handle = is.recall_handle;
        if (is.inner_batch) header.batch_id = is.unique_key;
        header.region = settings.region;
        header.trace_on = settings.trace_on;
        header.message_bytes_max = settings.message_bytes_max;
        session_.reply(to, code, header, {}, remark);
    }
}

/// While there are no replicas, none acknowledges anything: with as many wanted the answer is
/// FLUSH_SLAVE_TIMEOUT, whatever the disk says (spec store.md 6.2).
void LateAnswers::give_when_durable(Service& service, remoting::Session& session,
                                    const remoting::Ticket& ticket, std::vector<Answer> answers,
                                    PhysicalOffset end) {
    const auto late = std::make_shared<LateAnswers>(service, session, std::move(answers));
    auto& held = std::static_pointer_cast<Connection>(session.context)->late;
    std::erase_if(held, [](const auto& is) { return is->is_given(); });
    held.push_back(late);
    auto& broker = service.broker();
    const auto& settings = broker.settings();
    if (settings.waits_for_replicas()) {
        late->give_after(settings.slave_timeout_ms, rc::flush_slave_timeout);
        return;
    }
    late->give_after(settings.sync_flush_timeout_ms, rc::flush_disk_timeout);
    broker.store().when_synced(end, settings.sync_flush_timeout_ms, late->when_synced(ticket));
}

}  // namespace mqd::front::rocketmq
