// QUERY_CONSUME_QUEUE 321: mqd-remoting(7), OFFSETS.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "front/rocketmq/convert.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/consume_queue.h"
#include "wire/headers/consume_queue.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

/// Units of an answer; more are asked for with a later index.
constexpr std::int32_t units_max = 10'000;

void add_filter(const Call& call, const wire::QueryConsumeQueue& header,
                wire::ConsumeQueueAnswer& out) {
    if (!header.group || header.group->empty()) return;
    const auto is = call.broker.clients().standing(*header.group, header.topic).subscription;
    if (is == nullptr) {
        out.filter_data = fmt::format("{}@{} is not online!", *header.group, header.topic);
        return;
    }
    out.subscription = to_wire(*is);
    out.filter_data = is->is_sql() ? is->expression : "null";
}

void add_units(const std::vector<store::StoredUnit>& units, wire::ConsumeQueueAnswer& out) {
    for (const auto& unit : units) {
        auto& one = out.units.emplace_back();
        one.physic_offset = unit.at.value;
        one.physic_size = unit.bytes;
        one.tags_code = unit.tags_code;
        if (unit.is_extended) one.msg = fmt::format("Cq extend not exist!addr: {}", unit.tags_code);
    }
}

}  // namespace

void query_consume_queue(const Call& call, const wire::QueryConsumeQueue& header) {
    auto topic = call.broker.topics().find(header.topic);
    auto* const queue = topic == nullptr ? nullptr : topic->find_queue(header.queue_id);
    if (queue == nullptr)
        return call.refuse(rc::system_error,
                           fmt::format("{}@{} is not exist!", header.queue_id, header.topic));
    wire::ConsumeQueueAnswer out;
    add_filter(call, header, out);
    const auto count = static_cast<std::size_t>(std::clamp(header.count, 0, units_max));
    const auto ticket = call.session.ticket(call.request);
    using Found = Result<wire::ConsumeQueueAnswer>;
    read_elsewhere(
        call, ticket,
        [&store = call.broker.store(), topic, queue, out, count,
         from = QueueOffset{header.index}]() -> Found {
            auto answer = out;
            TRY(const auto units, store.units(*queue, from, count));
            add_units(units, answer);
            answer.min = queue->min().value;
            answer.max = queue->max().value;
            return answer;
        },
        [ticket](remoting::Session& session, Connection&, const Found& found) {
            if (!found)
                return session.reply(ticket, rc::system_error, wire::NoHeader{}, {},
                                     found.error().what);
            session.reply(ticket, rc::success, wire::NoHeader{}, as_bytes(wire::to_body(*found)));
        });
}

}  // namespace mqd::front::rocketmq
