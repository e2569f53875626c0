// INVOKE_BROKER_TO_RESET_OFFSET 222, and 220 to the members: a group goes on elsewhere in a topic
// (mqd-remoting(7), RESETTING OFFSETS).

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "wire/bodies/consumers.h"
#include "wire/headers/consumers.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;
using Targets = std::vector<std::pair<std::int32_t, std::int64_t>>;  // queue, offset

/// What is wanted, with texts of its own: the look-ups by time take place on another thread.
struct Wanted {
    std::string topic, group;
    std::int64_t timestamp = 0;
    bool is_force = false;
    remoting::Ticket ticket;
};

std::int64_t max_of(store::Queue* queue) {
    return queue == nullptr ? 0 : queue->max().value;
}

/// A queue that nobody has used yet begins at 0.
std::int64_t offset_at(store::Store& store, store::Queue* queue, std::int64_t timestamp) {
    if (queue == nullptr || timestamp < 0) return max_of(queue);
    return store.offset_by_time(*queue, timestamp, false).value;
}

wire::ResetOffsetBody body_of(const broker::Broker& broker, const std::string& topic,
                              const Targets& targets) {
    wire::ResetOffsetBody body;
    for (const auto& [queue, offset] : targets)
        body.offsets.push_back({{broker.settings().identity.name, queue, topic}, offset});
    return body;
}

// --- by the broker ----------------------------------------------------------

void reset(broker::Broker& broker, const Wanted& wanted, const Targets& targets) {
    const auto topic = broker.topics().find(wanted.topic);
    for (const auto& [queue, offset] : targets) {
        broker.offsets().reset(wanted.group, wanted.topic, queue, offset);
        // A pull that is held hears of it now, not when its time is over.
        if (topic == nullptr) continue;
        if (auto* const is = topic->find_queue(queue)) broker.arrivals().wake(*is);
    }
    log::info("offsets_reset", {{"group", wanted.group},
                                {"topic", wanted.topic},
                                {"queues", static_cast<std::int64_t>(targets.size())}});
    const auto body = wire::to_body(body_of(broker, wanted.topic, targets));
    broker.save_offsets_soon([ticket = wanted.ticket, body](const Result<>& saved) {
        if (!saved) return reply_outcome(ticket, saved);
        ticket.with_session([ticket, body](remoting::Session& session) {
            session.reply(ticket, rc::success, wire::NoHeader{}, as_bytes(body));
        });
    });
}

void reset_here(const Call& call, const wire::ResetOffset& header, const Wanted& wanted) {
    const auto topic = call.broker.topics().find(header.topic);
    if (topic == nullptr)
        return call.refuse(rc::topic_not_exist,
                           fmt::format("Topic {} does not exist", header.topic));
    if (call.broker.groups().find(header.group) == nullptr)
        return call.refuse(rc::subscription_group_not_exist,
                           fmt::format("Group {} does not exist", header.group));
    const std::int32_t only = header.queue_id.value_or(-1);
    if (only >= topic->queues())
        return call.refuse(rc::invalid_parameter,
                           fmt::format("topic {} has no queue {}", header.topic, only));
    const std::int64_t offset = header.offset.value_or(-1);
    if (only >= 0 && offset != -1) {
        auto* const queue = topic->find_queue(only);
        const std::int64_t min = queue == nullptr ? 0 : queue->min().value;
        const std::int64_t max = max_of(queue);
        if (offset < min || offset > max)
            return call.refuse(rc::system_error,
                               fmt::format("Target offset {} not in consume queue range [{}-{}]",
                                           offset, min, max));
        return reset(call.broker, wanted, {{only, offset}});
    }
    if (only < 0 && topic->config().read_queues == 0)
        return call.refuse(rc::system_error, "No queues to reset.");
    read_elsewhere(
        call, wanted.ticket,
        [&store = call.broker.store(), topic, only, timestamp = wanted.timestamp] {
            Targets targets;
            const std::int32_t begin = std::max(only, 0);
            const std::int32_t end = only >= 0 ? only + 1 : topic->config().read_queues;
            for (std::int32_t id = begin; id < end; ++id)
                targets.emplace_back(id, offset_at(store, topic->find_queue(id), timestamp));
            return targets;
        },
        [&broker = call.broker, wanted](remoting::Session&, Connection&, const Targets& targets) {
            reset(broker, wanted, targets);
        });
}

