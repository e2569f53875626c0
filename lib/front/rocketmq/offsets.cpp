// Consumer offsets 14, 15, 43 and queue offsets 29 to 32: mqd-remoting(7), OFFSETS and WHERE A
// GROUP BEGINS.

#include <fmt/format.h>
#include <unistd.h>

#include <optional>

#include "front/rocketmq/convert.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "json/writer.h"
#include "wire/headers/offsets.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

/// Null: no such topic or queue, or nobody has used it yet.
store::Queue* find_queue(const Call& call, std::string_view topic, std::int32_t queue_id) {
    const auto* found = call.connection.worker.topics.find(topic);
    return found == nullptr ? nullptr : found->find_queue(queue_id);
}

/// False: its range has to be waited for, since it is being made whole.
bool is_at_hand(const store::Queue* queue) {
    return queue == nullptr || queue->usable();
}

/// A member that has lost its queue to another, and may not know it yet, must not put an older
/// offset over a newer one.
bool is_held(const Call& call, const wire::UpdateConsumerOffset& header) {
    return call.broker.locks().is_held_over(call.connection, std::string(header.consumer_group),
                                            {std::string(header.topic), header.queue_id});
}

std::int64_t memory_bytes() {
    return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

/// Where a group without a committed offset begins, when the broker decides that: 0 while the
/// queue still has its first message not too far back in the log (mqd-remoting(7), WHERE A
/// GROUP BEGINS).
/// Nothing: the client decides.
std::optional<std::int64_t> first_offset(const Service& service, const broker::Topic* topic,
                                         std::int32_t queue) {
    store::Queue* handle = topic == nullptr ? nullptr : topic->find_queue(queue);
    if (handle == nullptr || handle->max().value == 0) return 0;
    if (handle->min().value > 0) return std::nullopt;
    auto& store = service.broker().store();
    const auto first = store.position(*handle, QueueOffset{0});
    if (!first) return std::nullopt;
    const std::int64_t distance = store.end() - *first;
    if (distance > memory_bytes() / 100 * service.settings().in_memory_percent) return std::nullopt;
    return 0;
}

}  // namespace

