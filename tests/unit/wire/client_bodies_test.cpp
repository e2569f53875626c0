#include <doctest/doctest.h>

#include "wire/bodies/connections.h"
#include "wire/bodies/consumers.h"
#include "wire/bodies/groups.h"
#include "wire/bodies/heartbeat.h"
#include "wire/bodies/stats.h"

using namespace mqd;

TEST_CASE("a Java client's heartbeat is read and written byte for byte") {
    const std::string_view text =
        R"({"clientID":"192.0.2.2@5914#1963215476450","consumerDataSet":[{"consumeFromWhere":)"
        R"("CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"JCG",)"
        R"("messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,)"
        R"("codeSet":[2598919,2598920],"expressionType":"TAG","subString":"TagA || TagB",)"
        R"("subVersion":1795220817748,"tagsSet":["TagA","TagB"],"topic":"JT1"},)"
        R"({"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*",)"
        R"("subVersion":1795220817761,"tagsSet":[],"topic":"%RETRY%JCG"}],"unitMode":false}],)"
        R"("heartbeatFingerprint":0,"producerDataSet":[{"groupName":"CLIENT_INNER_PRODUCER"}],)"
        R"("withoutSub":false})";
    const auto heartbeat = wire::HeartbeatData::read(text);
    REQUIRE(heartbeat);
    REQUIRE(heartbeat->consumers.size() == 1);
    const auto& consumer = heartbeat->consumers[0];
    CHECK(consumer.consume_from_where == wire::ConsumeFromWhere::first_offset);
    CHECK(consumer.message_model == wire::MessageModel::clustering);
    REQUIRE(consumer.subscriptions.size() == 2);
    CHECK(consumer.subscriptions[0].sub_string == "TagA || TagB");
    CHECK(heartbeat->producer_groups == std::vector<std::string>{"CLIENT_INNER_PRODUCER"});
    CHECK(wire::to_body(*heartbeat) == text);
}

TEST_CASE("a C++ client's heartbeat has ordinals and leaves things out") {
    const auto heartbeat = wire::HeartbeatData::read(
        R"({"clientID":"c","consumerDataSet":[{"consumeFromWhere":5,"consumeType":0,)"
        R"("groupName":"g","messageModel":0,"subscriptionDataSet":[{"subString":"*","topic":"T",)"
        R"("subVersion":"12"}]},{"groupName":"h","messageModel":"WHAT"}]})");
    REQUIRE(heartbeat);
    const auto& consumers = heartbeat->consumers;
    REQUIRE(consumers.size() == 2);
    CHECK(consumers[0].consume_from_where == wire::ConsumeFromWhere::timestamp);
    CHECK(consumers[0].consume_type == wire::ConsumeType::actively);
    CHECK(consumers[0].message_model == wire::MessageModel::broadcasting);
    CHECK(consumers[0].subscriptions[0].expression_type == "TAG");
    CHECK(consumers[0].subscriptions[0].sub_version == 12);
    CHECK(consumers[1].message_model == wire::MessageModel::clustering);
    CHECK(consumers[1].subscriptions.empty());
    CHECK(heartbeat->producer_groups.empty());
    CHECK_FALSE(wire::HeartbeatData::read(""));
    CHECK_FALSE(wire::HeartbeatData::read("[]"));
}

TEST_CASE("a client's configuration may come without a subscription") {
    const auto whole = wire::CheckClientBody::read(
        R"({"clientId":"c","group":"g","namespace":"n","subscriptionData":{"topic":"T",)"
        R"("expressionType":"SQL92","subString":"a > 1"}})");
    REQUIRE(whole);
    REQUIRE(whole->subscription);
    CHECK(whole->subscription->expression_type == "SQL92");
    CHECK(wire::CheckClientBody::read(wire::to_body(*whole))->subscription->sub_string == "a > 1");
    CHECK_FALSE(wire::CheckClientBody::read(R"({"group":"g"})")->subscription);
}

TEST_CASE("locks name queues") {
    const std::string_view text =
        R"({"clientId":"cid","consumerGroup":"g","mqSet":[{"brokerName":"b","queueId":0,)"
        R"("topic":"T"}],"onlyThisBroker":false})";
    const auto body = wire::LockBatchBody::read(text);
    REQUIRE(body);
    CHECK(body->queues == std::vector<wire::MessageQueue>{{"b", 0, "T"}});
    CHECK(wire::to_body(*body) == text);
    const std::string_view answer =
        R"({"lockOKMQSet":[{"brokerName":"b","queueId":0,"topic":"T"}]})";
    CHECK(wire::to_body(wire::LockBatchAnswer::read(answer).value()) == answer);
}

TEST_CASE("statistics have queues as native object keys") {
    const std::string_view topic =
        R"({"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"lastUpdateTimestamp":5,)"
        R"("maxOffset":1,"minOffset":0},{"brokerName":"b","queueId":1,"topic":"T"}:)"
        R"({"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}},"topicPutTps":0.0})";
    const auto stats = wire::TopicStatsTable::read(topic);
    REQUIRE(stats);
    REQUIRE(stats->offsets.size() == 2);
    CHECK(stats->offsets[1].first.queue_id == 1);
    CHECK(stats->offsets[0].second.max_offset == 1);
    CHECK(wire::to_body(*stats) == topic);

    const std::string_view group =
        R"({"consumeTps":0.5,"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T\""}:)"
        R"({"brokerOffset":4,"consumerOffset":3,"lastTimestamp":9,"pullOffset":4}}})";
    const auto progress = wire::ConsumeStats::read(group);
    REQUIRE(progress);
    REQUIRE(progress->offsets.size() == 1);
    CHECK(progress->offsets[0].first.topic == "T\"");
    CHECK(progress->offsets[0].second.consumer_offset == 3);
    CHECK(wire::to_body(*progress) == group);
}

