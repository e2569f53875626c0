#pragma once
// What administrators ask of a broker about consumer groups, and what it asks of their members:
// 220 to 223, 303, 307 to 309, 314, 315, 317, 343, 345, 353 (mqd-remoting(7), GROUPS, STATISTICS,
// CONNECTIONS, RESETTING OFFSETS and ASKING MEMBERS).

#include "wire/header.h"

namespace mqd::wire {

/// INVOKE_BROKER_TO_RESET_OFFSET 222.
struct ResetOffset {
    std::string_view topic;
    std::string_view group;
    std::int64_t timestamp = 0;            ///< below 0: the end of the queue
    bool is_force = false;                 ///< forwards too; ignored where the broker resets
    std::optional<std::int32_t> queue_id;  ///< absent or below 0: all
    std::optional<std::int64_t> offset;    ///< of one queue; absent or -1: by time

    static constexpr auto fields() {
        using H = ResetOffset;
        return std::tuple{required("topic", &H::topic),         required("group", &H::group),
                          required("timestamp", &H::timestamp), required("isForce", &H::is_force),
                          optional("queueId", &H::queue_id),    optional("offset", &H::offset)};
    }
};

/// RESET_CONSUMER_CLIENT_OFFSET 220, to a member; the body is a ResetOffsetBody.
struct ResetClientOffset {
    std::string topic;
    std::string group;
    std::int64_t timestamp = 0;
    std::int32_t queue_id = -1;
    bool is_force = false;

    static constexpr auto fields() {
        using H = ResetClientOffset;
        return std::tuple{required("topic", &H::topic), required("group", &H::group),
                          required("timestamp", &H::timestamp), optional("queueId", &H::queue_id),
                          optional("isForce", &H::is_force)};
    }
};

/// GET_CONSUMER_STATUS_FROM_CLIENT 221, to a member.
struct GetClientStatus {
    std::string topic;
    std::string group;

    static constexpr auto fields() {
        using H = GetClientStatus;
        return std::tuple{required("topic", &H::topic), required("group", &H::group)};
    }
};

/// INVOKE_BROKER_TO_GET_CONSUMER_STATUS 223.
struct GetConsumerStatus {
    std::string_view topic;
    std::string_view group;
    std::optional<std::string_view> client_id;  ///< absent or empty: all members

    static constexpr auto fields() {
        using H = GetConsumerStatus;
        return std::tuple{required("topic", &H::topic), required("group", &H::group),
                          optional("clientAddr", &H::client_id)};
    }
};

/// GET_CONSUMER_RUNNING_INFO 307 and CONSUME_MESSAGE_DIRECTLY 309: what the broker itself reads of
/// them. The member gets all fields as they came.
struct RelayToConsumer {
    std::string_view consumer_group;
    std::string_view client_id;
    std::optional<std::string_view> msg_id;  ///< 309: an offset message id
    std::optional<std::string_view> topic;   ///< 309

    static constexpr auto fields() {
        using H = RelayToConsumer;
        return std::tuple{required("consumerGroup", &H::consumer_group),
                          required("clientId", &H::client_id), optional("msgId", &H::msg_id),
                          optional("topic", &H::topic)};
    }
};

/// QUERY_CONSUME_TIME_SPAN 303, QUERY_SUBSCRIPTION_BY_CONSUMER 345.
struct GroupOfTopic {
    std::string_view topic;
    std::string_view group;

    static constexpr auto fields() {
        using H = GroupOfTopic;
        return std::tuple{required("topic", &H::topic), required("group", &H::group)};
    }
};

/// QUERY_CORRECTION_OFFSET 308.
struct QueryCorrectionOffset {
    std::string_view topic;
    std::string_view compare_group;
    std::optional<std::string_view> filter_groups;  ///< commas between

    static constexpr auto fields() {
        using H = QueryCorrectionOffset;
        return std::tuple{required("topic", &H::topic), required("compareGroup", &H::compare_group),
                          optional("filterGroups", &H::filter_groups)};
    }
};

/// CLONE_GROUP_OFFSET 314.
struct CloneGroupOffset {
    std::string_view src_group;
    std::string_view dest_group;
    std::optional<std::string_view> topic;  ///< absent: all of srcGroup's
    bool offline = false;                   ///< also topics that destGroup does not subscribe to

    static constexpr auto fields() {
        using H = CloneGroupOffset;
        return std::tuple{required("srcGroup", &H::src_group),
                          required("destGroup", &H::dest_group), optional("topic", &H::topic),
                          optional("offline", &H::offline)};
    }
};

/// GET_BROKER_CONSUME_STATS 317.
struct GetBrokerConsumeStats {
    bool is_order = false;  ///< only ordered topics

    static constexpr auto fields() {
        return std::tuple{required("isOrder", &GetBrokerConsumeStats::is_order)};
    }
};

/// VIEW_BROKER_STATS_DATA 315. What the key looks like depends on the name.
struct ViewBrokerStats {
    std::string_view name;
    std::string_view key;

    static constexpr auto fields() {
        using H = ViewBrokerStats;
        return std::tuple{required("statsName", &H::name), required("statsKey", &H::key)};
    }
};

/// UPDATE_AND_GET_GROUP_FORBIDDEN 353.
struct GroupForbidden {
    std::string_view group;
    std::string_view topic;
    std::optional<bool> readable;  ///< absent: only asked

    static constexpr auto fields() {
        using H = GroupForbidden;
        return std::tuple{required("group", &H::group), required("topic", &H::topic),
                          optional("readable", &H::readable)};
    }
};

}  // namespace mqd::wire
