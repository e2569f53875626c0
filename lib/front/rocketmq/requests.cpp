#include "front/rocketmq/requests.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include "front/rocketmq/deferred.h"
#include "front/rocketmq/needs.h"

namespace mqd::front::rocketmq {
namespace {

namespace code = wire::request_code;
namespace rc = wire::response_code;

template <class Handler>
struct ReadBy;
template <>
struct ReadBy<void (*)(const Call&)> {
    using type = wire::NoHeader;
};
template <class H>
struct ReadBy<void (*)(const Call&, const H&)> {
    using type = H;
};

template <class H>
Result<H> read(const Call& call) {
    if constexpr (std::is_same_v<H, wire::SendMessage>)
        return wire::read_send_message(call.request);
    else if constexpr (requires { H::fields(); })
        return call.header<H>();
    else
        return H::read(call.body());
}

void refuse(const Call& call, std::int32_t code, const Error& why) {
    call.service.note_lost_oneway(call.session, call.request, why.what);
    call.refuse(code, why.what);
}

bool is_counted(const Call& call) {
    auto& store = call.broker.store();
    return store.dispatched() >= store.shown();
}

template <auto handler, class Needs, Request::Kind kind>
void serve(const Call& call) {
    using H = typename ReadBy<decltype(handler)>::type;
    const auto header = read<H>(call);
    if (!header) return refuse(call, rc::system_error, header.error());
    if (const auto may = Needs::ask(call, *header); !may)
        return refuse(call, rc::no_permission, may.error());
    if constexpr (kind == Request::Kind::counting) {
        // It is asked for again then.
        if (!is_counted(call))
            return handle_when_dispatched(call, serve<handler, Needs, Request::Kind::plain>);
    }
    if constexpr (std::is_same_v<H, wire::NoHeader>)
        handler(call);
    else
        handler(call, *header);
}

}  // namespace

template <auto handler, class Needs>
constexpr Request Request::of(std::int32_t code, std::string_view name, Kind kind) {
    switch (kind) {
        case Kind::counting:
            return {code, name, kind, rocketmq::serve<handler, Needs, Kind::counting>};
        case Kind::plain:
        case Kind::send:
            break;
    }
    return {code, name, kind, rocketmq::serve<handler, Needs, Kind::plain>};
}

namespace {

using Kind = Request::Kind;
using enum access::Action;

// Sorted by code.
constexpr Request rows[] = {
    Request::of<send_message, needs::Send>(code::send_message, "SEND_MESSAGE", Kind::send),
    Request::of<pull_message, needs::Pull>(code::pull_message, "PULL_MESSAGE"),
    Request::of<query_message, needs::Topic<sub, get>>(code::query_message, "QUERY_MESSAGE"),
    Request::of<query_consumer_offset, needs::TopicAndGroup<sub, get>>(code::query_consumer_offset,
                                                                       "QUERY_CONSUMER_OFFSET"),
    Request::of<update_consumer_offset, needs::TopicAndGroup<sub, update>>(
        code::update_consumer_offset, "UPDATE_CONSUMER_OFFSET"),
    Request::of<create_topic, needs::Topic<create>>(code::update_and_create_topic,
                                                    "UPDATE_AND_CREATE_TOPIC"),
    Request::of<create_topics, needs::TopicList>(code::update_and_create_topic_list,
                                                 "UPDATE_AND_CREATE_TOPIC_LIST"),
    Request::of<get_all_topic_config, needs::Cluster<get>>(code::get_all_topic_config,
                                                           "GET_ALL_TOPIC_CONFIG"),
    Request::of<get_broker_config, needs::Cluster<get>>(code::get_broker_config,
                                                        "GET_BROKER_CONFIG"),
    Request::of<get_runtime_info, needs::Cluster<get>>(code::get_broker_runtime_info,
                                                       "GET_BROKER_RUNTIME_INFO"),
    Request::of<search_offset, needs::Topic<get, sub, pub>>(
        code::search_offset_by_timestamp, "SEARCH_OFFSET_BY_TIMESTAMP", Kind::counting),
    Request::of<get_max_offset, needs::Topic<get, sub, pub>>(code::get_max_offset, "GET_MAX_OFFSET",
                                                             Kind::counting),
    Request::of<get_min_offset, needs::Topic<get, sub, pub>>(code::get_min_offset,
                                                             "GET_MIN_OFFSET"),
    Request::of<get_earliest_store_time, needs::Topic<get, sub, pub>>(
        code::get_earliest_msg_storetime, "GET_EARLIEST_MSG_STORETIME"),
    Request::of<view_message, needs::Found>(code::view_message_by_id, "VIEW_MESSAGE_BY_ID"),
    Request::of<heart_beat, needs::Heartbeat>(code::heart_beat, "HEART_BEAT"),
    Request::of<unregister_client, needs::Unregister>(code::unregister_client, "UNREGISTER_CLIENT"),
    Request::of<send_message_back, needs::Group<sub>>(code::consumer_send_msg_back,
                                                      "CONSUMER_SEND_MSG_BACK"),
    Request::of<end_transaction, needs::Found>(code::end_transaction, "END_TRANSACTION"),
    Request::of<get_consumer_list, needs::Group<sub, get>>(code::get_consumer_list_by_group,
                                                           "GET_CONSUMER_LIST_BY_GROUP"),
    Request::of<lock_queues, needs::QueueLocks>(code::lock_batch_mq, "LOCK_BATCH_MQ"),
    Request::of<unlock_queues, needs::QueueLocks>(code::unlock_batch_mq, "UNLOCK_BATCH_MQ"),
    Request::of<get_all_consumer_offset, needs::Cluster<get>>(code::get_all_consumer_offset,
                                                              "GET_ALL_CONSUMER_OFFSET"),
    Request::of<get_all_delay_offset, needs::Cluster<get>>(code::get_all_delay_offset,
                                                           "GET_ALL_DELAY_OFFSET"),
    Request::of<check_client_config, needs::ClientConfig>(code::check_client_config,
                                                          "CHECK_CLIENT_CONFIG"),
    Request::of<get_timer_check_point, needs::Cluster<get>>(code::get_timer_check_point,
                                                            "GET_TIMER_CHECK_POINT"),
    Request::of<get_timer_metrics, needs::Cluster<get>>(code::get_timer_metrics,
                                                        "GET_TIMER_METRICS"),
    Request::of<put_group, needs::Found>(code::update_and_create_subscriptiongroup,
                                         "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP"),
    Request::of<get_all_groups, needs::Cluster<get>>(code::get_all_subscriptiongroup_config,
                                                     "GET_ALL_SUBSCRIPTIONGROUP_CONFIG"),
    Request::of<get_topic_stats, needs::Topic<get>>(code::get_topic_stats_info,
                                                    "GET_TOPIC_STATS_INFO", Kind::counting),
    Request::of<get_consumer_connections, needs::Group<get>>(code::get_consumer_connection_list,
                                                             "GET_CONSUMER_CONNECTION_LIST"),
    Request::of<get_producer_connections, needs::Cluster<get>>(code::get_producer_connection_list,
                                                               "GET_PRODUCER_CONNECTION_LIST"),
    Request::of<delete_group, needs::Group<remove>>(code::delete_subscriptiongroup,
                                                    "DELETE_SUBSCRIPTIONGROUP"),
    Request::of<get_consume_stats, needs::ConsumeStats>(code::get_consume_stats,
                                                        "GET_CONSUME_STATS", Kind::counting),
    Request::of<delete_topic, needs::Topic<remove>>(code::delete_topic_in_broker,
                                                    "DELETE_TOPIC_IN_BROKER"),
    Request::of<reset_offset, needs::TopicAndGroup<update>>(
        code::invoke_broker_to_reset_offset, "INVOKE_BROKER_TO_RESET_OFFSET", Kind::counting),
    Request::of<get_consumer_status, needs::Super>(code::invoke_broker_to_get_consumer_status,
                                                   "INVOKE_BROKER_TO_GET_CONSUMER_STATUS"),
    Request::of<put_groups, needs::Found>(code::update_and_create_subscriptiongroup_list,
                                          "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST"),
    Request::of<get_groups_of_topic, needs::Topic<get>>(code::query_topic_consume_by_who,
                                                        "QUERY_TOPIC_CONSUME_BY_WHO"),
    Request::of<query_consume_time_span, needs::TopicAndGroup<get>>(
        code::query_consume_time_span, "QUERY_CONSUME_TIME_SPAN", Kind::counting),
    Request::of<get_system_topics, needs::Cluster<get>>(code::get_system_topic_list_from_broker,
                                                        "GET_SYSTEM_TOPIC_LIST_FROM_BROKER"),
    Request::of<clean_expired_queues, needs::Cluster<update>>(code::clean_expired_consumequeue,
                                                              "CLEAN_EXPIRED_CONSUMEQUEUE"),
    Request::of<get_consumer_running_info, needs::Group<get>>(code::get_consumer_running_info,
                                                              "GET_CONSUMER_RUNNING_INFO"),
    Request::of<query_correction_offset, needs::Correction>(code::query_correction_offset,
                                                            "QUERY_CORRECTION_OFFSET"),
    Request::of<consume_message_directly, needs::GroupAndTopicIfNamed<sub>>(
        code::consume_message_directly, "CONSUME_MESSAGE_DIRECTLY"),
    Request::of<send_message, needs::Send>(code::send_message_v2, "SEND_MESSAGE_V2", Kind::send),
    Request::of<clone_group_offset, needs::Clone>(code::clone_group_offset, "CLONE_GROUP_OFFSET"),
    Request::of<view_broker_stats, needs::Cluster<get>>(code::view_broker_stats_data,
                                                        "VIEW_BROKER_STATS_DATA"),
    Request::of<clean_unused_topics, needs::Cluster<update>>(code::clean_unused_topic,
                                                             "CLEAN_UNUSED_TOPIC"),
    Request::of<get_broker_consume_stats, needs::Cluster<get>>(
        code::get_broker_consume_stats, "GET_BROKER_CONSUME_STATS", Kind::counting),
    Request::of<send_message, needs::Send>(code::send_batch_message, "SEND_BATCH_MESSAGE",
                                           Kind::send),
    Request::of<query_consume_queue, needs::QueueUnits>(code::query_consume_queue,
                                                        "QUERY_CONSUME_QUEUE", Kind::counting),
    Request::of<resume_check, needs::Found>(code::resume_check_half_message,
                                            "RESUME_CHECK_HALF_MESSAGE"),
    Request::of<send_reply, needs::Send>(code::send_reply_message, "SEND_REPLY_MESSAGE"),
    Request::of<send_reply, needs::Send>(code::send_reply_message_v2, "SEND_REPLY_MESSAGE_V2"),
    Request::of<get_all_producers, needs::Cluster<get>>(code::get_all_producer_info,
                                                        "GET_ALL_PRODUCER_INFO"),
    Request::of<delete_expired_log, needs::Cluster<update>>(code::delete_expired_commitlog,
                                                            "DELETE_EXPIRED_COMMITLOG"),
    Request::of<get_topics_of_group, needs::Group<get>>(code::query_topics_by_consumer,
                                                        "QUERY_TOPICS_BY_CONSUMER"),
    Request::of<get_subscription, needs::GroupAndTopicIfNamed<get>>(
        code::query_subscription_by_consumer, "QUERY_SUBSCRIPTION_BY_CONSUMER"),
    Request::of<get_topic_config, needs::Topic<get>>(code::get_topic_config, "GET_TOPIC_CONFIG"),
    Request::of<get_group, needs::Group<get>>(code::get_subscriptiongroup_config,
                                              "GET_SUBSCRIPTIONGROUP_CONFIG"),
    Request::of<forbid_group, needs::TopicAndGroup<update>>(code::update_and_get_group_forbidden,
                                                            "UPDATE_AND_GET_GROUP_FORBIDDEN"),
    Request::of<pull_message, needs::Pull>(code::lite_pull_message, "LITE_PULL_MESSAGE"),
    Request::of<recall_message, needs::Topic<pub>>(code::recall_message, "RECALL_MESSAGE"),
    Request::of<set_request_mode, needs::Group<update>>(code::set_message_request_mode,
                                                        "SET_MESSAGE_REQUEST_MODE"),
    Request::of<get_all_request_modes, needs::Cluster<get>>(code::get_all_message_request_mode,
                                                            "GET_ALL_MESSAGE_REQUEST_MODE"),
    Request::of<get_ha_status, needs::Cluster<get>>(code::get_broker_ha_status,
                                                    "GET_BROKER_HA_STATUS"),
};
static_assert(std::is_sorted(std::begin(rows), std::end(rows),
                             [](const Request& a, const Request& b) { return a.code < b.code; }));

}  // namespace

std::span<const Request> requests() {
    return rows;
}

const Request* find_request(std::int32_t wanted) {
    const auto* found =
        std::lower_bound(std::begin(rows), std::end(rows), wanted,
                         [](const Request& request, std::int32_t c) { return request.code < c; });
    return found != std::end(rows) && found->code == wanted ? found : nullptr;
}

}  // namespace mqd::front::rocketmq
