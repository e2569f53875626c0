#include <doctest/doctest.h>

#include "base/compress.h"
#include "wire/bodies/register_broker.h"
#include "wire/bodies/route.h"

using namespace mqd;

namespace {

constexpr std::string_view route_text =
    R"({"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:30911"},"brokerName":"broker-a",)"
    R"("cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},)"
    R"("queueDatas":[{"brokerName":"broker-a","perm":7,"readQueueNums":8,"topicSysFlag":0,)"
    R"("writeQueueNums":8}]})";

void put_sized(Buffer& out, std::string_view text) {
    out.put_be(static_cast<std::int32_t>(text.size()));
    out.put(text);
}

/// The compressed form of 5.x, one topic as given.
Buffer registration_of(std::string_view topic) {
    Buffer plain;
    put_sized(plain, R"({"counter":3,"stateVersion":1,"timestamp":1795220563453})");
    plain.put_be(std::int32_t{2});
    put_sized(plain, "T1 8 4 6 SINGLE_TAG");
    put_sized(plain, topic);
    put_sized(plain, R"(["127.0.0.1:1"])");
    plain.put_be(std::int32_t{0});
    return plain;
}

std::string compressed(const Buffer& plain) {
    return compress(Compression::zlib, plain.bytes(), 9).value();
}

}  // namespace

TEST_CASE("the name server's route is read and written byte for byte") {
    const auto route = wire::TopicRouteData::read(route_text);
    REQUIRE(route);
    REQUIRE(route->brokers.size() == 1);
    CHECK(route->brokers[0].cluster == "DefaultCluster");
    CHECK(route->brokers[0].master_address() == "127.0.0.1:30911");
    REQUIRE(route->queues.size() == 1);
    CHECK(route->queues[0].perm == 7);
    CHECK(route->broker("broker-a") == &route->brokers[0]);
    CHECK(route->broker("broker-b") == nullptr);
    CHECK(wire::to_body(*route) == route_text);
}

TEST_CASE("a route of the older forms is read too") {
    const auto route = wire::TopicRouteData::read(
        R"({"brokerDatas":[{"brokerAddrs":{0:"a:1",2:"c:1"},"brokerName":"b"},)"
        R"({"brokerAddrs":{1:"s:1"},"brokerName":"slaves"}],"orderTopicConf":"b:4",)"
        R"("queueDatas":[{"brokerName":"b","readQueueNums":"4","topicSynFlag":2}]})");
    REQUIRE(route);
    CHECK(route->brokers[0].broker_addrs.at(2) == "c:1");
    CHECK(route->brokers[0].address() == "a:1");
    CHECK(route->brokers[1].address() == "s:1");
    CHECK(route->brokers[1].master_address().empty());
    CHECK(route->order_topic_conf == "b:4");
    CHECK(route->queues[0].read_queue_nums == 4);
    CHECK(route->queues[0].topic_sys_flag == 2);
}

TEST_CASE("a route is written in the order of the brokers' names") {
    wire::TopicRouteData route;
    route.brokers = {{"c", "b2", {}, false, ""}, {"c", "b1", {{0, "a:1"}}, false, "z"}};
    route.queues = {{"b2", 1, 1, 6, 0}, {"b1", 2, 2, 6, 0}};
    route.order_topic_conf = "b1:2";
    const auto back = wire::TopicRouteData::read(wire::to_body(route)).value();
    CHECK(back.brokers[0].broker_name == "b1");
    CHECK(back.brokers[0].zone_name == "z");
    CHECK(back.brokers[1].address().empty());
    CHECK(back.queues[0].read_queue_nums == 2);
    CHECK(back.order_topic_conf == "b1:2");
}

TEST_CASE("cluster information and member groups are read and written") {
    const std::string_view text =
        R"({"brokerAddrTable":{"broker-a":{"brokerAddrs":{"0":"1.1.1.1:1"},"brokerName":"broker-a",)"
        R"("cluster":"C","enableActingMaster":false}},"clusterAddrTable":{"C":["broker-a"]}})";
    const auto info = wire::ClusterInfo::read(text);
    REQUIRE(info);
    CHECK(info->brokers.at("broker-a").master_address() == "1.1.1.1:1");
    CHECK(wire::to_body(*info) == text);

    const auto members = wire::BrokerMembers::read(
        R"({"brokerMemberGroup":{"brokerAddrs":{0:"a:1"},"brokerName":"b","cluster":"c"}})");
    REQUIRE(members);
    CHECK(wire::to_body(*members) ==
          R"({"brokerMemberGroup":{"brokerAddrs":{"0":"a:1"},"brokerName":"b","cluster":"c"}})");
}

