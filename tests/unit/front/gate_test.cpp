// What each request asks the gate, and that nothing happens when the gate says no. The table below
// is written from the permissions that were agreed on for every request code; the request table is
// held against it, both ways.

#include "../recording_gate.h"
#include "broker/append_one.h"
#include "broker/names.h"
#include "front/rocketmq/requests.h"
#include "json/writer.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using Asked = std::vector<std::string>;

struct Case {
    std::int32_t code;
    Fields fields;
    Asked asked;  ///< in this order; a request that asks for nothing is open to everybody
    std::string body = {};
};

// Names of what only the running broker knows.
const std::string message = "@message", retried = "@retried", half = "@half",
                  given_up = "@given_up", message_id = "@message_id";

Fields send_by_name(const std::string& topic) {
    return {{"producerGroup", "P"}, {"topic", topic}, {"defaultTopic", "TBW102"},
            {"queueId", "0"},       {"sysFlag", "0"}, {"defaultTopicQueueNums", "4"},
            {"bornTimestamp", "1"}, {"flag", "0"}};
}
Fields send_by_letter(const std::string& topic) {
    return {{"a", "P"}, {"b", topic}, {"c", "TBW102"}, {"d", "4"},
            {"e", "0"}, {"f", "0"},   {"g", "1"},      {"h", "0"}};
}
Fields pull(const std::string& topic) {
    return {{"consumerGroup", "G"}, {"topic", topic},     {"queueId", "0"},
            {"queueOffset", "0"},   {"maxMsgNums", "32"}, {"sysFlag", "4"},
            {"commitOffset", "0"},  {"subVersion", "0"},  {"suspendTimeoutMillis", "0"}};
}
Fields offset(const std::string& topic) {
    return {{"consumerGroup", "G"}, {"topic", topic}, {"queueId", "0"}, {"commitOffset", "0"}};
}
Fields queue(const std::string& topic) {
    return {{"topic", topic}, {"queueId", "0"}, {"timestamp", "1"}};
}
Fields query(const std::string& topic) {
    return {{"topic", topic},
            {"key", "k"},
            {"maxNum", "32"},
            {"beginTimestamp", "0"},
            {"endTimestamp", "4000000000000"}};
}
Fields topic_group(const std::string& topic) {
    return {{"topic", topic}, {"group", "G"}, {"timestamp", "0"}, {"isForce", "true"}};
}
const Fields end_half = {{"producerGroup", "P"},
                         {"tranStateTableOffset", "0"},
                         {"commitLogOffset", half},
                         {"commitOrRollback", "8"},
                         {"msgId", "id"}};

std::string beat(const std::string& consumers) {
    return R"({"clientID":"c","producerDataSet":[{"groupName":"P"}],"consumerDataSet":[)" +
           consumers + "]}";
}
std::string consumer(const std::string& group, const std::string& topics) {
    return R"({"groupName":")" + group +
           R"(","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING",)"
           R"("consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[)" +
           topics + R"(],"unitMode":false})";
}
std::string subscription(const std::string& topic) {
    return R"({"topic":")" + topic + R"(","subString":"*","expressionType":"TAG"})";
}
std::string locks(const std::string& topic) {
    return R"({"clientId":"c","consumerGroup":"G","mqSet":[{"brokerName":"b","queueId":0,"topic":")" +
           topic + R"("},{"brokerName":"b","queueId":0,"topic":"U"}]})";
}
std::string config_of(const std::string& topic) {
    return R"({"topicName":")" + topic +
           R"(","readQueueNums":1,"writeQueueNums":1,"perm":6,"topicFilterType":"SINGLE_TAG"})";
}

const Asked cluster_get = {"Get Cluster:DefaultCluster"};
const Asked cluster_update = {"Update Cluster:DefaultCluster"};
const Asked super_only = {"Super Cluster:DefaultCluster"};
const std::string read_topic = "Pub/Sub/Get Topic:T";

