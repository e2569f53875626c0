// Client presence 34, 35, 38, 46: mqd-remoting(7), HEARTBEATS.

#include <fmt/format.h>

#include "base/log.h"
#include "front/rocketmq/expressions.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/connections.h"
#include "wire/bodies/heartbeat.h"
#include "wire/headers/clients.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

Result<broker::SubscriptionRef> subscription_of(const wire::SubscriptionData& data) {
    return broker::Subscription::make(data.topic, data.sub_string, data.expression_type,
                                      data.sub_version);
}

broker::Membership membership_of(const wire::ConsumerData& data, const std::string& client) {
    broker::Membership out;
    out.group = data.group_name;
    out.model = data.message_model == wire::MessageModel::broadcasting ? broker::Model::broadcasting
                                                                       : broker::Model::clustering;
    out.consume_type = wire::name_of(data.consume_type);
    out.consume_from = wire::name_of(data.consume_from_where);
    out.has_retry_topic = true;
    out.unit_mode = data.unit_mode;
    for (const auto& is : data.subscriptions) {
        auto subscription = subscription_of(is);
        if (subscription) {
            out.subscriptions.push_back(std::move(*subscription));
        } else {
            // Its pulls are told that there is no such subscription, or no such filter.
            if (is.expression_type != "TAG")
                out.subscriptions.push_back(broker::Subscription::unusable(
                    is.topic, is.sub_string, is.expression_type, is.sub_version));
            log::warn("subscription_refused", {{"group", data.group_name},
                                               {"client", client},
                                               {"error", subscription.error().what}});
        }
    }
    return out;
}

}  // namespace

void heart_beat(const Call& call, const wire::HeartbeatData& beat) {
    const broker::ClientInfo client{beat.client_id, call.request.language, call.request.version};
    std::vector<broker::Membership> consuming;
    for (const auto& data : beat.consumers)
        consuming.push_back(membership_of(data, beat.client_id));
    call.broker.heartbeat(std::static_pointer_cast<Connection>(call.session.context), client,
                          std::move(consuming), beat.producer_groups);
    call.reply(wire::HeartBeatResponse{call.broker.settings().sends.message_bytes_max});
}

void unregister_client(const Call& call, const wire::UnregisterClient& header) {
    if (header.producer_group)
        call.broker.clients().leave_producers(call.connection, *header.producer_group);
    if (header.consumer_group) call.broker.leave_group(call.connection, *header.consumer_group);
    call.reply();
}

void get_consumer_list(const Call& call, const wire::ConsumerGroupHeader& header) {
    const wire::ConsumerIdList list{call.broker.clients().member_ids(header.consumer_group)};
    if (list.ids.empty())
        return call.refuse(rc::system_error,
                           fmt::format("no consumer for this group, {}", header.consumer_group));
    call.reply_body(wire::to_body(list));
}

void check_client_config(const Call& call, const wire::CheckClientBody& body) {
    if (!body.subscription || body.subscription->sub_string.empty()) return call.reply();
    const auto& type = body.subscription->expression_type;
    const auto subscription = subscription_of(*body.subscription);
    if (!filters_by(type, call.service.settings()))
        return call.refuse(rc::system_error, no_filter_remark(type));
    if (!subscription) return call.refuse(rc::subscription_parse_failed, subscription.error().what);
    call.reply();
}

}  // namespace mqd::front::rocketmq