TEST_CASE("a registration of 5.3 is read and written") {
    const std::string_view text =
        R"({"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":3,)"
        R"("stateVersion":0,"timestamp":1795220563453},"mappingDataVersion":{"counter":0,)"
        R"("stateVersion":0,"timestamp":1795220563453},"topicConfigTable":{"T":{"attributes":)"
        R"({"message.type":"FIFO"},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":)"
        R"("SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}},)"
        R"("topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}})";
    const auto body = wire::RegisterBrokerBody::read(text);
    REQUIRE(body);
    CHECK(body->data_version == wire::DataVersion{0, 1795220563453, 3});
    REQUIRE(body->topics.size() == 1);
    CHECK(body->topics[0].attributes.at("message.type") == "FIFO");
    CHECK(wire::to_body(*body) == text);
}

TEST_CASE("a registration of 4.9 is read, and one without a body has no topics") {
    const auto body = wire::RegisterBrokerBody::read(
        R"({"filterServerList":["f:1"],"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,)"
        R"("timestamp":5},"topicConfigTable":{"%RETRY%g":{"order":true,"perm":6,"readQueueNums":1,)"
        R"("topicFilterType":1,"topicSysFlag":0,"writeQueueNums":1}}}})");
    REQUIRE(body);
    REQUIRE(body->topics.size() == 1);
    CHECK(body->topics[0].topic_name == "%RETRY%g");
    CHECK(body->topics[0].order);
    CHECK(body->topics[0].topic_filter_type == wire::TopicFilterType::multi_tag);
    CHECK(body->filter_servers == std::vector<std::string>{"f:1"});
    CHECK(wire::RegisterBrokerBody::read("")->topics.empty());
}

TEST_CASE("a compressed registration is recognised by its first byte") {
    const auto body = wire::RegisterBrokerBody::read(
        compressed(registration_of(R"(T2 1 2 4 MULTI_TAG {"message.type":"FIFO"})")));
    REQUIRE(body);
    CHECK(body->data_version == wire::DataVersion{1, 1795220563453, 3});
    REQUIRE(body->topics.size() == 2);
    CHECK(body->topics[0].topic_name == "T1");
    CHECK(body->topics[0].read_queue_nums == 8);
    CHECK(body->topics[0].write_queue_nums == 4);
    CHECK(body->topics[0].attributes.empty());
    CHECK(body->topics[1].topic_filter_type == wire::TopicFilterType::multi_tag);
    CHECK(body->topics[1].perm == 4);
    CHECK(body->topics[1].attributes.at("message.type") == "FIFO");
    CHECK(body->filter_servers == std::vector<std::string>{"127.0.0.1:1"});
}

TEST_CASE("a damaged registration is refused wherever it ends") {
    for (const auto* topic : {"", "T2", "T2 1 2", "T2 1 2 x SINGLE_TAG", " 1 2 3 SINGLE_TAG",
                              "T2 1 2 4 SINGLE_TAG {"}) {
        CAPTURE(topic);
        CHECK_FALSE(wire::RegisterBrokerBody::read(compressed(registration_of(topic))));
    }
    auto whole = registration_of("T2 1 2 4 SINGLE_TAG");
    const auto needed = whole.size() - 4;  // what follows are mappings, which nobody reads
    for (std::size_t bytes = 0; bytes < needed; ++bytes) {
        CAPTURE(bytes);
        whole.truncate(needed - bytes - 1);
        CHECK_FALSE(wire::RegisterBrokerBody::read(compressed(whole)));
    }
    CHECK_FALSE(wire::RegisterBrokerBody::read("\x78"));
    CHECK_FALSE(wire::RegisterBrokerBody::read("[]"));
    CHECK_FALSE(wire::RegisterBrokerBody::read("{"));
}

TEST_CASE("a registration that inflates without end is refused") {
    const auto bomb = compress(Compression::zlib, as_bytes(std::string(65 << 20, ' ')), 9).value();
    CHECK_FALSE(wire::RegisterBrokerBody::read(bomb));
}

TEST_CASE("topic lists and tables are read and written") {
    const std::string_view list = R"({"brokerAddr":"a:1","topicList":["T1","T2"]})";
    CHECK(wire::to_body(wire::TopicList::read(list).value()) == list);
    CHECK(wire::to_body(wire::TopicList{}) == R"({"topicList":[]})");
    const std::string_view table = R"({"table":{"JT1":"broker-a:4"}})";
    CHECK(wire::to_body(wire::KvTable::read(table).value()) == table);
    const std::string_view all =
        R"({"dataVersion":{"counter":1,"stateVersion":2,"timestamp":3},"topicConfigTable":{"T":)"
        R"({"attributes":{},"order":true,"perm":7,"readQueueNums":1,"topicFilterType":"MULTI_TAG",)"
        R"("topicName":"T","topicSysFlag":2,"writeQueueNums":9}}})";
    CHECK(wire::to_body(wire::TopicConfigTable::read(all).value()) == all);
    const auto several = wire::TopicConfigList::read(
        R"({"topicConfigList":[{"topicName":"A"},7,{"topicName":"B","perm":99999999999}]})");
    REQUIRE(several->topics.size() == 2);
    CHECK(several->topics[1].topic_name == "B");
    CHECK(several->topics[1].perm == 6);
}
