#pragma once
// The requests that a broker answers: code, name, handler. Everything else is answered 3.

#include <cstdint>
#include <string_view>

#include "front/rocketmq/service.h"

namespace mqd::front::rocketmq {

struct Request {
    std::int32_t code;
    std::string_view name;
    void (*handle)(const Call&);
    enum class Kind {
        plain,
        send,     ///< collected, and stored at the end of the read
        counting  ///< waits for the dispatcher, so that it counts what was stored before
    } kind = Kind::plain;
};

/// Null: nobody answers that.
const Request* find_request(std::int32_t code);

// send_message.cpp
void send_message(const Call& call);
// reply_message.cpp
void send_reply(const Call& call);
// send_back.cpp
void send_message_back(const Call& call);
// transactions.cpp
void end_transaction(const Call& call);
void resume_check(const Call& call);
// pull_message.cpp
void pull_message(const Call& call);
void recall_message(const Call& call);
void get_timer_check_point(const Call& call);
void get_timer_metrics(const Call& call);
// offsets.cpp
void query_consumer_offset(const Call& call);
void update_consumer_offset(const Call& call);
void get_all_consumer_offset(const Call& call);
void search_offset(const Call& call);
void get_max_offset(const Call& call);
void get_min_offset(const Call& call);
void get_earliest_store_time(const Call& call);
// reset_offset.cpp
void reset_offset(const Call& call);
// ask_members.cpp
void get_consumer_status(const Call& call);
void get_consumer_running_info(const Call& call);
void consume_message_directly(const Call& call);
// group_progress.cpp
void clone_group_offset(const Call& call);
void query_correction_offset(const Call& call);
void query_consume_time_span(const Call& call);
void get_all_delay_offset(const Call& call);
// query_message.cpp
void query_message(const Call& call);
// view_message.cpp
void view_message(const Call& call);
// clients.cpp
void heart_beat(const Call& call);
void unregister_client(const Call& call);
void get_consumer_list(const Call& call);
void check_client_config(const Call& call);
// connections.cpp
void get_consumer_connections(const Call& call);
void get_producer_connections(const Call& call);
void get_all_producers(const Call& call);
void get_subscription(const Call& call);
// queue_locks.cpp
void lock_queues(const Call& call);
void unlock_queues(const Call& call);
// topics.cpp
void create_topic(const Call& call);
void create_topics(const Call& call);
void delete_topic(const Call& call);
void get_topic_config(const Call& call);
void get_all_topic_config(const Call& call);
void get_system_topics(const Call& call);
// groups.cpp
void put_group(const Call& call);
void put_groups(const Call& call);
void get_group(const Call& call);
void get_all_groups(const Call& call);
void delete_group(const Call& call);
void get_groups_of_topic(const Call& call);
void get_topics_of_group(const Call& call);
void forbid_group(const Call& call);
// stats.cpp
void get_topic_stats(const Call& call);
void get_consume_stats(const Call& call);
void get_broker_consume_stats(const Call& call);
// broker_stats.cpp
void view_broker_stats(const Call& call);
// retention.cpp
void clean_expired_queues(const Call& call);
void clean_unused_topics(const Call& call);
void delete_expired_log(const Call& call);
// runtime_info.cpp
void get_runtime_info(const Call& call);
void get_broker_config(const Call& call);

}  // namespace mqd::front::rocketmq
