#pragma once
// What administrators are told about consumer groups, and members on their behalf: 220, 221, 223,
// 303, 308, 317, 328, 345 (mqd-remoting(7), STATISTICS, CONNECTIONS, RESETTING OFFSETS and ASKING
// MEMBERS). Queues stand as native object keys, which Go's client reads as text: no blanks.

#include <optional>

#include "wire/bodies/connections.h"
#include "wire/bodies/stats.h"

namespace mqd::wire {

/// 220, and the answer to 222.
struct ResetOffsetBody {
    std::vector<std::pair<MessageQueue, std::int64_t>> offsets;

    static ResetOffsetBody from(const json::Value& value);
    static Result<ResetOffsetBody> read(std::string_view body);
    void write(json::Writer& out) const;
    /// What C++ clients read: a list instead of the table.
    std::string list_body() const;
};

/// 221's answer has the first table, 223's the second, by client id.
struct ConsumerStatus {
    using Offsets = std::vector<std::pair<MessageQueue, std::int64_t>>;
    Offsets of_client;
    std::vector<std::pair<std::string, Offsets>> of_group;

    static ConsumerStatus from(const json::Value& value);
    static Result<ConsumerStatus> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// Store times, ms; -1 where there is no message.
struct QueueTimeSpan {
    MessageQueue queue;
    std::int64_t min_timestamp = 0;
    std::int64_t max_timestamp = 0;
    std::int64_t consume_timestamp = 0;  ///< of the last one that was consumed
    std::int64_t delay_ms = 0;           ///< how long the next one has been waiting

    static QueueTimeSpan from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// QUERY_CONSUME_TIME_SPAN 303.
struct ConsumeTimeSpans {
    std::vector<QueueTimeSpan> queues;

    static ConsumeTimeSpans from(const json::Value& value);
    static Result<ConsumeTimeSpans> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// QUERY_CORRECTION_OFFSET 308.
struct CorrectionOffsets {
    std::vector<std::pair<std::int32_t, std::int64_t>> offsets;  ///< by queue

    static CorrectionOffsets from(const json::Value& value);
    static Result<CorrectionOffsets> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// GET_BROKER_CONSUME_STATS 317.
struct BrokerConsumeStats {
    std::string broker_addr;
    std::vector<std::pair<std::string, std::vector<ConsumeStats>>> groups;  ///< one a topic
    std::int64_t total_diff = 0;
    std::int64_t total_inflight_diff = 0;

    static BrokerConsumeStats from(const json::Value& value);
    static Result<BrokerConsumeStats> read(std::string_view body);
    void write(json::Writer& out) const;
};

struct ProducerInfo {
    std::string client_id;
    std::string remote_ip;  ///< `/ip:port`
    std::uint8_t language = 0;
    std::int32_t version = 0;
    std::int64_t last_update_timestamp = 0;

    static ProducerInfo from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// GET_ALL_PRODUCER_INFO 328.
struct ProducerTable {
    std::vector<std::pair<std::string, std::vector<ProducerInfo>>> groups;

    static ProducerTable from(const json::Value& value);
    static Result<ProducerTable> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// QUERY_SUBSCRIPTION_BY_CONSUMER 345.
struct QueriedSubscription {
    std::string group;
    std::string topic;
    std::optional<SubscriptionData> subscription;

    static QueriedSubscription from(const json::Value& value);
    static Result<QueriedSubscription> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
