#include "wire/bodies/route.h"

#include <algorithm>

#include "base/parse.h"

namespace mqd::wire {

namespace {

std::map<std::int64_t, std::string> addresses_of(const json::Value& value) {
    std::map<std::int64_t, std::string> addresses;
    for (const auto& [key, address] : value.members())
        if (const auto id = parse_int<std::int64_t>(key)) addresses[*id] = address.as_text();
    return addresses;
}

void write_addresses(json::Writer& out, const std::map<std::int64_t, std::string>& addresses) {
    out.begin_object();
    for (const auto& [id, address] : addresses)
        out.member(std::to_string(id), std::string_view(address));
    out.end_object();
}

template <class T>
void write_by_broker(json::Writer& out, const std::vector<T>& list) {
    std::vector<const T*> sorted;
    for (const auto& item : list) sorted.push_back(&item);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const T* a, const T* b) { return a->broker_name < b->broker_name; });
    out.begin_array();
    for (const auto* item : sorted) item->write(out);
    out.end_array();
}

}  // namespace

std::string_view BrokerData::address() const {
    return broker_addrs.empty() ? std::string_view() : broker_addrs.begin()->second;
}

std::string_view BrokerData::master_address() const {
    const auto master = broker_addrs.find(0);
    return master == broker_addrs.end() ? std::string_view() : master->second;
}

BrokerData BrokerData::from(const json::Value& value) {
    return {value["cluster"].as_text(), value["brokerName"].as_text(),
            addresses_of(value["brokerAddrs"]), value["enableActingMaster"].as_bool(),
            value["zoneName"].as_text()};
}

void BrokerData::write(json::Writer& out) const {
    out.begin_object().key("brokerAddrs");
    write_addresses(out, broker_addrs);
    out.member("brokerName", std::string_view(broker_name))
        .member("cluster", std::string_view(cluster))
        .member("enableActingMaster", enable_acting_master);
    if (!zone_name.empty()) out.member("zoneName", std::string_view(zone_name));
    out.end_object();
}

QueueData QueueData::from(const json::Value& value) {
    using detail::int32_of;
    return {value["brokerName"].as_text(), int32_of(value["readQueueNums"]),
            int32_of(value["writeQueueNums"]), int32_of(value["perm"]),
            // Up to 4.8 it was misspelt.
            int32_of(value[value.has("topicSysFlag") ? "topicSysFlag" : "topicSynFlag"])};
}

void QueueData::write(json::Writer& out) const {
    out.begin_object()
        .member("brokerName", std::string_view(broker_name))
        .member("perm", perm)
        .member("readQueueNums", read_queue_nums)
        .member("topicSysFlag", topic_sys_flag)
        .member("writeQueueNums", write_queue_nums)
        .end_object();
}

const BrokerData* TopicRouteData::broker(std::string_view name) const {
    for (const auto& broker : brokers)
        if (broker.broker_name == name) return &broker;
    return nullptr;
}

TopicRouteData TopicRouteData::from(const json::Value& value) {
    return {detail::list_of<BrokerData>(value["brokerDatas"]),
            detail::list_of<QueueData>(value["queueDatas"]), value["orderTopicConf"].as_text()};
}

Result<TopicRouteData> TopicRouteData::read(std::string_view body) {
    return read_body<TopicRouteData>(body);
}

void TopicRouteData::write(json::Writer& out) const {
    out.begin_object().key("brokerDatas");
    write_by_broker(out, brokers);
    out.key("filterServerTable").begin_object().end_object();
    if (!order_topic_conf.empty()) out.member("orderTopicConf", std::string_view(order_topic_conf));
    out.key("queueDatas");
    write_by_broker(out, queues);
    out.end_object();
}

ClusterInfo ClusterInfo::from(const json::Value& value) {
    ClusterInfo info;
    for (const auto& [name, broker] : value["brokerAddrTable"].members())
        info.brokers.emplace(name, BrokerData::from(broker));
    for (const auto& [name, brokers] : value["clusterAddrTable"].members())
        info.clusters.emplace(name, detail::texts_of(brokers));
    return info;
}

Result<ClusterInfo> ClusterInfo::read(std::string_view body) {
    return read_body<ClusterInfo>(body);
}

void ClusterInfo::write(json::Writer& out) const {
    out.begin_object().key("brokerAddrTable").begin_object();
    for (const auto& [name, broker] : brokers) {
        out.key(name);
        broker.write(out);
    }
    out.end_object().key("clusterAddrTable").begin_object();
    for (const auto& [name, members] : clusters) {
        out.key(name);
        detail::write_texts(out, members);
    }
    out.end_object().end_object();
}

BrokerMembers BrokerMembers::from(const json::Value& value) {
    const auto& group = value["brokerMemberGroup"];
    return {group["cluster"].as_text(), group["brokerName"].as_text(),
            addresses_of(group["brokerAddrs"])};
}

Result<BrokerMembers> BrokerMembers::read(std::string_view body) {
    return read_body<BrokerMembers>(body);
}

void BrokerMembers::write(json::Writer& out) const {
    out.begin_object().key("brokerMemberGroup").begin_object().key("brokerAddrs");
    write_addresses(out, broker_addrs);
    out.member("brokerName", std::string_view(broker_name))
        .member("cluster", std::string_view(cluster))
        .end_object()
        .end_object();
}

}  // namespace mqd::wire
