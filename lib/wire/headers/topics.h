#pragma once
// Topics and groups: 17, 105, 202, 207, 215, 216, 217, 224, 300, 351, 352 (mqd-remoting(7), ROUTES,
// ADMINISTRATION, TOPICS and GROUPS).

#include "wire/header.h"

namespace mqd::wire {

/// GET_TOPIC_STATS_INFO 202, DELETE_TOPIC_IN_BROKER 215, REGISTER_TOPIC_IN_NAMESRV 217,
/// QUERY_TOPIC_CONSUME_BY_WHO 300, GET_TOPIC_CONFIG 351.
struct TopicHeader {
    std::string_view topic;

    static constexpr auto fields() { return std::tuple{required("topic", &TopicHeader::topic)}; }
};

/// GET_ROUTEINFO_BY_TOPIC 105.
struct GetRouteInfo {
    std::string_view topic;
    std::optional<bool> accept_standard_json_only;

    static constexpr auto fields() {
        using H = GetRouteInfo;
        return std::tuple{required("topic", &H::topic),
                          optional("acceptStandardJsonOnly", &H::accept_standard_json_only)};
    }
};

/// UPDATE_AND_CREATE_TOPIC 17.
struct CreateTopic {
    std::string_view topic;
    std::string_view default_topic;
    std::int32_t read_queue_nums = 0;
    std::int32_t write_queue_nums = 0;
    std::int32_t perm = 0;
    std::string_view topic_filter_type = "SINGLE_TAG";
    std::int32_t topic_sys_flag = 0;
    bool order = false;
    std::optional<std::string_view> attributes;  ///< `+key=value,-key`

    static constexpr auto fields() {
        using H = CreateTopic;
        return std::tuple{required("topic", &H::topic),
                          required("defaultTopic", &H::default_topic),
                          required("readQueueNums", &H::read_queue_nums),
                          required("writeQueueNums", &H::write_queue_nums),
                          required("perm", &H::perm),
                          required("topicFilterType", &H::topic_filter_type),
                          optional("topicSysFlag", &H::topic_sys_flag),
                          required("order", &H::order),
                          optional("attributes", &H::attributes)};
    }
};

/// DELETE_TOPIC_IN_NAMESRV 216; with a cluster only its brokers are taken out.
struct DeleteTopicInNamesrv {
    std::string_view topic;
    std::optional<std::string_view> cluster_name;

    static constexpr auto fields() {
        using H = DeleteTopicInNamesrv;
        return std::tuple{required("topic", &H::topic), optional("clusterName", &H::cluster_name)};
    }
};

/// GET_TOPICS_BY_CLUSTER 224.
struct ClusterHeader {
    std::string_view cluster;

    static constexpr auto fields() {
        return std::tuple{required("cluster", &ClusterHeader::cluster)};
    }
};

/// DELETE_SUBSCRIPTIONGROUP 207.
struct DeleteGroup {
    std::string_view group_name;
    bool clean_offset = false;

    static constexpr auto fields() {
        using H = DeleteGroup;
        return std::tuple{required("groupName", &H::group_name),
                          optional("cleanOffset", &H::clean_offset)};
    }
};

/// GET_SUBSCRIPTIONGROUP_CONFIG 352.
struct GroupHeader {
    std::string_view group;

    static constexpr auto fields() { return std::tuple{required("group", &GroupHeader::group)}; }
};

}  // namespace mqd::wire
