#include "client/send_back.h"

#include <utility>

#include "base/clock.h"
#include "client/errors.h"
#include "client/retry.h"
#include "wire/codes.h"
#include "wire/headers/messages.h"

namespace mqd::client {

std::uint64_t SendBack::send(const Queue& queue, PhysicalOffset at) {
    const std::uint64_t id = next_id_++;
    Message& message = waiting_[id];
    message.queue = queue;
    message.at = at;
    attempt(id, message);
    return id;
}

void SendBack::attempt(std::uint64_t id, Message& message) {
    ++message.attempts;
    message.retry_at_ms = 0;
    wire::SendMessageBack header;
    header.offset = message.at.value;
    header.group = group_;
    header.origin_topic = message.queue.topic;
    client_.channel(message.queue.address)
        ->call(wire::request_code::consumer_send_msg_back, header, {}, client_.options().timeout_ms,
               [mailbox = mailbox_, id](Result<remoting::Answer> answer) {
                   mailbox->put({id, std::move(answer)});
               });
}

std::vector<std::uint64_t> SendBack::take() {
    std::vector<std::uint64_t> taken;
    std::vector<Answered> answers;
    mailbox_->take(answers);
    const std::int64_t now_ms = monotonic_ms();
    for (auto& [id, answer] : answers) {
        const auto waiting = waiting_.find(id);
        if (waiting == waiting_.end()) continue;
        Message& message = waiting->second;
        if (answer && answer->code == wire::response_code::success) {
            taken.push_back(id);
            waiting_.erase(waiting);
            continue;
        }
        trouble_ = answer ? error_of(message.queue.address, answer->code, answer->remark)
                          : std::move(answer).error();
        message.retry_at_ms = now_ms + backoff_ms(message.attempts);
    }
    for (auto& [id, message] : waiting_)
        if (message.retry_at_ms > 0 && message.retry_at_ms <= now_ms) attempt(id, message);
    if (waiting_.empty()) trouble_.reset();
    return taken;
}

std::int64_t SendBack::due_ms() const {
    std::int64_t first = -1;
    for (const auto& [id, message] : waiting_)
        if (message.retry_at_ms > 0 && (first < 0 || message.retry_at_ms < first))
            first = message.retry_at_ms;
    return first;
}

}  // namespace mqd::client
