#include "front/rocketmq/requests.h"

#include <algorithm>
#include <iterator>

namespace mqd::front::rocketmq {
namespace {

namespace code = wire::request_code;

// Sorted by code.
constexpr Request requests[] = {
    {code::send_message, "SEND_MESSAGE", send_message, Request::Kind::send},
    {code::pull_message, "PULL_MESSAGE", pull_message},
    {code::query_message, "QUERY_MESSAGE", query_message},
    {code::query_consumer_offset, "QUERY_CONSUMER_OFFSET", query_consumer_offset},
    {code::update_consumer_offset, "UPDATE_CONSUMER_OFFSET", update_consumer_offset},
    {code::update_and_create_topic, "UPDATE_AND_CREATE_TOPIC", create_topic},
    {code::update_and_create_topic_list, "UPDATE_AND_CREATE_TOPIC_LIST", create_topics},
    {code::get_all_topic_config, "GET_ALL_TOPIC_CONFIG", get_all_topic_config},
    {code::get_broker_config, "GET_BROKER_CONFIG", get_broker_config},
    {code::get_broker_runtime_info, "GET_BROKER_RUNTIME_INFO", get_runtime_info},
    {code::search_offset_by_timestamp, "SEARCH_OFFSET_BY_TIMESTAMP", search_offset,
     Request::Kind::counting},
    {code::get_max_offset, "GET_MAX_OFFSET", get_max_offset, Request::Kind::counting},
    {code::get_min_offset, "GET_MIN_OFFSET", get_min_offset},
    {code::get_earliest_msg_storetime, "GET_EARLIEST_MSG_STORETIME", get_earliest_store_time},
    {code::view_message_by_id, "VIEW_MESSAGE_BY_ID", view_message},
    {code::heart_beat, "HEART_BEAT", heart_beat},
    {code::unregister_client, "UNREGISTER_CLIENT", unregister_client},
    {code::consumer_send_msg_back, "CONSUMER_SEND_MSG_BACK", send_message_back},
    {code::end_transaction, "END_TRANSACTION", end_transaction},
    {code::get_consumer_list_by_group, "GET_CONSUMER_LIST_BY_GROUP", get_consumer_list},
    {code::lock_batch_mq, "LOCK_BATCH_MQ", lock_queues},
    {code::unlock_batch_mq, "UNLOCK_BATCH_MQ", unlock_queues},
    {code::get_all_consumer_offset, "GET_ALL_CONSUMER_OFFSET", get_all_consumer_offset},
    {code::get_all_delay_offset, "GET_ALL_DELAY_OFFSET", get_all_delay_offset},
    {code::check_client_config, "CHECK_CLIENT_CONFIG", check_client_config},
    {code::get_timer_check_point, "GET_TIMER_CHECK_POINT", get_timer_check_point},
    {code::get_timer_metrics, "GET_TIMER_METRICS", get_timer_metrics},
    {code::update_and_create_subscriptiongroup, "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", put_group},
    {code::get_all_subscriptiongroup_config, "GET_ALL_SUBSCRIPTIONGROUP_CONFIG", get_all_groups},
    {code::get_topic_stats_info, "GET_TOPIC_STATS_INFO", get_topic_stats, Request::Kind::counting},
    {code::get_consumer_connection_list, "GET_CONSUMER_CONNECTION_LIST", get_consumer_connections},
    {code::get_producer_connection_list, "GET_PRODUCER_CONNECTION_LIST", get_producer_connections},
    {code::delete_subscriptiongroup, "DELETE_SUBSCRIPTIONGROUP", delete_group},
    {code::get_consume_stats, "GET_CONSUME_STATS", get_consume_stats, Request::Kind::counting},
    {code::delete_topic_in_broker, "DELETE_TOPIC_IN_BROKER", delete_topic},
    {code::invoke_broker_to_reset_offset, "INVOKE_BROKER_TO_RESET_OFFSET", reset_offset,
     Request::Kind::counting},
    {code::invoke_broker_to_get_consumer_status, "INVOKE_BROKER_TO_GET_CONSUMER_STATUS",
     get_consumer_status},
    {code::update_and_create_subscriptiongroup_list, "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST",
     put_groups},
    {code::query_topic_consume_by_who, "QUERY_TOPIC_CONSUME_BY_WHO", get_groups_of_topic},
    {code::query_consume_time_span, "QUERY_CONSUME_TIME_SPAN", query_consume_time_span,
     Request::Kind::counting},
    {code::get_system_topic_list_from_broker, "GET_SYSTEM_TOPIC_LIST_FROM_BROKER",
     get_system_topics},
    {code::clean_expired_consumequeue, "CLEAN_EXPIRED_CONSUMEQUEUE", clean_expired_queues},
    {code::get_consumer_running_info, "GET_CONSUMER_RUNNING_INFO", get_consumer_running_info},
    {code::query_correction_offset, "QUERY_CORRECTION_OFFSET", query_correction_offset},
    {code::consume_message_directly, "CONSUME_MESSAGE_DIRECTLY", consume_message_directly},
    {code::send_message_v2, "SEND_MESSAGE_V2", send_message, Request::Kind::send},
    {code::clone_group_offset, "CLONE_GROUP_OFFSET", clone_group_offset},
    {code::view_broker_stats_data, "VIEW_BROKER_STATS_DATA", view_broker_stats},
    {code::clean_unused_topic, "CLEAN_UNUSED_TOPIC", clean_unused_topics},
    {code::get_broker_consume_stats, "GET_BROKER_CONSUME_STATS", get_broker_consume_stats,
     Request::Kind::counting},
    {code::send_batch_message, "SEND_BATCH_MESSAGE", send_message, Request::Kind::send},
    {code::resume_check_half_message, "RESUME_CHECK_HALF_MESSAGE", resume_check},
    {code::send_reply_message, "SEND_REPLY_MESSAGE", send_reply},
    {code::send_reply_message_v2, "SEND_REPLY_MESSAGE_V2", send_reply},
    {code::get_all_producer_info, "GET_ALL_PRODUCER_INFO", get_all_producers},
    {code::delete_expired_commitlog, "DELETE_EXPIRED_COMMITLOG", delete_expired_log},
    {code::query_topics_by_consumer, "QUERY_TOPICS_BY_CONSUMER", get_topics_of_group},
    {code::query_subscription_by_consumer, "QUERY_SUBSCRIPTION_BY_CONSUMER", get_subscription},
    {code::get_topic_config, "GET_TOPIC_CONFIG", get_topic_config},
    {code::get_subscriptiongroup_config, "GET_SUBSCRIPTIONGROUP_CONFIG", get_group},
    {code::update_and_get_group_forbidden, "UPDATE_AND_GET_GROUP_FORBIDDEN", forbid_group},
    {code::lite_pull_message, "LITE_PULL_MESSAGE", pull_message},
    {code::recall_message, "RECALL_MESSAGE", recall_message},
};
static_assert(std::is_sorted(std::begin(requests), std::end(requests),
                             [](const Request& a, const Request& b) { return a.code < b.code; }));

}  // namespace

const Request* find_request(std::int32_t wanted) {
    const auto* found =
        std::lower_bound(std::begin(requests), std::end(requests), wanted,
                         [](const Request& request, std::int32_t c) { return request.code < c; });
    return found != std::end(requests) && found->code == wanted ? found : nullptr;
}

}  // namespace mqd::front::rocketmq