std::vector<Case> cases() {
    return {
        // Sends: Pub; a retry is the group's.
        {code::send_message, send_by_name("T"), {"Pub Topic:T"}, "m"},
        {code::send_message, send_by_name("%RETRY%H"), {"Sub Group:H"}, "m"},
        {code::send_message, send_by_name("%DLQ%G"), {"Pub Topic:%DLQ%G"}, "m"},
        {code::send_message_v2, send_by_letter("T"), {"Pub Topic:T"}, "m"},
        {code::send_message_v2, send_by_letter("%RETRY%H"), {"Sub Group:H"}, "m"},
        {code::send_batch_message, send_by_letter("T"), {"Pub Topic:T"}, "m"},
        {code::send_batch_message, send_by_letter("%RETRY%H"), {"Sub Group:H"}, "m"},
        {code::send_reply_message, send_by_name("T"), {"Pub Topic:T"}, "m"},
        {code::send_reply_message_v2, send_by_letter("T"), {"Pub Topic:T"}, "m"},
        // The topic of the half message, whatever the header says.
        {code::end_transaction, end_half, {"Pub Topic:T"}},
        {code::resume_check_half_message,
         {{"topic", "other"}, {"msgId", given_up}},
         {"Update Topic:T"}},
        {code::recall_message, {{"topic", "T"}, {"recallHandle", "h"}}, {"Pub Topic:T"}},
        // Consumers.
        {code::pull_message, pull("T"), {"Sub Topic:T", "Sub Group:G"}},
        {code::pull_message, pull("%RETRY%G"), {"Sub Group:G"}},
        {code::pull_message, pull("%RETRY%H"), {"Sub Group:H", "Sub Group:G"}},
        {code::lite_pull_message, pull("T"), {"Sub Topic:T", "Sub Group:G"}},
        {code::lite_pull_message, pull("%RETRY%G"), {"Sub Group:G"}},
        {code::heart_beat,
         {},
         {"Sub Group:G", "Sub Topic:T", "Sub Topic:U", "Sub Group:H"},
         beat(consumer("G", subscription("T") + "," + subscription("%RETRY%G") + "," +
                                subscription("U")) +
              "," + consumer("H", ""))},
        {code::heart_beat, {}, {}, beat("")},
        {code::unregister_client, {{"clientID", "x"}, {"consumerGroup", "G"}}, {"Sub Group:G"}},
        {code::unregister_client, {{"clientID", "x"}, {"producerGroup", "P"}}, {}},
        {code::consumer_send_msg_back,
         {{"offset", message}, {"group", "G"}, {"delayLevel", "1"}, {"originTopic", "other"}},
         {"Sub Group:G", "Sub Topic:T"}},
        {code::consumer_send_msg_back,
         {{"offset", retried}, {"group", "G"}, {"delayLevel", "1"}},
         {"Sub Group:G", "Sub Group:H"}},
        {code::get_consumer_list_by_group, {{"consumerGroup", "G"}}, {"Sub/Get Group:G"}},
        {code::query_consumer_offset, offset("T"), {"Sub/Get Topic:T", "Sub/Get Group:G"}},
        {code::query_consumer_offset, offset("%RETRY%G"), {"Sub/Get Group:G"}},
        {code::update_consumer_offset, offset("T"), {"Sub/Update Topic:T", "Sub/Update Group:G"}},
        {code::update_consumer_offset, offset("%RETRY%G"), {"Sub/Update Group:G"}},
        {code::lock_batch_mq, {}, {"Sub Group:G", "Sub Topic:T", "Sub Topic:U"}, locks("T")},
        {code::unlock_batch_mq,
         {},
         {"Sub Group:G", "Sub Group:G", "Sub Topic:U"},
         locks("%RETRY%G")},
        {code::check_client_config,
         {},
         {"Sub Topic:T", "Sub Group:G"},
         R"({"clientId":"c","group":"G","subscriptionData":)" + subscription("T") + "}"},
        {code::check_client_config, {}, {"Sub Group:G"}, R"({"clientId":"c","group":"G"})"},
        // Messages and queues.
        {code::query_message, query("T"), {"Sub/Get Topic:T"}},
        {code::query_message, query("%RETRY%G"), {"Sub/Get Group:G"}},
        {code::view_message_by_id, {{"offset", message}, {"topic", "other"}}, {"Sub/Get Topic:T"}},
        {code::view_message_by_id, {{"offset", retried}}, {"Sub/Get Group:H"}},
        {code::search_offset_by_timestamp, queue("T"), {read_topic}},
        {code::get_max_offset, queue("T"), {read_topic}},
        {code::get_min_offset, queue("T"), {read_topic}},
        {code::get_earliest_msg_storetime, queue("T"), {read_topic}},
        {code::get_topic_stats_info, {{"topic", "T"}}, {"Get Topic:T"}},
        {code::query_topic_consume_by_who, {{"topic", "T"}}, {"Get Topic:T"}},
        {code::get_topic_config, {{"topic", "T"}}, {"Get Topic:T"}},
        // Groups.
        {code::get_consumer_connection_list, {{"consumerGroup", "G"}}, {"Get Group:G"}},
        {code::get_consume_stats, {{"consumerGroup", "G"}}, {"Get Group:G"}},
        {code::get_consume_stats,
         {{"consumerGroup", "G"}, {"topic", "T"}, {"topicList", "U"}},
         {"Get Topic:T", "Get Group:G"}},
        {code::get_consume_stats,
         {{"consumerGroup", "G"}, {"topic", ""}, {"topicList", "T;U"}},
         {"Get Group:G", "Get Topic:T", "Get Topic:U"}},
        {code::get_consumer_running_info,
         {{"consumerGroup", "G"}, {"clientId", "c"}},
         {"Get Group:G"}},
        {code::query_topics_by_consumer, {{"group", "G"}}, {"Get Group:G"}},
        {code::query_subscription_by_consumer, topic_group("T"), {"Get Topic:T", "Get Group:G"}},
        {code::query_subscription_by_consumer, topic_group(""), {"Get Group:G"}},
        {code::get_subscriptiongroup_config, {{"group", "G"}}, {"Get Group:G"}},
        {code::query_consume_time_span, topic_group("T"), {"Get Topic:T", "Get Group:G"}},
        {code::invoke_broker_to_reset_offset,
         topic_group("T"),
         {"Update Topic:T", "Update Group:G"}},
        {code::update_and_get_group_forbidden,
         {{"topic", "T"}, {"group", "G"}, {"readable", "false"}},
         {"Update Topic:T", "Update Group:G"}},
        {code::clone_group_offset,
         {{"srcGroup", "G"}, {"destGroup", "H"}, {"topic", "T"}, {"offline", "true"}},
         {"Update Topic:T", "Update Group:H"}},
        {code::clone_group_offset,
         {{"srcGroup", "S"}, {"destGroup", "H"}, {"offline", "true"}},
         {"Update Group:H", "Update Topic:T", "Update Topic:U"}},
        {code::consume_message_directly,
         {{"consumerGroup", "G"}, {"clientId", "c"}, {"topic", "U"}, {"msgId", message_id}},
         {"Sub Topic:U", "Sub Group:G", "Sub Topic:T"}},
        {code::consume_message_directly,
         {{"consumerGroup", "G"}, {"clientId", "c"}, {"msgId", message_id}},
         {"Sub Group:G", "Sub Topic:T"}},
        {code::query_correction_offset,
         {{"topic", "T"}, {"compareGroup", "G"}, {"filterGroups", "H, I"}},
         {"Get Topic:T", "Get Group:G", "Get Group:H", "Get Group:I"}},
        {code::query_correction_offset,
         {{"topic", "T"}, {"compareGroup", "G"}},
         {"Get Topic:T", "Get Group:G"}},
        {code::query_consume_queue,
         {{"topic", "T"}, {"queueId", "0"}, {"index", "0"}, {"count", "1"}},
         {"Get Topic:T"}},
        {code::query_consume_queue,
         {{"topic", "T"}, {"queueId", "0"}, {"index", "0"}, {"count", "1"}, {"consumerGroup", "G"}},
         {"Get Topic:T", "Get Group:G"}},
        {code::invoke_broker_to_get_consumer_status, topic_group("T"), super_only},
        // Topics and groups made, changed, deleted.
        {code::update_and_create_topic,
         {{"topic", "N"},
          {"defaultTopic", "TBW102"},
          {"readQueueNums", "1"},
          {"writeQueueNums", "1"},
          {"perm", "6"},
          {"topicFilterType", "SINGLE_TAG"},
          {"order", "false"}},
         {"Create Topic:N"}},
        {code::update_and_create_topic_list,
         {},
         {"Create Topic:N1", "Create Topic:N2"},
         R"({"topicConfigList":[)" + config_of("N1") + "," + config_of("N2") + "]}"},
        {code::delete_topic_in_broker, {{"topic", "U"}}, {"Delete Topic:U"}},
        {code::update_and_create_subscriptiongroup,
         {},
         {"Create/Update Group:N"},
         R"({"groupName":"N"})"},
        {code::update_and_create_subscriptiongroup_list,
         {},
         {"Create/Update Group:N1", "Create/Update Group:N2"},
         R"({"groupConfigList":[{"groupName":"N1"},{"groupName":"N2"}]})"},
        {code::set_message_request_mode,
         {},
         {"Update Group:G"},
         R"({"topic":"T","consumerGroup":"G","mode":"POP"})"},
        {code::delete_subscriptiongroup, {{"groupName", "H"}}, {"Delete Group:H"}},
        // The broker.
        {code::get_all_topic_config, {}, cluster_get},
        {code::get_broker_config, {}, cluster_get},
        {code::get_broker_runtime_info, {}, cluster_get},
        {code::get_all_consumer_offset, {}, cluster_get},
        {code::get_all_delay_offset, {}, cluster_get},
        {code::get_timer_check_point, {}, cluster_get},
        {code::get_timer_metrics, {}, cluster_get},
        {code::get_all_subscriptiongroup_config, {}, cluster_get},
        {code::get_producer_connection_list, {{"producerGroup", "P"}}, cluster_get},
        {code::get_system_topic_list_from_broker, {}, cluster_get},
        {code::view_broker_stats_data,
         {{"statsName", "TOPIC_PUT_NUMS"}, {"statsKey", "T"}},
         cluster_get},
        {code::get_broker_consume_stats, {{"isOrder", "false"}}, cluster_get},
        {code::get_all_producer_info, {}, cluster_get},
        {code::get_broker_ha_status, {}, cluster_get},
        {code::get_all_message_request_mode, {}, cluster_get},
        {code::clean_expired_consumequeue, {}, cluster_update},
        {code::clean_unused_topic, {}, cluster_update},
        {code::delete_expired_commitlog, {}, cluster_update},
    };
}