// --- by the members ---------------------------------------------------------

/// Answers when the members have been told; they say nothing back.
void tell_members(remoting::Session& session, broker::Broker& broker, const Wanted& wanted,
                  const Targets& targets) {
    const auto members = broker.clients().online(wanted.group);
    const auto refuse = [&](std::int32_t code, std::string_view remark) {
        session.reply(wanted.ticket, code, wire::NoHeader{}, {}, remark);
    };
    if (members.empty())
        return refuse(rc::consumer_not_online,
                      fmt::format("Consumer not online, so can not reset offset, Group: {} Topic: "
                                  "{} Timestamp: {}",
                                  wanted.group, wanted.topic, wanted.timestamp));
    for (const auto& member : members) {
        if (member.client.version < wire::reset_min_version)
            return refuse(rc::system_error,
                          fmt::format("the client does not support this feature. version={}",
                                      member.client.version));
    }
    const auto offsets = body_of(broker, wanted.topic, targets);
    const auto table = wire::to_body(offsets);
    for (const auto& member : members) {
        const auto client = std::dynamic_pointer_cast<Connection>(member.peer);
        if (client == nullptr) continue;
        const bool wants_list = member.client.language == wire::language_cpp;
        client->ticket().with_session(
            [wanted, body = wants_list ? offsets.list_body() : table](remoting::Session& of) {
                of.push(wire::request_code::reset_consumer_client_offset,
                        wire::ResetClientOffset{wanted.topic, wanted.group, wanted.timestamp},
                        as_bytes(body));
            });
    }
    session.reply(wanted.ticket, rc::success, wire::NoHeader{}, as_bytes(table));
}

void reset_there(const Call& call, const Wanted& wanted) {
    const auto topic = call.broker.topics().find(wanted.topic);
    if (topic == nullptr)
        return call.refuse(rc::system_error,
                           fmt::format("[reset-offset] reset offset failed, no topic in this "
                                       "broker. topic={}",
                                       wanted.topic));
    const auto places = call.broker.offsets().places(wanted.group, wanted.topic);
    Targets consumed;
    for (std::int32_t id = 0; id < topic->config().read_queues; ++id) {
        const auto place = places.find(id);
        if (place == places.end() || place->second.committed < 0)
            return call.refuse(
                rc::system_error,
                fmt::format("the consumer group <{}> has no offset of queue {}", wanted.group, id));
        consumed.emplace_back(id, place->second.committed);
    }
    read_elsewhere(
        call, wanted.ticket,
        [&store = call.broker.store(), topic, wanted, consumed] {
            Targets targets;
            for (const auto& [id, offset] : consumed) {
                const auto to = offset_at(store, topic->find_queue(id), wanted.timestamp);
                targets.emplace_back(id, wanted.is_force ? to : std::min(to, offset));
            }
            return targets;
        },
        [&broker = call.broker, wanted](remoting::Session& session, Connection&,
                                        const Targets& targets) {
            tell_members(session, broker, wanted, targets);
        });
}

}  // namespace

void reset_offset(const Call& call, const wire::ResetOffset& header) {
    const Wanted wanted{std::string(header.topic), std::string(header.group), header.timestamp,
                        header.is_force, call.session.ticket(call.request)};
    if (call.service.settings().resets_offsets) return reset_here(call, header, wanted);
    reset_there(call, wanted);
}

}  // namespace mqd::front::rocketmq
