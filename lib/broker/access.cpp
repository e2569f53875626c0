#include "broker/access.h"

#include <fmt/format.h>

#include "message/sys_flag.h"

namespace mqd::broker {

using Why = Refusal::Why;
using By = Refusal::By;

Refusal no_such_topic(std::string_view topic) {
    return {Why::no_topic, fmt::format("topic[{}] not exist, apply first please!", topic)};
}

Refusal check_readable(Broker& broker, TopicCache& topics, std::string_view group,
                       std::string_view topic, std::int32_t queue_id, Readable& out) {
    const auto& settings = broker.settings();
    if ((settings.identity.permission & message::perm::read) == 0)
        return {Why::forbidden,
                fmt::format("the broker[{}] pulling message is forbidden", settings.identity.name),
                By::broker};
    out.group = broker.find_or_create_group(group);
    if (out.group == nullptr)
        return {Why::no_group, fmt::format("subscription group [{}] does not exist", group)};
    if (!out.group->consume_enabled())
        return {Why::forbidden, fmt::format("subscription group no permission, {}", group),
                By::group};
    out.topic = topics.find(topic);
    if (out.topic == nullptr) return no_such_topic(topic);
    const auto& config = out.topic->config();
    if ((config.perm & message::perm::read) == 0)
        return {Why::forbidden, fmt::format("the topic[{}] pulling message is forbidden", topic),
                By::topic};
    if (!broker.groups().may_read(group, topic))
        return {Why::forbidden,
                fmt::format("the consumer group[{}] is forbidden for topic[{}]", group, topic),
                By::subscription};
    if (queue_id < 0 || queue_id >= config.read_queues)
        return {Why::invalid, fmt::format("queueId[{}] is illegal, topic:[{}] readQueueNums:[{}]",
                                          queue_id, topic, config.read_queues)};
    return {};
}

}  // namespace mqd::broker