struct Gated : Fixture {
    RecordingGate recording;
    std::unique_ptr<Client> user, member;
    std::map<std::string, std::string> known;

    void go() {
        gate = &recording;
        settings.groups.offsets_interval_ms = 3'600'000;
        settings.transactions.timeout_ms = 3'600'000;
        start();
        user = client();
        member = client();
        member->answers = [](const remoting::Answer&) { return remoting::Answer(); };
    }
    ~Gated() {
        user.reset();
        member.reset();
    }

    std::string store_one(const std::string& topic, std::string_view of) {
        auto* const queue = store->queue(topic, 0);
        message::Draft draft;
        draft.born_host = draft.store_host = broker->store_host();
        draft.body = "m";
        draft.properties = of;
        const auto stored = broker::append_one(*broker, draft, *queue);
        REQUIRE(stored);
        return std::to_string(stored->at.value);
    }
    /// A message of each kind that a request can be about, a group with an offset, and a member.
    void fill() {
        for (const auto* const topic : {"T", "U", "%RETRY%H", "%RETRY%G"}) {
            REQUIRE(user->call(code::send_message_v2, wire::RawHeader{send_by_letter(topic)}, "m")
                        .code == rc::success);
        }
        known[message] = store_one("T", {});
        known[message_id] =
            message::offset_id(broker->store_host(), {*parse_int<std::int64_t>(known[message])});
        known[retried] = store_one("%RETRY%H", {});
        known[half] = store_one(
            std::string(broker::half_topic),
            properties(
                {{"REAL_TOPIC", "T"}, {"REAL_QID", "0"}, {"PGROUP", "P"}, {"UNIQ_KEY", "K"}}));
        const auto at =
            store_one(std::string(broker::check_max_topic),
                      properties({{"REAL_TOPIC", "T"}, {"REAL_QID", "0"}, {"PGROUP", "P"}}));
        known[given_up] = message::offset_id(broker->store_host(), {*parse_int<std::int64_t>(at)});
        for (const auto* const group : {"G", "H", "I"}) broker->find_or_create_group(group);
        for (const auto* const topic : {"T", "U"}) {
            broker->offsets().commit("G", topic, 0, 1);
            broker->offsets().commit("S", topic, 0, 1);
        }
        REQUIRE(member->call(code::heart_beat, beat(consumer("G", subscription("T")))).code ==
                rc::success);
        member->wait_pushes(1);  // that it has joined
        wait_dispatched();
    }
    void wait_dispatched() const {
        const auto give_up_ms = monotonic_ms() + 10'000;
        while (store->dispatched() < store->end()) {
            REQUIRE(monotonic_ms() < give_up_ms);
            std::this_thread::yield();
        }
    }
    remoting::Answer ask(const Case& is) {
        auto fields = is.fields;
        for (auto& [name, value] : fields) {
            if (const auto found = known.find(value); found != known.end()) value = found->second;
        }
        return user->call(is.code, wire::RawHeader{fields}, is.body);
    }
    /// What a request could change.
    std::string state() const {
        std::string out = std::to_string(store->end().value);
        for (const auto& topic : broker->topics().all()) out += " " + topic->name();
        for (const auto* const group : {"G", "H"}) {
            for (const auto& id : broker->clients().member_ids(group)) out += " " + id;
            out += broker->groups().may_read(group, "T") ? " may" : " may not";
        }
        for (const auto& is : broker->clients().producers("P")) out += " " + is.client.id;
        return out + json::to_text(broker->groups().to_json()) +
               json::to_text(broker->offsets().to_json());
    }
};

