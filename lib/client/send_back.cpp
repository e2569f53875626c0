#include "client/send_back.h"

#include <utility>

#include "base/clock.h"
#include "client/errors.h"
#include "client/retry.h"
#include "message/id.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/codes.h"
#include "wire/headers/messages.h"
#include "wire/headers/send.h"

namespace mqd::client {
namespace {

/// What official clients call themselves there.
constexpr std::string_view inner_producer = "CLIENT_INNER_PRODUCER";
/// Of the broker's delay levels: the first retry comes after 10 seconds.
constexpr std::int32_t first_retry_level = 3;

}  // namespace

SendBack::Part SendBack::part_of(const message::RecordView& message) {
    namespace property = message::property;
    const auto kept = [&](std::string_view name, std::string otherwise) {
        const auto is = message::find_property(message.properties, name);
        return is ? std::string(*is) : std::move(otherwise);
    };
    Part part;
    part.body = message.body;
    part.properties = message::without_properties(
        message.properties, {property::retry_topic, property::origin_message_id, property::wait,
                             property::delay, property::crc32});
    message::append_property(part.properties, property::retry_topic,
                             kept(property::retry_topic, std::string(message.topic)));
    message::append_property(part.properties, property::wait, "false");
    message::append_property(
        part.properties, property::origin_message_id,
        kept(property::origin_message_id, message::offset_id(message.store_host, message.at)));
    message::append_property(part.properties, property::delay,
                             std::to_string(first_retry_level + message.reconsume_times));
    part.flag = message.flag;
    part.sys_flag =
        message.sys_flag & (message::sys_flag::compressed | message::sys_flag::compression_mask);
    part.reconsume_times = message.reconsume_times + 1;
    part.born_ts_ms = message.born_ts_ms;
    return part;
}

std::uint64_t SendBack::send(const Queue& queue, PhysicalOffset at) {
    Message message;
    message.queue = queue;
    message.at = at;
    return begin(std::move(message));
}

std::uint64_t SendBack::send(const Queue& queue, Part part) {
    Message message;
    message.queue = queue;
    message.part = std::move(part);
    return begin(std::move(message));
}

std::uint64_t SendBack::begin(Message message) {
    const std::uint64_t id = next_id_++;
    attempt(id, waiting_[id] = std::move(message));
    return id;
}

void SendBack::attempt(std::uint64_t id, Message& message) {
    ++message.attempts;
    message.retry_at_ms = 0;
    if (message.part) return attempt_part(id, message);
    wire::SendMessageBack header;
    header.offset = message.at.value;
    header.group = group_;
    header.origin_topic = message.queue.topic;
    client_.channel(message.queue.address)
        ->call(wire::request_code::consumer_send_msg_back, header, {}, client_.options().timeout_ms,
               answer_to(id));
}

std::function<void(Result<remoting::Answer>)> SendBack::answer_to(std::uint64_t id) const {
    return [mailbox = mailbox_, id](Result<remoting::Answer> answer) {
        mailbox->put({id, std::move(answer)});
    };
}

void SendBack::attempt_part(std::uint64_t id, const Message& message) {
    const Part& part = *message.part;
    const auto topic = "%RETRY%" + group_;
    wire::SendMessageV2 header;
    header.producer_group = inner_producer;
    header.topic = topic;
    header.default_topic = template_topic;
    header.default_topic_queue_nums = default_queues;
    header.queue_id = 0;
    header.sys_flag = part.sys_flag;
    header.born_timestamp = part.born_ts_ms;
    header.flag = part.flag;
    header.properties = part.properties;
    header.reconsume_times = part.reconsume_times;
    client_.channel(message.queue.address)
        ->call(wire::request_code::send_message_v2, header, as_bytes(part.body),
               client_.options().timeout_ms, answer_to(id));
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
