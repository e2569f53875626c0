#pragma once
// Consumer groups: 200, 201, 300, 352 (mqd-remoting(7), GROUPS) and the offsets of all, 43
// (mqd-remoting(7), OFFSETS).

#include <map>

#include "wire/bodies/topic.h"

namespace mqd::wire {

/// Missing members keep these defaults: 4.9's tools send about half of them.
struct SubscriptionGroupConfig {
    std::string group_name;
    bool consume_enable = true;
    bool consume_from_min_enable = true;
    bool consume_broadcast_enable = true;
    bool consume_message_orderly = false;
    std::int32_t retry_queue_nums = 1;
    std::int32_t retry_max_times = 16;
    std::int64_t broker_id = 0;
    std::int64_t which_broker_when_consume_slowly = 1;
    bool notify_consumer_ids_changed_enable = true;
    std::int32_t group_sys_flag = 0;
    std::int32_t consume_timeout_minute = 15;
    json::Value group_retry_policy = json::Value::object({{"type", "CUSTOMIZED"}});
    json::Value subscription_data_set;  ///< null: none
    json::Value attributes = json::Value::object();

    static SubscriptionGroupConfig from(const json::Value& value);
    static Result<SubscriptionGroupConfig> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// GET_ALL_SUBSCRIPTIONGROUP_CONFIG 201.
struct SubscriptionGroupTable {
    DataVersion data_version;
    std::vector<SubscriptionGroupConfig> groups;

    static SubscriptionGroupTable from(const json::Value& value);
    static Result<SubscriptionGroupTable> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// QUERY_TOPIC_CONSUME_BY_WHO 300.
struct GroupList {
    std::vector<std::string> groups;

    static GroupList from(const json::Value& value);
    static Result<GroupList> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// GET_ALL_CONSUMER_OFFSET 43.
struct ConsumerOffsetTable {
    DataVersion data_version;
    /// By `topic@group`, then by queue.
    std::map<std::string, std::map<std::int32_t, std::int64_t>> offsets;

    static ConsumerOffsetTable from(const json::Value& value);
    static Result<ConsumerOffsetTable> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
