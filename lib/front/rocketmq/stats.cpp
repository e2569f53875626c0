// What lies in a topic and how far a group has come: 202, 208 (spec remoting.md 4.5,
// semantics.md 6.4).

#include "wire/bodies/stats.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "wire/headers/clients.h"
#include "wire/headers/topics.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

std::int64_t store_time(broker::Broker& broker, store::Queue* queue, std::int64_t offset) {
    if (queue == nullptr || offset < 0) return 0;
    return broker.store().store_time(*queue, QueueOffset{offset}).value_or(0);
}

wire::TopicOffset offset_of(broker::Broker& broker, store::Queue* queue) {
    wire::TopicOffset out;
    if (queue == nullptr) return out;
    out.min_offset = queue->min().value;
    out.max_offset = queue->max().value;
    if (out.max_offset > out.min_offset)
        out.last_update_timestamp = store_time(broker, queue, out.max_offset - 1);
    return out;
}

/// The topics that an answer to 208 shall have.
std::vector<std::string> topics_wanted(const Call& call, const wire::GetConsumeStats& header) {
    if (header.topic && !header.topic->empty()) return {std::string(*header.topic)};
    std::vector<std::string> topics;
    if (header.topic_list && !header.topic_list->empty()) {
        for (const auto topic : split(*header.topic_list, ';')) topics.emplace_back(topic);
        return topics;
    }
    topics = call.broker.offsets().topics_of(header.consumer_group);
    // While the group is online only what it still subscribes to counts.
    const auto& clients = call.broker.clients();
    if (clients.standing(header.consumer_group, {}).online) {
        std::erase_if(topics, [&](const std::string& topic) {
            return clients.standing(header.consumer_group, topic).subscription == nullptr;
        });
    }
    return topics;
}

void add_progress(broker::Broker& broker, std::string_view group, const std::string& name,
                  wire::ConsumeStats& stats) {
    const auto topic = broker.topics().find(name);
    if (topic == nullptr) return;
    const auto places = broker.offsets().places(group, name);
    for (std::int32_t id = 0; id < topic->config().read_queues; ++id) {
        auto* queue = topic->find_queue(id);
        const auto place = places.find(id);
        wire::ConsumeOffset out;
        out.broker_offset = queue == nullptr ? 0 : queue->max().value;
        if (place != places.end()) {
            out.consumer_offset = std::max<std::int64_t>(0, place->second.committed);
            out.pull_offset = std::max(out.consumer_offset, place->second.pulled);
        }
        out.last_timestamp = store_time(broker, queue, out.consumer_offset - 1);
        stats.offsets.push_back({{broker.settings().name, id, name}, out});
    }
}

}  // namespace

void get_topic_stats(const Call& call) {
    const auto header = call.header<wire::TopicHeader>();
    if (!header) return call.refuse(header.error());
    const auto topic = call.broker.topics().find(header->topic);
    if (topic == nullptr)
        return call.refuse(rc::topic_not_exist, fmt::format("topic[{}] not exist", header->topic));
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket,
        [&broker = call.broker, topic] {
            wire::TopicStatsTable stats;
            for (std::int32_t id = 0; id < topic->queues(); ++id)
                stats.offsets.push_back({{broker.settings().name, id, topic->name()},
                                         offset_of(broker, topic->find_queue(id))});
            return wire::to_body(stats);
        },
        [ticket](remoting::Session& session, Connection&, const std::string& body) {
            session.reply(ticket, rc::success, wire::NoHeader{}, as_bytes(body));
        });
}

void get_consume_stats(const Call& call) {
    const auto header = call.header<wire::GetConsumeStats>();
    if (!header) return call.refuse(header.error());
    std::vector<std::string> topics;
    if (call.broker.groups().find(header->consumer_group) != nullptr)
        topics = topics_wanted(call, *header);
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket,
        [&broker = call.broker, group = std::string(header->consumer_group), topics] {
            wire::ConsumeStats stats;
            for (const auto& topic : topics) add_progress(broker, group, topic, stats);
            return wire::to_body(stats);
        },
        [ticket](remoting::Session& session, Connection&, const std::string& body) {
            session.reply(ticket, rc::success, wire::NoHeader{}, as_bytes(body));
        });
}

}  // namespace mqd::front::rocketmq