TEST_CASE("a queue as a quoted key is read too, and what is no queue is left out") {
    const auto stats = wire::ConsumeStats::read(
        R"({"offsetTable":{"{\"brokerName\":\"b\",\"queueId\":2,\"topic\":\"T\"}":)"
        R"({"brokerOffset":4},"else":{}}})");
    REQUIRE(stats);
    REQUIRE(stats->offsets.size() == 1);
    CHECK(stats->offsets[0].first == wire::MessageQueue{"b", 2, "T"});
}

TEST_CASE("connections carry the language by name") {
    const std::string_view text =
        R"({"connectionSet":[{"clientAddr":"127.0.0.1:49082","clientId":"c","language":"GO",)"
        R"("version":479}],"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":)"
        R"("CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionTable":{"T":)"
        R"({"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*",)"
        R"("subVersion":1,"tagsSet":[],"topic":"T"}}})";
    const auto consumers = wire::ConsumerConnection::read(text);
    REQUIRE(consumers);
    CHECK(consumers->connections[0].language == 9);
    CHECK(wire::to_body(*consumers) == text);
    const std::string_view producers =
        R"({"connectionSet":[{"clientAddr":"a","clientId":"c","language":"CPP","version":333}]})";
    CHECK(wire::to_body(wire::ProducerConnection::read(producers).value()) == producers);
    const std::string_view ids = R"({"consumerIdList":["cid1","cid2"]})";
    CHECK(wire::to_body(wire::ConsumerIdList::read(ids).value()) == ids);
}

TEST_CASE("a group keeps its defaults for what is not said") {
    const std::string_view text =
        R"({"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,)"
        R"("consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,)"
        R"("groupName":"g","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,)"
        R"("notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,)"
        R"("whichBrokerWhenConsumeSlowly":1})";
    CHECK(wire::to_body(wire::SubscriptionGroupConfig::read(R"({"groupName":"g"})").value()) ==
          text);
    CHECK(wire::to_body(wire::SubscriptionGroupConfig::read(text).value()) == text);
    const auto changed = wire::SubscriptionGroupConfig::read(
        R"({"groupName":"g","consumeEnable":false,"retryMaxTimes":3,)"
        R"("subscriptionDataSet":[{"topic":"T"}]})");
    REQUIRE(changed);
    CHECK_FALSE(changed->consume_enable);
    CHECK(changed->retry_max_times == 3);
    const auto again = wire::SubscriptionGroupConfig::read(wire::to_body(*changed)).value();
    CHECK(again.subscription_data_set.items().size() == 1);
}

TEST_CASE("tables of groups and offsets are read and written") {
    wire::SubscriptionGroupTable table;
    table.data_version = {1, 2, 3};
    table.groups.emplace_back().group_name = "g";
    const auto back = wire::SubscriptionGroupTable::read(wire::to_body(table));
    REQUIRE(back);
    CHECK(back->data_version == table.data_version);
    REQUIRE(back->groups.size() == 1);
    CHECK(back->groups[0].group_name == "g");

    const auto offsets = wire::ConsumerOffsetTable::read(
        R"({"dataVersion":{"counter":1},"groupTopicMap":{},"offsetTable":{"T1@CG1":{0:3,1:7}}})");
    REQUIRE(offsets);
    CHECK(offsets->offsets.at("T1@CG1").at(1) == 7);
    CHECK(wire::to_body(*offsets) ==
          R"({"dataVersion":{"counter":1,"stateVersion":0,"timestamp":0},)"
          R"("offsetTable":{"T1@CG1":{"0":3,"1":7}}})");

    const std::string_view groups = R"({"groupList":["g"]})";
    CHECK(wire::to_body(wire::GroupList::read(groups).value()) == groups);
}

TEST_CASE("offsets to be reset are read as a table and as a list") {
    wire::ResetOffsetBody body;
    body.offsets = {{{"b", 0, "T"}, 5}, {{"b", 1, "T"}, 7}};
    CHECK(wire::to_body(body) == R"({"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:5,)"
                                 R"({"brokerName":"b","queueId":1,"topic":"T"}:7}})");
    CHECK(body.list_body() ==
          R"({"offsetTable":[{"brokerName":"b","offset":5,"queueId":0,"topic":"T"},)"
          R"({"brokerName":"b","offset":7,"queueId":1,"topic":"T"}]})");
    CHECK(wire::ResetOffsetBody::read(wire::to_body(body))->offsets == body.offsets);
    CHECK(wire::ResetOffsetBody::read(body.list_body())->offsets == body.offsets);
    CHECK_FALSE(wire::ResetOffsetBody::read("5"));
}

TEST_CASE("a time span names its times for people too, as Java does") {
    wire::ConsumeTimeSpans spans;
    spans.queues.push_back({{"b", 1, "T"}, 5, 6, 7, 8});
    const auto text = wire::to_body(spans);
    const auto begin = text.find(R"("consumeTimeStampStr":")");
    REQUIRE(begin != text.npos);
    const auto time = text.substr(begin + 23, 23);  // whatever the zone
    CHECK(time[4] == '-');
    CHECK(time[10] == '#');
    CHECK(time.substr(19) == ":007");
    const auto read = wire::ConsumeTimeSpans::read(text);
    REQUIRE(read);
    CHECK(read->queues.at(0).delay_ms == 8);
    CHECK(read->queues[0].max_timestamp == 6);
}
