#pragma once
// GET_TOPIC_STATS_INFO 202 and GET_CONSUME_STATS 208: tables by queue, with queues as native
// object keys; VIEW_BROKER_STATS_DATA 315 (mqd-remoting(7), STATISTICS).

#include "wire/bodies/queues.h"

namespace mqd::wire {

struct TopicOffset {
    std::int64_t min_offset = 0;
    std::int64_t max_offset = 0;
    std::int64_t last_update_timestamp = 0;

    static TopicOffset from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// 202: all max(read, write) queues of the topic.
struct TopicStatsTable {
    std::vector<std::pair<MessageQueue, TopicOffset>> offsets;
    double topic_put_tps = 0;

    static TopicStatsTable from(const json::Value& value);
    static Result<TopicStatsTable> read(std::string_view body);
    void write(json::Writer& out) const;
};

struct ConsumeOffset {
    std::int64_t broker_offset = 0;    ///< never negative
    std::int64_t consumer_offset = 0;  ///< never negative
    std::int64_t pull_offset = 0;
    std::int64_t last_timestamp = 0;

    static ConsumeOffset from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// 208.
struct ConsumeStats {
    std::vector<std::pair<MessageQueue, ConsumeOffset>> offsets;
    double consume_tps = 0;

    static ConsumeStats from(const json::Value& value);
    static Result<ConsumeStats> read(std::string_view body);
    void write(json::Writer& out) const;
};

struct StatsSnapshot {
    std::int64_t sum = 0;
    double tps = 0;    ///< sum a second
    double avgpt = 0;  ///< sum a time that something was counted

    static StatsSnapshot from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// VIEW_BROKER_STATS_DATA 315.
struct BrokerStatsData {
    StatsSnapshot minute, hour, day;

    static BrokerStatsData from(const json::Value& value);
    static Result<BrokerStatsData> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
