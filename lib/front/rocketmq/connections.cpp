// Who is connected, for administrators: 203, 204, 328, 345 (mqd-remoting(7), CONNECTIONS).

#include <fmt/format.h>

#include "front/rocketmq/convert.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/consumers.h"
#include "wire/headers/clients.h"
#include "wire/headers/consumers.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

std::vector<wire::Connection> to_wire(const std::vector<broker::Clients::Connection>& connections) {
    std::vector<wire::Connection> out;
    for (const auto& is : connections)
        out.push_back({is.client.id, is.address, is.client.language, is.client.version});
    return out;
}

}  // namespace

void get_consumer_connections(const Call& call, const wire::ConsumerGroupHeader& header) {
    const auto view = call.broker.clients().consumers(header.consumer_group);
    if (!view)
        return call.refuse(rc::consumer_not_online,
                           fmt::format("the consumer group[{}] not online", header.consumer_group));
    const auto& about = view->membership;
    wire::ConsumerConnection out;
    out.connections = to_wire(view->connections);
    out.consume_type = wire::consume_type_of(about.consume_type);
    out.consume_from_where = wire::consume_from_where_of(about.consume_from);
    out.message_model = about.model == broker::Model::broadcasting
                            ? wire::MessageModel::broadcasting
                            : wire::MessageModel::clustering;
    for (const auto& is : about.subscriptions) out.subscriptions.push_back(to_wire(*is));
    call.reply_body(wire::to_body(out));
}

void get_producer_connections(const Call& call, const wire::ProducerGroupHeader& header) {
    const auto connections = call.broker.clients().producers(header.producer_group);
    if (connections.empty())
        return call.refuse(rc::system_error,
                           fmt::format("the producer group[{}] not exist", header.producer_group));
    call.reply_body(wire::to_body(wire::ProducerConnection{to_wire(connections)}));
}

void get_all_producers(const Call& call) {
    // Last heartbeats are kept by a clock that no other machine knows.
    const auto& clock = call.broker.clock();
    const std::int64_t to_wall = clock.wall_ms() - clock.monotonic_ms();
    wire::ProducerTable table;
    for (const auto& [group, connections] : call.broker.clients().all_producers()) {
        auto& producers =
            table.groups.emplace_back(group, std::vector<wire::ProducerInfo>()).second;
        for (const auto& is : connections)
            producers.push_back({is.client.id, "/" + is.address, is.client.language,
                                 is.client.version, is.last_beat_ms + to_wall});
    }
    call.reply_body(wire::to_body(table));
}

void get_subscription(const Call& call, const wire::GroupOfTopic& header) {
    wire::QueriedSubscription out{std::string(header.group), std::string(header.topic), {}};
    if (const auto is = call.broker.clients().standing(header.group, header.topic).subscription)
        out.subscription = to_wire(*is);
    call.reply_body(wire::to_body(out));
}

}  // namespace mqd::front::rocketmq
