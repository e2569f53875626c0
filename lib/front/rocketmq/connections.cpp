// Who is connected, for administrators: 203, 204 (spec remoting.md 4.5).

#include <fmt/format.h>

#include "front/rocketmq/requests.h"
#include "wire/bodies/connections.h"
#include "wire/headers/clients.h"

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

void get_consumer_connections(const Call& call) {
    const auto header = call.header<wire::ConsumerGroupHeader>();
    if (!header) return call.refuse(header.error());
    const auto view = call.broker.clients().consumers(header->consumer_group);
    if (!view)
        return call.refuse(rc::consumer_not_online, fmt::format("the consumer group[{}] not online",
                                                                header->consumer_group));
    const auto& about = view->membership;
    wire::ConsumerConnection out;
    out.connections = to_wire(view->connections);
    out.consume_type = wire::consume_type_of(about.consume_type);
    out.consume_from_where = wire::consume_from_where_of(about.consume_from);
    out.message_model = about.model == broker::Model::broadcasting
                            ? wire::MessageModel::broadcasting
                            : wire::MessageModel::clustering;
    for (const auto& is : about.subscriptions) {
        wire::SubscriptionData data;
        data.topic = is->topic;
        data.sub_string = is->expression;
        data.expression_type = is->type;
        data.sub_version = is->version;
        data.tags = is->tags.tags();
        out.subscriptions.push_back(std::move(data));
    }
    call.reply_body(wire::to_body(out));
}

void get_producer_connections(const Call& call) {
    const auto header = call.header<wire::ProducerGroupHeader>();
    if (!header) return call.refuse(header.error());
    const auto connections = call.broker.clients().producers(header->producer_group);
    if (connections.empty())
        return call.refuse(rc::system_error,
                           fmt::format("the producer group[{}] not exist", header->producer_group));
    call.reply_body(wire::to_body(wire::ProducerConnection{to_wire(connections)}));
}

}  // namespace mqd::front::rocketmq
