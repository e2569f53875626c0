#pragma once
// Routes and clusters: 105, 106, 217, 901 (mqd-remoting(7), ROUTES, OTHER REQUESTS OF BROKERS and
// ADMINISTRATION). Broker ids are written as quoted keys and nothing with blanks: Go takes
// brokerAddrs apart as text.

#include <map>

#include "wire/bodies/body.h"

namespace mqd::wire {

struct BrokerData {
    std::string cluster;
    std::string broker_name;
    std::map<std::int64_t, std::string> broker_addrs;  ///< id to `ip:port`; 0 is the master
    bool enable_acting_master = false;
    std::string zone_name;  ///< empty: none

    /// The master's; without one, that of the lowest id; "" when there is none.
    std::string_view address() const;
    /// "" without one.
    std::string_view master_address() const;

    static BrokerData from(const json::Value& value);
    void write(json::Writer& out) const;
};

struct QueueData {
    std::string broker_name;
    std::int32_t read_queue_nums = 0;
    std::int32_t write_queue_nums = 0;
    std::int32_t perm = 0;
    std::int32_t topic_sys_flag = 0;

    static QueueData from(const json::Value& value);
    void write(json::Writer& out) const;
};

/// Readers have to live with brokers without a master, and with queues whose broker is missing.
struct TopicRouteData {
    std::vector<BrokerData> brokers;
    std::vector<QueueData> queues;
    std::string order_topic_conf;  ///< `broker-a:4;broker-b:4`; empty: none

    /// Nothing when the route has no such broker.
    const BrokerData* broker(std::string_view name) const;

    static TopicRouteData from(const json::Value& value);
    static Result<TopicRouteData> read(std::string_view body);
    /// Brokers and queues in the order of their brokers' names.
    void write(json::Writer& out) const;
};

/// GET_BROKER_CLUSTER_INFO 106.
struct ClusterInfo {
    std::map<std::string, BrokerData> brokers;                 ///< by broker name
    std::map<std::string, std::vector<std::string>> clusters;  ///< broker names by cluster

    static ClusterInfo from(const json::Value& value);
    static Result<ClusterInfo> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// GET_BROKER_MEMBER_GROUP 901.
struct BrokerMembers {
    std::string cluster;
    std::string broker_name;
    std::map<std::int64_t, std::string> broker_addrs;

    static BrokerMembers from(const json::Value& value);
    static Result<BrokerMembers> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
