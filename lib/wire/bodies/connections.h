#pragma once
// Who is connected: 38, 203, 204 (mqd-remoting(7), HEARTBEATS and CONNECTIONS).

#include "wire/bodies/heartbeat.h"

namespace mqd::wire {

/// GET_CONSUMER_LIST_BY_GROUP 38.
struct ConsumerIdList {
    std::vector<std::string> ids;

    static ConsumerIdList from(const json::Value& value);
    static Result<ConsumerIdList> read(std::string_view body);
    void write(json::Writer& out) const;
};

struct Connection {
    std::string client_id;
    std::string client_addr;
    std::uint8_t language = 0;  ///< travels by name
    std::int32_t version = 0;

    static Connection from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// GET_CONSUMER_CONNECTION_LIST 203.
struct ConsumerConnection {
    std::vector<Connection> connections;
    ConsumeType consume_type = ConsumeType::passively;
    MessageModel message_model = MessageModel::clustering;
    ConsumeFromWhere consume_from_where = ConsumeFromWhere::last_offset;
    std::vector<SubscriptionData> subscriptions;

    static ConsumerConnection from(const json::Value& value);
    static Result<ConsumerConnection> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// GET_PRODUCER_CONNECTION_LIST 204.
struct ProducerConnection {
    std::vector<Connection> connections;

    static ProducerConnection from(const json::Value& value);
    static Result<ProducerConnection> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
