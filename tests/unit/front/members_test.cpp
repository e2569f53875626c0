// What the broker asks consumers on behalf of administrators: 220 to 223, 307, 309; and resets of
// offsets, which it does by itself.

#include "support.h"
#include "wire/bodies/consumers.h"
#include "wire/bodies/heartbeat.h"
#include "wire/bodies/topic.h"
#include "wire/headers/clients.h"
#include "wire/headers/consumers.h"
#include "wire/headers/offsets.h"
#include "wire/headers/topics.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Members : Fixture {
    std::unique_ptr<Client> admin, member;

    /// With messages in queue 0 of T, of which G has consumed all.
    void go(int messages = 4) {
        start();
        admin = client();
        member = client();
        for (int i = 0; i < messages; ++i)
            REQUIRE(admin->call(code::send_message_v2, send_header(), "m").code == rc::success);
        wait_readable(messages);
        join(*member, "me");
        commit(messages);
    }
    ~Members() {
        admin.reset();
        member.reset();
    }
    static void join(Client& as, std::string id) {
        wire::ConsumerData consumer;
        consumer.group_name = "G";
        consumer.subscriptions.push_back({"T", "*", "TAG", 1, {}, false});
        wire::HeartbeatData data;
        data.client_id = std::move(id);
        data.consumers.push_back(consumer);
        REQUIRE(as.call(code::heart_beat, wire::to_body(data)).code == rc::success);
    }
    remoting::Answer commit(std::int64_t offset, std::int32_t queue = 0) const {
        wire::UpdateConsumerOffset header{"G", "T", queue, offset};
        return admin->call(code::update_consumer_offset, header);
    }
    std::int64_t committed() const { return broker->offsets().find("G", "T", 0).value_or(-1); }
    static wire::ResetOffset wanted(std::int64_t timestamp) {
        wire::ResetOffset header;
        header.topic = "T";
        header.group = "G";
        header.timestamp = timestamp;
        return header;
    }
    remoting::Answer reset(const wire::ResetOffset& header) const {
        return admin->call(code::invoke_broker_to_reset_offset, header);
    }
    static wire::ResetOffset wanted_offset(std::int64_t offset, std::int32_t queue = 0) {
        auto header = wanted(-1);
        header.queue_id = queue;
        header.offset = offset;
        return header;
    }
};

std::int64_t offset_of(const remoting::Answer& answer, std::int32_t queue) {
    const auto body = wire::ResetOffsetBody::read(answer.body);
    REQUIRE(body);
    for (const auto& [is, offset] : body->offsets) {
        if (is == wire::MessageQueue{"b", queue, "T"}) return offset;
    }
    return -1;
}

}  // namespace