bool is_forbidden(const remoting::Answer& answer, const std::string& asked) {
    const auto space = asked.find(' ');
    return answer.code == rc::no_permission && answer.body.empty() &&
           answer.remark.starts_with("A client without an account has no permission to " +
                                     asked.substr(0, space) + " on " + asked.substr(space + 1) +
                                     " from 127.0.0.1:");
}

template <auto handler>
concept NeedsNothing = requires {
    front::rocketmq::Request::of<handler>(1, std::string_view("x"));
};

}  // namespace

TEST_CASE("a request cannot be added without a word about what it touches") {
    using front::rocketmq::Request;
    static_assert(!NeedsNothing<front::rocketmq::get_runtime_info>);
    static_assert(!std::is_aggregate_v<Request>);
    static_assert(!std::is_constructible_v<Request, std::int32_t, std::string_view, Request::Kind,
                                           void (*)(const front::rocketmq::Call&)>);
}

TEST_CASE("every request of the table has an expectation here, and none has more") {
    std::map<std::int32_t, bool> expected;  // whether a case of it asks for something
    for (const auto& is : cases()) expected[is.code] |= !is.asked.empty();
    for (const auto& request : front::rocketmq::requests()) {
        CAPTURE(request.name);
        REQUIRE(expected.contains(request.code));
        CHECK(expected[request.code]);
        expected.erase(request.code);
    }
    CHECK(expected.empty());
}

