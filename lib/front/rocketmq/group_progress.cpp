// How far groups have come, for administrators: CLONE_GROUP_OFFSET 314, QUERY_CORRECTION_OFFSET
// 308, QUERY_CONSUME_TIME_SPAN 303, GET_ALL_DELAY_OFFSET 45 (mqd-remoting(7), STATISTICS and
// BROKERS).

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/parse.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "json/writer.h"
#include "wire/bodies/consumers.h"
#include "wire/headers/consumers.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;
using access::Action;
using access::Resource;

/// Without a message -1.
std::int64_t time_at(store::Store& store, store::Queue& queue, std::int64_t offset) {
    if (offset < 0) return -1;
    return store.store_time(queue, QueueOffset{offset}).value_or(-1);
}

wire::QueueTimeSpan span_of(store::Store& store, store::Queue& queue, std::int64_t committed,
                            std::int64_t now) {
    wire::QueueTimeSpan span;
    const std::int64_t min = queue.min().value, max = queue.max().value;
    span.min_timestamp = max > min ? time_at(store, queue, min) : -1;
    span.max_timestamp = max > min ? time_at(store, queue, max - 1) : -1;
    span.consume_timestamp =
        committed > 0 ? time_at(store, queue, committed - 1) : span.min_timestamp;
    // Nothing consumed yet: the first message is the next.
    const std::int64_t next = std::max(committed, min);
    const std::int64_t since = next < max ? time_at(store, queue, next) : -1;
    span.delay_ms = since < 0 ? 0 : std::max<std::int64_t>(0, now - since);
    return span;
}

/// The least offset of each queue that any group but these has come to and that is still there.
std::map<std::int32_t, std::int64_t> least_offsets(const Call& call, const broker::Topic& topic,
                                                   const std::vector<std::string_view>& except) {
    std::map<std::int32_t, std::int64_t> least;
    for (const auto& group : call.broker.offsets().groups_of(topic.name())) {
        if (std::find(except.begin(), except.end(), group) != except.end()) continue;
        for (const auto& [id, place] : call.broker.offsets().places(group, topic.name())) {
            const auto* const queue = topic.find_queue(id);
            const bool at_hand = queue != nullptr && queue->usable();
            if (place.committed < (at_hand ? queue->min().value : 0)) continue;
            const auto found = least.emplace(id, place.committed).first;
            found->second = std::min(found->second, place.committed);
        }
    }
    return least;
}

}  // namespace

void clone_group_offset(const Call& call, const wire::CloneGroupOffset& header) {
    auto& offsets = call.broker.offsets();
    const auto& clients = call.broker.clients();
    std::vector<std::string> topics;
    if (header.topic && !header.topic->empty()) {
        topics.emplace_back(*header.topic);
    } else {
        topics = offsets.topics_of(header.src_group);
        for (const auto& topic : topics) {
            if (const auto may = call.may(Action::update, {Resource::topic(topic)}); !may)
                return call.forbid(may.error());
        }
    }
    const bool is_online = clients.standing(header.dest_group, {}).online;
    const auto pass_over = [&](const std::string& topic, std::string_view reason) {
        log::warn("offsets_not_cloned", {{"from", header.src_group},
                                         {"to", header.dest_group},
                                         {"topic", topic},
                                         {"reason", reason}});
    };
    for (const auto& topic : topics) {
        if (call.broker.topics().find(topic) == nullptr) {
            pass_over(topic, "there is no such topic");
            continue;
        }
        if (!header.offline && is_online &&
            clients.standing(header.dest_group, topic).subscription == nullptr) {
            pass_over(topic, "the group is online and does not subscribe to it");
            continue;
        }
        offsets.clone(header.src_group, header.dest_group, topic);
    }
    call.broker.save_offsets_soon([ticket = call.session.ticket(call.request)](
                                      const Result<>& saved) { reply_outcome(ticket, saved); });
}

void query_correction_offset(const Call& call, const wire::QueryCorrectionOffset& header) {
    wire::CorrectionOffsets answer;
    if (const auto topic = call.broker.topics().find(header.topic)) {
        std::vector<std::string_view> except;
        for (const auto group : split(header.filter_groups.value_or(""), ','))
            except.push_back(trimmed(group));
        const auto compared = call.broker.offsets().places(header.compare_group, header.topic);
        for (const auto& [id, least] : least_offsets(call, *topic, except)) {
            // Whoever is in front of the compared group has nothing to correct.
            const auto place = compared.find(id);
            const bool is_ahead = place != compared.end() && place->second.committed >= 0 &&
                                  least > place->second.committed;
            answer.offsets.emplace_back(
                id, is_ahead ? std::numeric_limits<std::int64_t>::max() : least);
        }
    }
    call.reply_body(wire::to_body(answer));
}

void query_consume_time_span(const Call& call, const wire::GroupOfTopic& header) {
    const auto topic = call.broker.topics().find(header.topic);
    if (topic == nullptr)
        return call.refuse(rc::topic_not_exist, fmt::format("topic[{}] not exist", header.topic));
    const auto places = call.broker.offsets().places(header.group, header.topic);
    reply_body_elsewhere(call, [&broker = call.broker, topic, places] {
        wire::ConsumeTimeSpans spans;
        const std::int64_t now = broker.clock().wall_ms();
        for (std::int32_t id = 0; id < topic->config().read_queues; ++id) {
            auto* const queue = topic->find_queue(id);
            const auto place = places.find(id);
            wire::QueueTimeSpan span{{}, -1, -1, -1, 0};
            if (queue != nullptr)
                span = span_of(broker.store(), *queue,
                               place == places.end() ? -1 : place->second.committed, now);
            span.queue = {broker.settings().identity.name, id, topic->name()};
            spans.queues.push_back(std::move(span));
        }
        return wire::to_body(spans);
    });
}

void get_all_delay_offset(const Call& call) {
    const auto leading = call.leading();
    if (leading != nullptr) call.reply_body(json::to_text(leading->delay->offsets_json()));
}

}  // namespace mqd::front::rocketmq