TEST_CASE_FIXTURE(Members, "a reset moves a group that is connected with its next pull") {
    go();
    const auto answer = reset(wanted(0));
    CHECK(answer.code == rc::success);
    CHECK(wire::ResetOffsetBody::read(answer.body)->offsets.size() == 4);
    CHECK(offset_of(answer, 0) == 0);
    CHECK(answer.body.starts_with(
        R"({"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:0,)"));
    CHECK(committed() == 0);

    // What it commits until then is what it has consumed before.
    const auto late = commit(4);
    CHECK(late.code == rc::success);
    CHECK(late.remark == "Offset has been previously reset");
    CHECK(committed() == 0);

    auto header = pull_header(4, 1);
    header.sub_version = 1;
    header.commit_offset = 4;
    const auto told = member->call(code::pull_message, header);
    CHECK(told.code == rc::pull_offset_moved);
    CHECK(told.find("nextBeginOffset") == "0");
    CHECK(told.find("minOffset") == "0");
    CHECK(told.find("maxOffset") == "4");
    CHECK(committed() == 0);

    // It has heard: from here on all is as ever.
    CHECK(member->call(code::pull_message, header).code == rc::pull_not_found);
    CHECK(committed() == 4);
    CHECK(commit(2).remark == "");
    CHECK(committed() == 2);
}

TEST_CASE_FIXTURE(Members, "a reset is on disk when it is answered, whoever is connected") {
    go();
    member.reset();
    CHECK(reset(wanted_offset(3)).code == rc::success);
    const auto saved = store::load_config(store::posix_files(),
                                          settings.store.config_dir() / "consumerOffset.json",
                                          [](std::string_view) { return Result<>(); });
    REQUIRE(saved);
    CHECK(saved->find("\"0\":3") != std::string::npos);

    // Who starts there by itself is not sent there once more.
    const auto pulled = admin->call(code::pull_message, pull_header(3));
    CHECK(pulled.code == rc::success);
    CHECK(pulled.find("nextBeginOffset") == "4");
}

TEST_CASE_FIXTURE(Members, "a pull that is held hears of a reset at once") {
    go();
    auto header = pull_header(4, 2);
    header.sub_version = 1;
    header.suspend_timeout_ms = 15'000;
    const auto begin = monotonic_ms();
    Mutex mutex;
    Condition changed;
    std::optional<remoting::Answer> told;
    member->channel->call(code::pull_message, header, {}, 20'000, [&](Result<remoting::Answer> is) {
        const Lock lock(mutex);
        told = std::move(*is);
        changed.notify_all();
    });
    while (broker->arrivals().waiting() == 0) {
        REQUIRE(monotonic_ms() - begin < 10'000);
        std::this_thread::yield();
    }
    CHECK(reset(wanted_offset(1)).code == rc::success);
    const Lock lock(mutex);
    while (!told) REQUIRE(changed.wait_for(mutex, std::chrono::seconds(10)));
    CHECK(told->code == rc::pull_offset_moved);
    CHECK(told->find("nextBeginOffset") == "1");
    CHECK(monotonic_ms() - begin < 10'000);
}

TEST_CASE_FIXTURE(Members, "a reset goes by time, by offset, or to the end") {
    go();
    auto* const queue = broker->topics().find("T")->find_queue(0);
    REQUIRE(queue != nullptr);
    const auto third = store->store_time(*queue, QueueOffset{2});
    REQUIRE(third);
    const auto by_time = offset_of(reset(wanted(*third)), 0);
    CHECK(by_time == store->offset_by_time(*queue, *third, false).value);
    CHECK(offset_of(reset(wanted(-1)), 0) == 4);
    CHECK(offset_of(reset(wanted(*third + 1'000'000)), 0) == 4);
    CHECK(offset_of(reset(wanted_offset(2)), 0) == 2);
    // One queue by time.
    auto one = wanted(0);
    one.queue_id = 0;
    one.offset = -1;
    const auto answer = reset(one);
    CHECK(wire::ResetOffsetBody::read(answer.body)->offsets.size() == 1);
    CHECK(offset_of(answer, 0) == 0);
}

TEST_CASE_FIXTURE(Members, "what cannot be reset is refused") {
    go();
    auto header = wanted(0);
    header.topic = "U";
    CHECK(reset(header).code == rc::topic_not_exist);
    header = wanted(0);
    header.group = "H";
    CHECK(reset(header).code == rc::subscription_group_not_exist);
    CHECK(reset(wanted_offset(5)).code == rc::system_error);  // one behind the end
    CHECK(reset(wanted_offset(-2)).code == rc::system_error);
    CHECK(reset(wanted_offset(0, 4)).code == rc::invalid_parameter);
    CHECK(committed() == 4);
}

TEST_CASE_FIXTURE(Members, "a deleted group or topic takes its pending reset along") {
    go();
    CHECK(reset(wanted_offset(1)).code == rc::success);
    wire::DeleteGroup header{"G", true};
    CHECK(admin->call(code::delete_subscriptiongroup, header).code == rc::success);
    CHECK(admin->call(code::pull_message, pull_header(4)).code == rc::pull_not_found);
}

TEST_CASE_FIXTURE(Members, "without useServerSideResetOffset the members are told") {
    settings.rocketmq.resets_offsets = false;
    go();
    for (std::int32_t queue = 1; queue < 4; ++queue) commit(0, queue);
    const auto answer = reset(wanted(0));
    CHECK(answer.code == rc::success);
    CHECK(offset_of(answer, 0) == 0);
    const auto push = member->wait_push(code::reset_consumer_client_offset);
    CHECK(push.find("topic") == "T");
    CHECK(push.find("group") == "G");
    CHECK(push.find("timestamp") == "0");
    // Ours says that it is written in C++, which reads a list.
    CHECK(push.body.starts_with(R"({"offsetTable":[{"brokerName":"b","offset":0,"queueId":0,)"));
    CHECK(committed() == 4);

    // Forwards only by force.
    commit(1);
    CHECK(offset_of(reset(wanted(-1)), 0) == 1);
    auto header = wanted(-1);
    header.is_force = true;
    CHECK(offset_of(reset(header), 0) == 4);

    header.topic = "U";
    CHECK(reset(header).code == rc::system_error);
    member.reset();
    while (!broker->clients().member_ids("G").empty()) std::this_thread::yield();
    const auto nobody = reset(wanted(0));
    CHECK(nobody.code == rc::consumer_not_online);
    CHECK(nobody.remark ==
          "Consumer not online, so can not reset offset, Group: G Topic: T Timestamp: 0");
}

TEST_CASE_FIXTURE(Members, "the members tell where they are") {
    go();
    auto other = client();
    member->answers = [](const remoting::Answer& push) {
        remoting::Answer out;
        out.code = push.find("topic") == "T" && push.find("group") == "G" ? 0 : 1;
        out.body = R"({"messageQueueTable":{{"brokerName":"b","queueId":0,"topic":"T"}:3}})";
        return out;
    };
    other->answers = [](const remoting::Answer&) {
        remoting::Answer out;
        out.code = rc::system_error;
        out.remark = "not now";
        return out;
    };
    join(*other, "you");
    wire::GetConsumerStatus header{"T", "G", {}};
    const auto answer = admin->call(code::invoke_broker_to_get_consumer_status, header);
    CHECK(answer.code == rc::success);
    CHECK(answer.body ==
          R"({"consumerTable":{"me":{{"brokerName":"b","queueId":0,"topic":"T"}:3}},)"
          R"("messageQueueTable":{}})");
    header.client_id = "you";
    const auto failed = admin->call(code::invoke_broker_to_get_consumer_status, header);
    CHECK(failed.code == rc::system_error);
    CHECK(failed.remark == "not now");
    header.client_id = "nobody";
    CHECK(admin->call(code::invoke_broker_to_get_consumer_status, header).code ==
          rc::consumer_not_online);
    other.reset();
}

TEST_CASE_FIXTURE(Members, "a question to a member is handed on, and so is its answer") {
    go();
    member->answers = [](const remoting::Answer& push) {
        remoting::Answer out;
        out.code = 5;
        out.remark = push.find("jstackEnable");
        out.body = push.body + "!";
        return out;
    };
    const wire::RawHeader header{
        {{"consumerGroup", "G"}, {"clientId", "me"}, {"jstackEnable", "true"}}};
    const auto answer = admin->call(code::get_consumer_running_info, header, "?");
    CHECK(answer.code == 5);
    CHECK(answer.remark == "true");
    CHECK(answer.body == "?!");

    const wire::RawHeader wrong{{{"consumerGroup", "G"}, {"clientId", "you"}}};
    const auto nobody = admin->call(code::get_consumer_running_info, wrong);
    CHECK(nobody.code == rc::system_error);
    CHECK(nobody.remark == "The Consumer <G> <you> not online");
}

TEST_CASE_FIXTURE(Members, "a member that says nothing, or is gone, is answered for") {
    go();
    std::thread away([&] {
        member->wait_push(code::get_consumer_running_info);
        member->channel->close();
    });
    const wire::RawHeader header{{{"consumerGroup", "G"}, {"clientId", "me"}}};
    const auto answer = admin->call(code::get_consumer_running_info, header);
    CHECK(answer.code == rc::consume_msg_timeout);
    CHECK(answer.remark.starts_with("consumer <G> <me> Timeout: "));
    away.join();
}

TEST_CASE_FIXTURE(Members, "a member consumes one message on demand") {
    go(1);
    const auto sent = admin->call(code::send_message_v2, send_header(), "this one");
    member->answers = [](const remoting::Answer& push) {
        remoting::Answer out;
        out.body = std::string(push.find("brokerName")) + push.find("topicSysFlag").data() +
                   push.find("groupSysFlag").data();
        return out;
    };
    const std::string id(sent.find("msgId"));
    wire::RawHeader header{
        {{"consumerGroup", "G"}, {"clientId", "me"}, {"msgId", id}, {"topic", "T"}}};
    CHECK(admin->call(code::consume_message_directly, header).body == "b00");
    const auto push = member->wait_push(code::consume_message_directly);
    CHECK(push.find("msgId") == id);
    const auto record = records(push.body);
    REQUIRE(record.size() == 1);
    CHECK(record[0].body == "this one");

    header.ext[2].second = message::offset_id(broker->store_host(), PhysicalOffset{1});
    CHECK(admin->call(code::consume_message_directly, header).code == rc::system_error);
    header.ext[2].second = "no id";
    CHECK(admin->call(code::consume_message_directly, header).code == rc::system_error);
}

TEST_CASE_FIXTURE(Members, "a group goes on where another has come to") {
    go();
    wire::CloneGroupOffset header{"G", "H", {}, true};
    CHECK(admin->call(code::clone_group_offset, header).code == rc::success);
    CHECK(broker->offsets().find("H", "T", 0) == 4);
    // Nothing is taken over in a topic that a connected group does not subscribe to.
    broker->offsets().commit("H", "T", 0, 1);
    broker->offsets().commit("H", "%RETRY%G", 0, 1);
    header = {"H", "G", "%RETRY%G", false};
    CHECK(admin->call(code::clone_group_offset, header).code == rc::success);
    CHECK_FALSE(broker->offsets().find("G", "%RETRY%G", 0));
    header.topic = "T";
    CHECK(admin->call(code::clone_group_offset, header).code == rc::success);
    CHECK(committed() == 1);
}

TEST_CASE_FIXTURE(Members, "the least offset of other groups is what a group is corrected by") {
    go();
    broker->offsets().commit("H", "T", 0, 1);
    broker->offsets().commit("I", "T", 0, 3);
    wire::QueryCorrectionOffset header{"T", "G", {}};
    CHECK(admin->call(code::query_correction_offset, header).body ==
          R"({"correctionOffsets":{0:1}})");
    header.filter_groups = "H, G";
    CHECK(admin->call(code::query_correction_offset, header).body ==
          R"({"correctionOffsets":{0:3}})");
    header.compare_group = "H";
    CHECK(admin->call(code::query_correction_offset, header).body ==
          R"({"correctionOffsets":{0:9223372036854775807}})");
    header.topic = "U";
    CHECK(admin->call(code::query_correction_offset, header).body == R"({"correctionOffsets":{}})");
}

TEST_CASE_FIXTURE(Members, "the time between what is stored and what is consumed is told") {
    go();
    commit(1);
    const wire::GroupOfTopic header{"T", "G"};
    const auto spans =
        wire::ConsumeTimeSpans::read(admin->call(code::query_consume_time_span, header).body);
    REQUIRE(spans);
    REQUIRE(spans->queues.size() == 4);
    auto* const queue = broker->topics().find("T")->find_queue(0);
    const auto& first = spans->queues[0];
    CHECK(first.queue == wire::MessageQueue{"b", 0, "T"});
    CHECK(first.min_timestamp == store->store_time(*queue, QueueOffset{0}));
    CHECK(first.max_timestamp == store->store_time(*queue, QueueOffset{3}));
    CHECK(first.consume_timestamp == first.min_timestamp);
    CHECK(first.delay_ms >= 0);
    CHECK(spans->queues[1].max_timestamp == -1);
    CHECK(admin->call(code::query_consume_time_span, wire::GroupOfTopic{"U", "G"}).code ==
          rc::topic_not_exist);
}

TEST_CASE_FIXTURE(Members, "all groups' progress comes in one answer") {
    go();
    commit(1);
    const auto stats = wire::BrokerConsumeStats::read(
        admin->call(code::get_broker_consume_stats, wire::GetBrokerConsumeStats{}).body);
    REQUIRE(stats);
    CHECK(stats->broker_addr == address());
    CHECK(stats->total_diff == 3);
    CHECK(stats->total_inflight_diff == 0);
    bool found = false;
    for (const auto& [group, topics] : stats->groups) {
        if (group != "G") continue;
        found = true;
        REQUIRE(topics.size() == 1);
        CHECK(topics[0].offsets.size() == 4);
    }
    CHECK(found);
    const auto ordered = wire::BrokerConsumeStats::read(
        admin->call(code::get_broker_consume_stats, wire::GetBrokerConsumeStats{true}).body);
    REQUIRE(ordered);
    CHECK(ordered->total_diff == 0);
}

TEST_CASE_FIXTURE(Members, "who produces, who consumes what: by group") {
    go();
    wire::HeartbeatData data;
    data.client_id = "maker";
    data.producer_groups = {"P", "Q"};
    REQUIRE(admin->call(code::heart_beat, wire::to_body(data)).code == rc::success);
    const auto table = wire::ProducerTable::read(admin->call(code::get_all_producer_info).body);
    REQUIRE(table);
    REQUIRE(table->groups.size() == 2);
    CHECK(table->groups[0].first == "P");
    const auto& producer = table->groups[0].second.at(0);
    CHECK(producer.client_id == "maker");
    CHECK(producer.remote_ip.starts_with("/127.0.0.1:"));
    CHECK(producer.version == wire::our_version);
    CHECK(std::abs(producer.last_update_timestamp - wall_ms()) < 10'000);

    const auto topics = wire::TopicList::read(
        admin->call(code::query_topics_by_consumer, wire::GroupHeader{"G"}).body);
    REQUIRE(topics);
    CHECK(topics->topics == std::vector<std::string>{"T"});
    CHECK(topics->broker_addr == address());

    const auto known = wire::QueriedSubscription::read(
        admin->call(code::query_subscription_by_consumer, wire::GroupOfTopic{"T", "G"}).body);
    REQUIRE(known);
    REQUIRE(known->subscription);
    CHECK(known->subscription->sub_string == "*");
    const auto unknown = wire::QueriedSubscription::read(
        admin->call(code::query_subscription_by_consumer, wire::GroupOfTopic{"U", "G"}).body);
    REQUIRE(unknown);
    CHECK_FALSE(unknown->subscription);
    CHECK(admin->call(code::get_all_delay_offset).body.find("\"offsetTable\"") !=
          std::string::npos);
}

TEST_CASE_FIXTURE(Members, "a group that may not read a topic is refused, also after a restart") {
    go();
    wire::GroupForbidden header{"G", "T", {}};
    const auto ask = [&] { return admin->call(code::update_and_get_group_forbidden, header).body; };
    CHECK(ask() == R"({"group":"G","readable":true,"topic":"T"})");
    header.readable = false;
    CHECK(ask() == R"({"group":"G","readable":false,"topic":"T"})");
    const auto refused = admin->call(code::pull_message, pull_header(0));
    CHECK(refused.code == rc::no_permission);
    CHECK(refused.find("forbiddenType") == "5");

    const auto again = broker::Groups::open(store::posix_files(), system_clock(), settings);
    REQUIRE(again);
    CHECK_FALSE((*again)->may_read("G", "T"));
    CHECK((*again)->may_read("G", "U"));
    CHECK((*again)->may_read("H", "T"));

    header.readable = true;
    CHECK(ask() == R"({"group":"G","readable":true,"topic":"T"})");
    CHECK(admin->call(code::pull_message, pull_header(0)).code == rc::success);
}

TEST_CASE_FIXTURE(Members, "a list of groups is taken whole or not at all") {
    go();
    const auto put = [&](std::string_view body) {
        return admin->call(code::update_and_create_subscriptiongroup_list, body).code;
    };
    CHECK(put(R"({"groupConfigList":[{"groupName":"A"},{"groupName":"b d"}]})") ==
          rc::invalid_parameter);
    CHECK(broker->groups().find("A") == nullptr);
    CHECK(put(R"({"groupConfigList":[{"groupName":"A","retryMaxTimes":3},{"groupName":"B"}]})") ==
          rc::success);
    CHECK(broker->groups().find("A")->retry_max() == 3);
    CHECK(broker->groups().find("B") != nullptr);
}
