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
        wire::SendMessageResponse header;
        header.msg_id = is.msg_id;
        header.queue_id = is.queue_id;
        header.queue_offset = is.queue_offset;
        header.transaction_id = is.unique_key;
        if (!is.recall_handle.empty()) header.recall_handle = is.recall_handle;
        if (is.inner_batch) header.batch_id = is.unique_key;
        header.region = settings.region;
        header.trace_on = settings.trace_on;
        session_.reply(to, code, header, {},
                       code == rc::success ? std::string_view() : wire::response_name(code));
    }
}

}  // namespace mqd::front::rocketmq
