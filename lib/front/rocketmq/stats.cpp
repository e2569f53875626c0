// What lies in a topic and how far a group has come: 202, 208, 317 (mqd-remoting(7), STATISTICS).

#include "wire/bodies/stats.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "broker/names.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/consumers.h"
#include "wire/headers/clients.h"
#include "wire/headers/consumers.h"
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

bool has_messages(const broker::Topic* topic) {
    if (topic == nullptr) return false;
    for (std::int32_t id = 0; id < topic->queues(); ++id) {
        const auto* const queue = topic->find_queue(id);
        if (queue == nullptr) continue;
        // One that is being made whole has had some.
        if (!queue->usable() || queue->max() > queue->min()) return true;
    }
    return false;
}

/// Those that the group has offsets of; while it is online, only what it still subscribes to.
std::vector<std::string> topics_in_use(broker::Broker& broker, std::string_view group) {
    auto topics = broker.offsets().topics_of(group);
    const auto& clients = broker.clients();
    if (clients.standing(group, {}).online) {
        std::erase_if(topics, [&](const std::string& topic) {
            return clients.standing(group, topic).subscription == nullptr;
        });
    }
    // What lies there is the group's to do, whether a member has seen it yet or not.
    const auto retries = broker::retry_topic(group);
    if (has_messages(broker.topics().find(retries).get()) &&
        std::find(topics.begin(), topics.end(), retries) == topics.end())
        topics.push_back(retries);
    return topics;
}

/// The topics that an answer to 208 shall have.
std::vector<std::string> topics_wanted(const Call& call, const wire::GetConsumeStats& header) {
    if (header.topic && !header.topic->empty()) return {std::string(*header.topic)};
    if (!header.topic_list || header.topic_list->empty())
        return topics_in_use(call.broker, header.consumer_group);
    std::vector<std::string> topics;
    for (const auto topic : split(*header.topic_list, ';')) topics.emplace_back(topic);
    return topics;
}

void add_progress(broker::Broker& broker, std::string_view group, const std::string& name,
                  wire::ConsumeStats& stats) {
    const auto topic = broker.topics().find(name);
    if (topic == nullptr) return;
    stats.consume_tps += broker.counters().traffic().get_tps(name, group);
    const auto places = broker.offsets().places(group, name);
    for (std::int32_t id = 0; id < topic->config().read_queues; ++id) {
        auto* queue = topic->find_queue(id);
        const auto place = places.find(id);
        wire::ConsumeOffset out;
        out.broker_offset = queue == nullptr ? 0 : queue->max().value;
        if (place != places.end()) {
            // Monitors subtract: a queue that lost its end has no lag below 0.
            out.consumer_offset =
                std::clamp<std::int64_t>(place->second.committed, 0, out.broker_offset);
            out.pull_offset = std::max(out.consumer_offset, place->second.pulled);
        }
        out.last_timestamp = store_time(broker, queue, out.consumer_offset - 1);
        stats.offsets.push_back({{broker.settings().identity.name, id, name}, out});
    }
}

}  // namespace

void get_topic_stats(const Call& call, const wire::TopicHeader& header) {
    const auto topic = call.broker.topics().find(header.topic);
    if (topic == nullptr)
        return call.refuse(rc::topic_not_exist, fmt::format("topic[{}] not exist", header.topic));
    reply_body_elsewhere(call, [&broker = call.broker, topic] {
        wire::TopicStatsTable stats;
        for (std::int32_t id = 0; id < topic->queues(); ++id)
            stats.offsets.push_back({{broker.settings().identity.name, id, topic->name()},
                                     offset_of(broker, topic->find_queue(id))});
        stats.topic_put_tps = broker.counters().traffic().put_tps(topic->name());
        return wire::to_body(stats);
    });
}

void get_consume_stats(const Call& call, const wire::GetConsumeStats& header) {
    std::vector<std::string> topics;
    if (call.broker.groups().find(header.consumer_group) != nullptr)
        topics = topics_wanted(call, header);
    struct Found {
        std::string body;
        wire::ConsumeStatsHeader header;
    };
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket,
        [&broker = call.broker, group = std::string(header.consumer_group), topics,
         wants_delayed = header.wants_delayed_retries.value_or(false)]() -> Result<Found> {
            Found found;
            wire::ConsumeStats stats;
            for (const auto& topic : topics) add_progress(broker, group, topic, stats);
            found.body = wire::to_body(stats);
            if (!wants_delayed) return found;
            const auto leading = broker.leading();
            if (leading == nullptr) return found;
            TRY(found.header.delayed_retries,
                leading->delayed_retries->count(broker::retry_topic(group)));
            return found;
        },
        [ticket](remoting::Session& session, Connection&, const Result<Found>& found) {
            if (!found)
                return session.reply(ticket, rc::system_error, wire::NoHeader{}, {},
                                     found.error().what);
            session.reply(ticket, rc::success, found->header, as_bytes(found->body));
        });
}

namespace {

wire::BrokerConsumeStats stats_of_all(broker::Broker& broker, bool only_ordered) {
    wire::BrokerConsumeStats all;
    for (const auto& group : broker.groups().all()) {
        std::vector<wire::ConsumeStats> of_group;
        for (const auto& name : topics_in_use(broker, group->name())) {
            const auto topic = broker.topics().find(name);
            if (topic == nullptr || (only_ordered && !topic->config().order)) continue;
            wire::ConsumeStats stats;
            add_progress(broker, group->name(), name, stats);
            for (const auto& [queue, is] : stats.offsets) {
                all.total_diff += is.broker_offset - is.consumer_offset;
                all.total_inflight_diff += is.pull_offset - is.consumer_offset;
            }
            of_group.push_back(std::move(stats));
        }
        all.groups.emplace_back(group->name(), std::move(of_group));
    }
    std::sort(all.groups.begin(), all.groups.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return all;
}

}  // namespace

void get_broker_consume_stats(const Call& call, const wire::GetBrokerConsumeStats& header) {
    reply_body_elsewhere(call, [&broker = call.broker, only_ordered = header.is_order,
                                address = call.service.address()] {
        auto stats = stats_of_all(broker, only_ordered);
        stats.broker_addr = address;
        return wire::to_body(stats);
    });
}

}  // namespace mqd::front::rocketmq
