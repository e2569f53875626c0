#include "front/rocketmq/send_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "broker/names.h"
#include "front/rocketmq/errors.h"
#include "message/record.h"
#include "message/sys_flag.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

Refusal find_topic(const Call& call, const wire::SendMessage& header, const broker::Topic*& topic) {
    auto& cache = call.connection.worker.topics;
    topic = cache.find(header.topic);
    if (topic == nullptr) {
        if (const auto named = broker::check_topic_name(header.topic); !named)
            return {rc::invalid_parameter, named.error().what};
    }
    if (broker::is_send_forbidden(header.topic))
        return {rc::no_permission,
                fmt::format("Sending message to topic[{}] is forbidden.", header.topic)};
    if (topic == nullptr) {
        const auto made = call.broker.topics().find_or_create(
            header.topic,
            {header.default_topic, header.default_topic_queue_nums, header.unit_mode});
        if (!made) return {response_code_of(made.error().code), made.error().what};
        topic = cache.find(header.topic);
        // Deleted again between the two: as if it had never been there.
        if (topic == nullptr)
            return {rc::topic_not_exist, fmt::format("topic[{}] not exist", header.topic)};
    }
    return {};
}

}  // namespace

std::uint32_t messages_of(const wire::SendMessage& header, Bytes body) {
    if (!header.batch) return 1;
    std::uint32_t count = 0;
    message::BatchReader items(body);
    while (!items.at_end()) {
        if (!items.next()) break;
        ++count;
    }
    return std::max(count, 1U);
}

Refusal check_send(const Call& call, const wire::SendMessage& header, const broker::Topic*& topic) {
    const std::int64_t from_ms = call.broker.settings().accept_sends_from_ms;
    if (from_ms > 0 && call.broker.clock().wall_ms() < from_ms)
        return {rc::system_error,
                fmt::format("broker unable to service, until {}", format_time(from_ms))};
    if (auto refusal = find_topic(call, header, topic); refusal.is_refused()) return refusal;
    const auto& config = topic->config();
    if (config.order && (call.broker.settings().permission & message::perm::write) == 0)
        return {rc::no_permission, fmt::format("the broker[{}] sending message is forbidden",
                                               call.broker.settings().name)};
    const std::int32_t pickable = header.queue_id < 0 ? config.write_queues : topic->queues();
    if (header.queue_id >= pickable || pickable <= 0)
        return {rc::invalid_parameter,
                fmt::format("request queueId[{}] is illegal, topic[{}] has {} queues",
                            header.queue_id, header.topic, topic->queues())};
    if (broker::is_retry_topic(header.topic)) {
        const auto group = header.topic.substr(broker::retry_prefix.size());
        if (call.broker.find_or_create_group(group) == nullptr)
            return {rc::subscription_group_not_exist,
                    fmt::format("subscription group not exist, {}", group)};
        if (header.batch) return {rc::message_illegal, "a batch cannot go to a retry topic"};
    }
    if (static_cast<std::int64_t>(call.request.body.size()) >
        call.broker.settings().message_bytes_max)
        return {rc::message_illegal,
                fmt::format("the message body has {} bytes, more than maxMessageSize {}",
                            call.request.body.size(), call.broker.settings().message_bytes_max)};
    return {};
}

}  // namespace mqd::front::rocketmq
