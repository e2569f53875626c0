#include "probe.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/parse.h"
#include "client/errors.h"
#include "message/id.h"
#include "message/properties.h"
#include "wire/codes.h"
#include "wire/headers/send.h"

namespace mqd::admin {
namespace {

namespace property = message::property;
namespace rc = wire::response_code;

std::string_view status_name(std::int32_t code) {
    switch (code) {
        case rc::success:
            return "SEND_OK";
        case rc::flush_disk_timeout:
            return "FLUSH_DISK_TIMEOUT";
        case rc::flush_slave_timeout:
            return "FLUSH_SLAVE_TIMEOUT";
        case rc::slave_not_available:
            return "SLAVE_NOT_AVAILABLE";
        default:
            return {};
    }
}

std::string properties_of(const Outgoing& message, std::string_view id) {
    std::string all = message.properties;
    if (!message.keys.empty()) message::append_property(all, property::keys, message.keys);
    if (!message.tags.empty()) message::append_property(all, property::tags, message.tags);
    message::append_property(all, property::uniq_key, id);
    message::append_property(all, property::wait, "true");
    return all;
}

/// 10, 11 and 12 are answers too: the message is stored, only less safely than the broker wants.
Result<remoting::Answer> call_to_send(Admin& admin, const std::string& address,
                                      const wire::SendMessageV2& header, Bytes body) {
    auto& client = admin.client();
    TRY(auto answer,
        client.channel(address)->call_and_wait(wire::request_code::send_message_v2, header, body,
                                               client.options().timeout_ms));
    if (!status_name(answer.code).empty()) return answer;
    return client::error_of(address, answer.code, answer.remark);
}

}  // namespace

Result<SendResult> send_to(Admin& admin, const client::Queue& queue, const Outgoing& message) {
    static message::UniqueKeys keys;
    SendResult sent;
    sent.id = keys.next();
    const auto properties = properties_of(message, sent.id);
    wire::SendMessageV2 header;
    header.producer_group = message.group;
    header.topic = message.topic;
    header.default_topic = client::template_topic;
    header.default_topic_queue_nums = client::default_queues;
    header.queue_id = queue.id;
    header.born_timestamp = wall_ms();
    header.properties = properties;
    header.broker_name = queue.broker;
    const auto begin = monotonic_ms();
    TRY(const auto answer, call_to_send(admin, queue.address, header, as_bytes(message.body)));
    sent.ms = monotonic_ms() - begin;
    sent.status = status_name(answer.code);
    sent.offset_id = answer.find("msgId");
    sent.transaction_id = answer.find("transactionId");
    sent.queue = parse_int<std::int32_t>(answer.find("queueId")).value_or(queue.id);
    sent.offset = parse_int<std::int64_t>(answer.find("queueOffset")).value_or(-1);
    return sent;
}

json::Value object_of(const client::Queue& queue, const SendResult& sent) {
    auto object = json::Value::object({{"status", sent.status},
                                       {"msgId", sent.id},
                                       {"offsetMsgId", sent.offset_id},
                                       {"broker", queue.broker},
                                       {"queueId", sent.queue},
                                       {"queueOffset", sent.offset},
                                       {"rtMs", sent.ms}});
    if (!sent.transaction_id.empty()) object.set("transactionId", sent.transaction_id);
    return object;
}

Result<std::vector<client::Queue>> writeable_queues(Admin& admin, const std::string& topic,
                                                    const std::string& broker) {
    TRY(const auto route, admin.route(topic));
    auto queues = client::publish_queues(topic, route);
    if (!broker.empty())
        std::erase_if(queues, [&](const client::Queue& q) { return q.broker != broker; });
    if (queues.empty())
        return Error{Errc::not_found,
                     fmt::format("topic '{}' has no queue to write to{}", topic,
                                 broker.empty() ? "" : " on broker '" + broker + "'")};
    return queues;
}

std::string probe_body(std::int64_t bytes) {
    static constexpr std::string_view text = "hello jodie";
    std::string body;
    while (body.size() < static_cast<std::size_t>(bytes)) body += text;
    body.resize(static_cast<std::size_t>(bytes));
    return body;
}

}  // namespace mqd::admin