TEST_CASE_FIXTURE(Gated, "a request asks for what it touches, each of that and nothing else") {
    go();
    fill();
    for (const auto& is : cases()) {
        CAPTURE(is.code);
        wait_dispatched();
        recording.take();
        const auto answer = ask(is);
        CAPTURE(answer.remark);
        CHECK(answer.remark.find("has no permission") == std::string::npos);
        CHECK(recording.take() == is.asked);
        CHECK(recording.address().starts_with("127.0.0.1:"));
    }
}

TEST_CASE_FIXTURE(Gated, "what lacks one of its rights is answered 16 and does nothing") {
    go();
    fill();
    const auto before = state();
    for (const auto& is : cases()) {
        for (const auto& lacking : is.asked) {
            CAPTURE(is.code);
            CAPTURE(lacking);
            recording.refuse(lacking);
            const auto answer = ask(is);
            CAPTURE(answer.remark);
            CHECK(is_forbidden(answer, lacking));
            CHECK(state() == before);
        }
    }
    CHECK(member->pushes() == 1);
}

TEST_CASE_FIXTURE(Gated, "what a producer says of itself is open to everybody") {
    go();
    fill();
    recording.refuse("all");
    for (const auto& is : cases()) {
        CAPTURE(is.code);
        const auto answer = ask(is);
        if (is.asked.empty())
            CHECK(answer.code == rc::success);
        else
            CHECK(is_forbidden(answer, is.asked.front()));
    }
}

