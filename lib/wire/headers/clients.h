#pragma once
// Client presence 34, 35, 38, 40 (mqd-remoting(7), HEARTBEATS); the heartbeat asks with a body.
// Locks 41 (mqd-remoting(7), QUEUE LOCKS). Connection lists 203 and 204 and the progress 208 of
// groups (mqd-remoting(7), STATISTICS and CONNECTIONS).

#include "wire/header.h"

namespace mqd::wire {

/// Of HEART_BEAT 34.
struct HeartBeatResponse {
    std::int64_t message_bytes_max = 0;  ///< ours, as in answers to sends

    static constexpr auto fields() {
        return std::tuple{required("mqdMaxMessageSize", &HeartBeatResponse::message_bytes_max)};
    }
};

/// UNREGISTER_CLIENT 35.
struct UnregisterClient {
    std::string_view client_id;
    std::optional<std::string_view> producer_group;
    std::optional<std::string_view> consumer_group;

    static constexpr auto fields() {
        using H = UnregisterClient;
        return std::tuple{required("clientID", &H::client_id),
                          optional("producerGroup", &H::producer_group),
                          optional("consumerGroup", &H::consumer_group)};
    }
};

/// GET_CONSUMER_LIST_BY_GROUP 38, NOTIFY_CONSUMER_IDS_CHANGED 40,
/// GET_CONSUMER_CONNECTION_LIST 203.
struct ConsumerGroupHeader {
    std::string_view consumer_group;

    static constexpr auto fields() {
        return std::tuple{required("consumerGroup", &ConsumerGroupHeader::consumer_group)};
    }
};

/// LOCK_BATCH_MQ 41 and its answer: an mqd broker answers with what it was asked, so that its
/// clients know that the lock ends as they want it to. Without it, as RocketMQ's: 60 s after the
/// last renewal.
struct LockHeader {
    static constexpr std::string_view order = "order";  ///< soon after the end of the connection
    static constexpr std::string_view share = "share";  ///< with the connection
    std::optional<std::string_view> hold;

    static constexpr auto fields() { return std::tuple{optional("mqdHold", &LockHeader::hold)}; }
};

/// GET_PRODUCER_CONNECTION_LIST 204.
struct ProducerGroupHeader {
    std::string_view producer_group;

    static constexpr auto fields() {
        return std::tuple{required("producerGroup", &ProducerGroupHeader::producer_group)};
    }
};

/// GET_CONSUME_STATS 208. Without a topic: all that the group has offsets of.
struct GetConsumeStats {
    std::string_view consumer_group;
    std::optional<std::string_view> topic;
    std::optional<std::string_view> topic_list;      ///< semicolons between, 5.x
    std::optional<bool> wants_delayed_retries = {};  ///< of a broker of mqd

    static constexpr auto fields() {
        using H = GetConsumeStats;
        return std::tuple{required("consumerGroup", &H::consumer_group),
                          optional("topic", &H::topic), optional("topicList", &H::topic_list),
                          optional("mqdDelayedRetries", &H::wants_delayed_retries)};
    }
};

/// Its answer, beside the body.
struct ConsumeStatsHeader {
    std::optional<std::int64_t> delayed_retries;  ///< messages that wait for their retry's delay

    static constexpr auto fields() {
        return std::tuple{optional("mqdDelayedRetries", &ConsumeStatsHeader::delayed_retries)};
    }
};

}  // namespace mqd::wire
