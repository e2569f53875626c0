#pragma once
// The requests that a broker answers: code, name, handler, and what it touches. Everything else is
// answered 3.

#include <cstdint>
#include <span>
#include <string_view>

#include "front/rocketmq/service.h"

namespace mqd::wire {
struct CheckClientBody;
struct CloneGroupOffset;
struct ConsumerGroupHeader;
struct CreateTopic;
struct DeleteGroup;
struct EndTransaction;
struct GetBrokerConsumeStats;
struct GetConsumeStats;
struct GetConsumerStatus;
struct GroupForbidden;
struct GroupHeader;
struct GroupOfTopic;
struct HeartbeatData;
struct LockBatchBody;
struct ProducerGroupHeader;
struct PullMessage;
struct QueryConsumeQueue;
struct QueryConsumerOffset;
struct QueryCorrectionOffset;
struct QueryMessage;
struct QueueHeader;
struct RecallMessage;
struct RelayToConsumer;
struct RequestMode;
struct ResetOffset;
struct ResumeCheck;
struct SearchOffset;
struct SendMessage;
struct SendMessageBack;
struct TopicConfigList;
struct TopicHeader;
struct UnregisterClient;
struct UpdateConsumerOffset;
struct ViewBrokerStats;
struct ViewMessage;
}  // namespace mqd::wire

namespace mqd::front::rocketmq {

/// Made by of() alone: there is no request without a word about what it touches.
class Request {
public:
    enum class Kind {
        plain,
        send,     ///< collected, and stored at the end of the read
        counting  ///< waits for the dispatcher, so that it counts what was stored before
    };
    std::int32_t code;
    std::string_view name;
    Kind kind;
    /// Reads the header, or the body where that says what is wanted; asks the gate as `Needs`
    /// says (needs.h); calls `handler` with what it has read, or answers itself.
    void (*serve)(const Call&);

    template <auto handler, class Needs>
    static constexpr Request of(std::int32_t code, std::string_view name, Kind kind = Kind::plain);

private:
    constexpr Request(std::int32_t c, std::string_view n, Kind k, void (*s)(const Call&))
        : code(c), name(n), kind(k), serve(s) {}
};

/// Sorted by code.
std::span<const Request> requests();
/// Null: nobody answers that.
const Request* find_request(std::int32_t code);

// send_message.cpp
void send_message(const Call& call, const wire::SendMessage& header);
// reply_message.cpp
void send_reply(const Call& call, const wire::SendMessage& header);
// send_back.cpp
void send_message_back(const Call& call, const wire::SendMessageBack& header);
// transactions.cpp
void end_transaction(const Call& call, const wire::EndTransaction& header);
void resume_check(const Call& call, const wire::ResumeCheck& header);
// pull_message.cpp
void pull_message(const Call& call, const wire::PullMessage& header);
void recall_message(const Call& call, const wire::RecallMessage& header);
void get_timer_check_point(const Call& call);
void get_timer_metrics(const Call& call);
// offsets.cpp
void query_consumer_offset(const Call& call, const wire::QueryConsumerOffset& header);
void update_consumer_offset(const Call& call, const wire::UpdateConsumerOffset& header);
void get_all_consumer_offset(const Call& call);
void search_offset(const Call& call, const wire::SearchOffset& header);
void get_max_offset(const Call& call, const wire::QueueHeader& header);
void get_min_offset(const Call& call, const wire::QueueHeader& header);
void get_earliest_store_time(const Call& call, const wire::QueueHeader& header);
// consume_queue.cpp
void query_consume_queue(const Call& call, const wire::QueryConsumeQueue& header);
// reset_offset.cpp
void reset_offset(const Call& call, const wire::ResetOffset& header);
// ask_members.cpp
void get_consumer_status(const Call& call, const wire::GetConsumerStatus& header);
void get_consumer_running_info(const Call& call, const wire::RelayToConsumer& header);
void consume_message_directly(const Call& call, const wire::RelayToConsumer& header);
// group_progress.cpp
void clone_group_offset(const Call& call, const wire::CloneGroupOffset& header);
void query_correction_offset(const Call& call, const wire::QueryCorrectionOffset& header);
void query_consume_time_span(const Call& call, const wire::GroupOfTopic& header);
void get_all_delay_offset(const Call& call);
// query_message.cpp
void query_message(const Call& call, const wire::QueryMessage& header);
// view_message.cpp
void view_message(const Call& call, const wire::ViewMessage& header);
// clients.cpp
void heart_beat(const Call& call, const wire::HeartbeatData& beat);
void unregister_client(const Call& call, const wire::UnregisterClient& header);
void get_consumer_list(const Call& call, const wire::ConsumerGroupHeader& header);
void check_client_config(const Call& call, const wire::CheckClientBody& body);
// connections.cpp
void get_consumer_connections(const Call& call, const wire::ConsumerGroupHeader& header);
void get_producer_connections(const Call& call, const wire::ProducerGroupHeader& header);
void get_all_producers(const Call& call);
void get_subscription(const Call& call, const wire::GroupOfTopic& header);
// queue_locks.cpp
void lock_queues(const Call& call, const wire::LockBatchBody& body);
void unlock_queues(const Call& call, const wire::LockBatchBody& body);
// topics.cpp
void create_topic(const Call& call, const wire::CreateTopic& header);
void create_topics(const Call& call, const wire::TopicConfigList& list);
void delete_topic(const Call& call, const wire::TopicHeader& header);
void get_topic_config(const Call& call, const wire::TopicHeader& header);
void get_all_topic_config(const Call& call);
void get_system_topics(const Call& call);
// request_modes.cpp
void set_request_mode(const Call& call, const wire::RequestMode& body);
void get_all_request_modes(const Call& call);
// groups.cpp
void put_group(const Call& call);
void put_groups(const Call& call);
void get_group(const Call& call, const wire::GroupHeader& header);
void get_all_groups(const Call& call);
void delete_group(const Call& call, const wire::DeleteGroup& header);
void get_groups_of_topic(const Call& call, const wire::TopicHeader& header);
void get_topics_of_group(const Call& call, const wire::GroupHeader& header);
void forbid_group(const Call& call, const wire::GroupForbidden& header);
// stats.cpp
void get_topic_stats(const Call& call, const wire::TopicHeader& header);
void get_consume_stats(const Call& call, const wire::GetConsumeStats& header);
void get_broker_consume_stats(const Call& call, const wire::GetBrokerConsumeStats& header);
// broker_stats.cpp
void view_broker_stats(const Call& call, const wire::ViewBrokerStats& header);
// retention.cpp
void clean_expired_queues(const Call& call);
void clean_unused_topics(const Call& call);
void delete_expired_log(const Call& call);
// runtime_info.cpp
void get_runtime_info(const Call& call);
void get_broker_config(const Call& call);
void get_ha_status(const Call& call);

}  // namespace mqd::front::rocketmq