TEST_CASE_FIXTURE(Gated,
                  "a one-way request that is refused is dropped, and a send is counted lost") {
    go();
    fill();
    const auto before = state();
    recording.refuse("all");
    user->channel->oneway(code::send_message_v2, wire::RawHeader{send_by_letter("T")},
                          as_bytes("m"));
    user->channel->oneway(code::update_consumer_offset, wire::RawHeader{offset("T")}, {});
    // Its answer comes after both.
    CHECK(user->call(code::get_all_topic_config).code == rc::no_permission);
    CHECK(user->pushes() == 0);
    CHECK(state() == before);
    recording.refuse("");
    const auto answer = user->call(code::get_max_offset, wire::RawHeader{queue("T")});
    CHECK(answer.find("mqdOnewaysNotStored") == "1");
}

namespace {

struct Pulling : Gated {
    std::unique_ptr<Client> other;

    void hold(std::int64_t ms) {
        go();
        fill();
        auto header = pull_header(2, 2 | 4);
        header.suspend_timeout_ms = ms;
        other = client();
        waiting = std::thread([this, header] {
            answer = other->channel->call_and_wait(code::pull_message, header, {}, 20'000);
        });
        const auto give_up_ms = monotonic_ms() + 10'000;
        while (broker->arrivals().waiting() == 0) {
            REQUIRE(monotonic_ms() < give_up_ms);
            std::this_thread::yield();
        }
        recording.take();
    }
    const remoting::Answer& answered() {
        waiting.join();
        REQUIRE(answer);
        return **answer;
    }
    void send() const {
        REQUIRE(user->call(code::send_message_v2, wire::RawHeader{send_by_letter("T")}, "m").code ==
                rc::success);
    }
    ~Pulling() {
        if (waiting.joinable()) waiting.join();
        other.reset();
    }
    std::thread waiting;
    std::optional<Result<remoting::Answer>> answer;
};

}  // namespace

TEST_CASE_FIXTURE(Pulling, "a held pull is asked for again when its message comes") {
    hold(15'000);
    send();
    CHECK(answered().code == rc::success);
    CHECK(recording.take() == Asked{"Pub Topic:T", "Sub Topic:T", "Sub Group:G"});
}

TEST_CASE_FIXTURE(Pulling, "a held pull whose right is taken gets no message") {
    hold(15'000);
    recording.refuse("Sub Topic:T");
    send();
    CHECK(is_forbidden(answered(), "Sub Topic:T"));
    CHECK(broker->arrivals().waiting() == 0);
}

TEST_CASE_FIXTURE(Pulling,
                  "a held pull whose right is taken is refused at the end of its time too") {
    hold(50);
    recording.refuse("Sub Group:G");
    CHECK(is_forbidden(answered(), "Sub Group:G"));
}