void query_consumer_offset(const Call& call, const wire::QueryConsumerOffset& header) {
    auto look = [&service = call.service, group = std::string(header.consumer_group),
                 name = std::string(header.topic), id = header.queue_id,
                 zero = header.set_zero_if_not_found.value_or(true)](const broker::Topic* topic) {
        auto stored = service.broker().offsets().find(group, name, id);
        return !stored && zero ? first_offset(service, topic, id) : stored;
    };
    const auto reply = [](remoting::Session& session, const remoting::Ticket& ticket,
                          std::optional<std::int64_t> offset) {
        if (offset) return session.reply(ticket, rc::success, wire::OffsetResponse{*offset});
        session.reply(ticket, rc::query_not_found, wire::NoHeader{}, {},
                      "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
    };
    const auto ticket = call.session.ticket(call.request);
    const auto* topic = call.connection.worker.topics.find(header.topic);
    const auto* queue = topic == nullptr ? nullptr : topic->find_queue(header.queue_id);
    if (is_at_hand(queue)) return reply(call.session, ticket, look(topic));
    read_elsewhere(
        call, ticket,
        [look, queue, topic = call.broker.topics().find(header.topic)] {
            static_cast<void>(queue->max());  // waits
            return look(topic.get());
        },
        [ticket, reply](remoting::Session& session, Connection&,
                        std::optional<std::int64_t> offset) { reply(session, ticket, offset); });
}

void update_consumer_offset(const Call& call, const wire::UpdateConsumerOffset& header) {
    if (call.broker.groups().find(header.consumer_group) == nullptr)
        return call.refuse(rc::subscription_group_not_exist,
                           fmt::format("Group {} not exist!", header.consumer_group));
    const auto* const topic = call.connection.worker.topics.find(header.topic);
    if (topic == nullptr)
        return call.refuse(rc::topic_not_exist, fmt::format("Topic {} not exist!", header.topic));
    if (header.queue_id < 0 || header.commit_offset < 0)
        return call.refuse(rc::invalid_parameter, "QueueId or commitOffset is negative");
    if (header.held.value_or(false) && !is_held(call, header))
        return call.refuse(rc::no_permission,
                           fmt::format("queue {} of {} is not locked over this connection",
                                       header.queue_id, header.topic));
    using Committed = broker::Broker::Committed;
    switch (call.broker.commit(header.consumer_group, *topic, header.queue_id, header.commit_offset,
                               header.first.value_or(false))) {
        case Committed::yes:
            break;
        case Committed::reset_pending:
            // Its next pull is told where to go on.
            return call.refuse(rc::success, "Offset has been previously reset");
        case Committed::beyond_end:
            return call.refuse(rc::invalid_parameter,
                               fmt::format("offset {} lies beyond the end of queue {} of {}",
                                           header.commit_offset, header.queue_id, header.topic));
    }
    if (!header.durable.value_or(false)) return call.reply();
    call.broker.save_offsets_soon([ticket = call.session.ticket(call.request)](
                                      const Result<>& saved) { reply_outcome(ticket, saved); });
}

void get_all_consumer_offset(const Call& call) {
    call.reply_body(json::to_text(call.broker.offsets().to_json()));
}

void search_offset(const Call& call, const wire::SearchOffset& header) {
    auto* queue = find_queue(call, header.topic, header.queue_id);
    const bool upper =
        wire::detail::equal_without_case(header.boundary_type.value_or("lower"), "upper");
    if (queue == nullptr) return call.reply(wire::OffsetResponse{0});
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket,
        [&store = call.broker.store(), queue, upper, t_ms = header.timestamp] {
            return store.offset_by_time(*queue, t_ms, upper);
        },
        [ticket](remoting::Session& session, Connection&, QueueOffset offset) {
            session.reply(ticket, rc::success, wire::OffsetResponse{offset.value});
        });
}

void get_max_offset(const Call& call, const wire::QueueHeader& header) {
    const auto* queue = find_queue(call, header.topic, header.queue_id);
    const auto reply = [](remoting::Session& session, const remoting::Ticket& ticket,
                          const Connection& connection, std::int64_t offset) {
        wire::MaxOffsetResponse answer;
        answer.offset = offset;
        if (const auto lost = connection.oneways_lost; lost > 0) answer.oneways_lost = lost;
        session.reply(ticket, rc::success, answer);
    };
    const auto ticket = call.session.ticket(call.request);
    if (is_at_hand(queue))
        return reply(call.session, ticket, call.connection,
                     queue == nullptr ? 0 : queue->max().value);
    read_elsewhere(
        call, ticket, [queue] { return queue->max().value; },
        [ticket, reply](remoting::Session& session, const Connection& connection,
                        std::int64_t offset) { reply(session, ticket, connection, offset); });
}

void get_min_offset(const Call& call, const wire::QueueHeader& header) {
    const auto* queue = find_queue(call, header.topic, header.queue_id);
    if (queue == nullptr) return call.reply(wire::OffsetResponse{0});
    const auto begin = [queue] {
        return wire::OffsetResponse{queue->min().value, since_of(*queue)};
    };
    if (is_at_hand(queue)) return call.reply(begin());
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket, begin,
        [ticket](remoting::Session& session, Connection&, const wire::OffsetResponse& answer) {
            session.reply(ticket, rc::success, answer);
        });
}

void get_earliest_store_time(const Call& call, const wire::QueueHeader& header) {
    auto* queue = find_queue(call, header.topic, header.queue_id);
    if (queue == nullptr) return call.reply(wire::TimestampResponse{-1});
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket,
        [&store = call.broker.store(), queue] { return store.store_time(*queue, queue->min()); },
        [ticket](remoting::Session& session, Connection&, std::optional<std::int64_t> time) {
            session.reply(ticket, rc::success, wire::TimestampResponse{time.value_or(-1)});
        });
}

}  // namespace mqd::front::rocketmq
