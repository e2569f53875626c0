// A request that lacks a field which RocketMQ 5.3.3 demands is answered 1, with the field's name.
// What it demands was read from the CFNotNull annotations of rocketmq-remoting-5.3.3.jar.

#include "support.h"
#include "wire/headers/consumers.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Demand {
    std::int32_t code;
    /// Each with a value that can be read.
    std::vector<std::pair<std::string, std::string>> fields;
};

const std::vector<std::pair<std::string, std::string>> send_by_name = {
    {"producerGroup", "P"}, {"topic", "T"},   {"defaultTopic", "TBW102"},
    {"queueId", "0"},       {"sysFlag", "0"}, {"defaultTopicQueueNums", "4"},
    {"bornTimestamp", "1"}, {"flag", "0"}};
const std::vector<std::pair<std::string, std::string>> send_by_letter = {
    {"a", "P"}, {"b", "T"}, {"c", "TBW102"}, {"d", "4"},
    {"e", "0"}, {"f", "0"}, {"g", "1"},      {"h", "0"}};
const std::vector<std::pair<std::string, std::string>> pull_fields = {
    {"consumerGroup", "G"}, {"topic", "T"},       {"queueId", "0"},
    {"queueOffset", "0"},   {"maxMsgNums", "32"}, {"sysFlag", "0"},
    {"commitOffset", "0"},  {"subVersion", "0"},  {"suspendTimeoutMillis", "0"}};
const std::vector<std::pair<std::string, std::string>> queue_fields = {{"topic", "T"},
                                                                       {"queueId", "0"}};

const Demand demands[] = {
    {code::send_message, send_by_name},
    {code::send_reply_message, send_by_name},
    {code::send_message_v2, send_by_letter},
    {code::send_batch_message, send_by_letter},
    {code::send_reply_message_v2, send_by_letter},
    {code::pull_message, pull_fields},
    {code::lite_pull_message, pull_fields},
    {code::query_message,
     {{"topic", "T"},
      {"key", "k"},
      {"maxNum", "32"},
      {"beginTimestamp", "0"},
      {"endTimestamp", "4000000000000"}}},
    {code::query_consumer_offset, {{"consumerGroup", "G"}, {"topic", "T"}, {"queueId", "0"}}},
    {code::update_consumer_offset,
     {{"consumerGroup", "G"}, {"topic", "T"}, {"queueId", "0"}, {"commitOffset", "0"}}},
    {code::update_and_create_topic,
     {{"topic", "T"},
      {"defaultTopic", "TBW102"},
      {"readQueueNums", "1"},
      {"writeQueueNums", "1"},
      {"perm", "6"},
      {"topicFilterType", "SINGLE_TAG"},
      {"order", "false"}}},
    {code::search_offset_by_timestamp, {{"topic", "T"}, {"queueId", "0"}, {"timestamp", "1"}}},
    {code::get_max_offset, queue_fields},
    {code::get_min_offset, queue_fields},
    {code::get_earliest_msg_storetime, queue_fields},
    {code::view_message_by_id, {{"offset", "0"}}},
    {code::unregister_client, {{"clientID", "c"}}},
    {code::consumer_send_msg_back, {{"offset", "0"}, {"group", "G"}, {"delayLevel", "0"}}},
    {code::end_transaction,
     {{"producerGroup", "P"},
      {"tranStateTableOffset", "0"},
      {"commitLogOffset", "0"},
      {"commitOrRollback", "8"},
      {"msgId", "id"}}},
    {code::get_consumer_list_by_group, {{"consumerGroup", "G"}}},
    {code::get_topic_stats_info, {{"topic", "T"}}},
    {code::get_consumer_connection_list, {{"consumerGroup", "G"}}},
    {code::get_producer_connection_list, {{"producerGroup", "P"}}},
    {code::delete_subscriptiongroup, {{"groupName", "G"}}},
    {code::get_consume_stats, {{"consumerGroup", "G"}}},
    {code::delete_topic_in_broker, {{"topic", "unknown"}}},
    {code::invoke_broker_to_reset_offset,
     {{"topic", "T"}, {"group", "G"}, {"timestamp", "0"}, {"isForce", "true"}}},
    {code::invoke_broker_to_get_consumer_status, {{"topic", "T"}, {"group", "G"}}},
    {code::query_topic_consume_by_who, {{"topic", "T"}}},
    {code::query_consume_time_span, {{"topic", "T"}, {"group", "G"}}},
    {code::get_consumer_running_info, {{"consumerGroup", "G"}, {"clientId", "c"}}},
    {code::query_correction_offset, {{"topic", "T"}, {"compareGroup", "G"}}},
    {code::consume_message_directly, {{"consumerGroup", "G"}, {"clientId", "c"}}},
    {code::clone_group_offset, {{"srcGroup", "G"}, {"destGroup", "H"}}},
    {code::view_broker_stats_data, {{"statsName", "TOPIC_PUT_NUMS"}, {"statsKey", "T"}}},
    {code::get_broker_consume_stats, {{"isOrder", "false"}}},
    {code::query_topics_by_consumer, {{"group", "G"}}},
    {code::query_subscription_by_consumer, {{"topic", "T"}, {"group", "G"}}},
    {code::get_topic_config, {{"topic", "T"}}},
    {code::get_subscriptiongroup_config, {{"group", "G"}}},
    {code::update_and_get_group_forbidden, {{"topic", "T"}, {"group", "G"}}},
    {code::recall_message, {{"topic", "T"}, {"recallHandle", "h"}}},
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a demanded header field that is missing is named, with code 1") {
    start();
    const auto user = client();
    for (const auto& demand : demands) {
        CAPTURE(demand.code);
        const auto whole = user->call(demand.code, wire::RawHeader{demand.fields});
        CHECK_MESSAGE(whole.remark.find("the header field") == std::string::npos, whole.remark);
        for (std::size_t i = 0; i < demand.fields.size(); ++i) {
            auto fields = demand.fields;
            const auto name = fields[i].first;
            CAPTURE(name);
            fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(i));
            const auto answer = user->call(demand.code, wire::RawHeader{fields});
            CHECK(answer.code == rc::system_error);
            CHECK(answer.remark == "the header field " + name + " is missing");
        }
    }
}

TEST_CASE_FIXTURE(Fixture, "a send that lacks a field is not stored and not counted") {
    start();
    const auto user = client();
    auto fields = send_by_letter;
    std::erase_if(fields, [](const auto& field) { return field.first == "g"; });
    CHECK(user->call(code::send_message_v2, wire::RawHeader{fields}, "m").code == rc::system_error);
    CHECK(user->call(code::send_message_v2, wire::RawHeader{send_by_letter}, "m").code ==
          rc::success);
    wait_readable(1);
    CHECK(broker->topics().find("T")->queue(0).max().value == 1);
}
