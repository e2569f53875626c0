// Topics, groups, statistics and registration.

#include "../passing_files.h"
#include "support.h"

#include <algorithm>
#include <atomic>

#include "front/rocketmq/registrar.h"
#include "namesrv/namesrv.h"
#include "store/check/scan_tables.h"
#include "wire/bodies/consume_queue.h"
#include "wire/bodies/groups.h"
#include "wire/bodies/ha_status.h"
#include "wire/bodies/heartbeat.h"
#include "wire/bodies/queues.h"
#include "wire/bodies/route.h"
#include "wire/bodies/stats.h"
#include "wire/headers/clients.h"
#include "wire/headers/consume_queue.h"
#include "wire/headers/consumers.h"
#include "wire/headers/offsets.h"
#include "wire/headers/topics.h"

using namespace mqd;
using namespace mqd::test;

namespace {

wire::CreateTopic new_topic(std::string_view name, std::int32_t queues = 2) {
    wire::CreateTopic header;
    header.topic = name;
    header.read_queue_nums = header.write_queue_nums = queues;
    header.perm = 6;
    return header;
}

/// The real files on a disk that may be full.
class FullFiles final : public mqd::test::PassingFiles {
public:
    std::atomic<bool> is_full = false;

    Result<std::unique_ptr<store::File>> open(const std::filesystem::path& path,
                                              store::OpenMode mode) override {
        TRY(auto file, real_.open(path, mode));
        return std::unique_ptr<store::File>(std::make_unique<FullFile>(*this, std::move(file)));
    }

private:
    class FullFile final : public store::File {
    public:
        FullFile(FullFiles& owner, std::unique_ptr<store::File> real)
            : owner_(owner), real_(std::move(real)) {}
        Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
            return real_->read(at, into);
        }
        Result<> write(std::int64_t at, Bytes bytes) override {
            if (owner_.is_full) return Error{Errc::refused, "no space"};
            return real_->write(at, bytes);
        }
        Result<> sync() override { return real_->sync(); }
        Result<std::int64_t> size() const override { return real_->size(); }
        Result<> resize(std::int64_t bytes) override { return real_->resize(bytes); }
        Result<std::unique_ptr<store::Mapping>> map() const override { return real_->map(); }

    private:
        FullFiles& owner_;
        std::unique_ptr<store::File> real_;
    };
};

struct FullDisk {
    FullFiles full;  // outlives the broker
};
struct OnFullDisk : FullDisk, Fixture {
    OnFullDisk() { files = &full; }
    ~OnFullDisk() { full.is_full = false; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a topic by request is on disk when the answer comes") {
    start();
    const auto user = client();
    auto header = new_topic("T");
    header.attributes = "+message.type=FIFO";
    CHECK(user->call(code::update_and_create_topic, header).code == rc::success);
    const auto saved = store::scan_topics(settings.store.root);
    REQUIRE(saved);
    CHECK(std::ranges::count(*saved, "T", &store::StoredTopic::name) == 1);
    const auto config =
        wire::TopicConfig::read(user->call(code::get_topic_config, wire::TopicHeader{"T"}).body);
    REQUIRE(config);
    CHECK(config->read_queue_nums == 2);
    CHECK(config->attributes.at("message.type") == "FIFO");

    header.attributes = "-message.type";
    CHECK(user->call(code::update_and_create_topic, header).code == rc::success);
    CHECK(broker->topics().find("T")->config().attributes.empty());
    header.attributes = "+no.such=1";
    CHECK(user->call(code::update_and_create_topic, header).code == rc::system_error);
    CHECK(user->call(code::update_and_create_topic, new_topic("TBW102")).code ==
          rc::invalid_parameter);
    CHECK(user->call(code::update_and_create_topic, new_topic("T", -1)).code ==
          rc::invalid_parameter);
    CHECK(user->call(code::get_topic_config, wire::TopicHeader{"U"}).code == rc::topic_not_exist);
}

TEST_CASE_FIXTURE(OnFullDisk, "on a full disk no topic is made or changed, and that is 14") {
    start();
    const auto user = client();
    REQUIRE(user->call(code::update_and_create_topic, new_topic("T")).code == rc::success);
    full.is_full = true;
    CHECK(user->call(code::update_and_create_topic, new_topic("U")).code ==
          rc::service_not_available);
    CHECK(broker->topics().find("U") == nullptr);
    CHECK(user->call(code::update_and_create_topic, new_topic("T", 5)).code ==
          rc::service_not_available);
    CHECK(broker->topics().find("T")->config().read_queues == 2);
    full.is_full = false;
    CHECK(user->call(code::update_and_create_topic, new_topic("U")).code == rc::success);
}

TEST_CASE_FIXTURE(Fixture, "a list of topics is taken whole or not at all") {
    start();
    const auto user = client();
    CHECK(
        user->call(code::update_and_create_topic_list,
                   R"({"topicConfigList":[{"topicName":"A","readQueueNums":1,"writeQueueNums":1},)"
                   R"({"topicName":"b d"}]})")
            .code == rc::invalid_parameter);
    CHECK(broker->topics().find("A") == nullptr);
    CHECK(user->call(
                  code::update_and_create_topic_list,
                  R"({"topicConfigList":[{"topicName":"A","readQueueNums":1,"writeQueueNums":1}]})")
              .code == rc::success);
    CHECK(broker->topics().find("A") != nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a deleted topic takes messages and offsets along") {
    start();
    const auto user = client();
    REQUIRE(user->call(code::send_message_v2, send_header(), "old").code == rc::success);
    wait_readable(1);
    broker->offsets().commit("G", "T", 0, 1);
    CHECK(user->call(code::delete_topic_in_broker, wire::TopicHeader{"T"}).code == rc::success);
    CHECK(user->call(code::delete_topic_in_broker, wire::TopicHeader{"T"}).code == rc::success);
    CHECK(user->call(code::delete_topic_in_broker, wire::TopicHeader{"SELF_TEST_TOPIC"}).code ==
          rc::invalid_parameter);
    CHECK_FALSE(broker->offsets().find("G", "T", 0));
    CHECK(user->call(code::send_message_v2, send_header(), "new").find("queueOffset") == "0");
    wait_readable(1);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 1);
    CHECK(found[0].body == "new");
}

TEST_CASE_FIXTURE(Fixture, "what lies in a topic and how far a group has come") {
    start();
    const auto user = client();
    for (int i = 0; i < 3; ++i) user->call(code::send_message_v2, send_header(), "m");
    wait_readable(3);
    user->call(code::pull_message, pull_header(0));
    broker->offsets().commit("G", "T", 0, 2);
    const auto topic = wire::TopicStatsTable::read(
        user->call(code::get_topic_stats_info, wire::TopicHeader{"T"}).body);
    REQUIRE(topic);
    REQUIRE(topic->offsets.size() == 4);
    CHECK(topic->offsets[0].first.broker_name == "b");
    CHECK(topic->offsets[0].second.max_offset == 3);
    CHECK(topic->offsets[0].second.last_update_timestamp > 0);
    CHECK(topic->offsets[1].second.last_update_timestamp == 0);
    CHECK(user->call(code::get_topic_stats_info, wire::TopicHeader{"U"}).code ==
          rc::topic_not_exist);

    const auto group = wire::ConsumeStats::read(
        user->call(code::get_consume_stats, wire::GetConsumeStats{"G", {}, {}}).body);
    REQUIRE(group);
    REQUIRE(group->offsets.size() == 4);
    CHECK(group->offsets[0].second.broker_offset == 3);
    CHECK(group->offsets[0].second.consumer_offset == 2);
    CHECK(group->offsets[0].second.pull_offset == 3);
    CHECK(group->offsets[0].second.last_timestamp > 0);
    const auto groups = wire::GroupList::read(
        user->call(code::query_topic_consume_by_who, wire::TopicHeader{"T"}).body);
    REQUIRE(groups);
    CHECK(groups->groups == std::vector<std::string>{"G"});
}

TEST_CASE_FIXTURE(Fixture, "the units of a queue are shown from an offset on") {
    start();
    const auto user = client();
    for (int i = 0; i < 3; ++i) user->call(code::send_message_v2, send_header(), "m");
    wait_readable(3);
    const auto ask = [&](std::int64_t index, std::int32_t count, std::int32_t queue = 0,
                         std::optional<std::string_view> group = {}) {
        return user->call(code::query_consume_queue,
                          wire::QueryConsumeQueue{"T", queue, index, count, group});
    };
    const auto read = [](const remoting::Answer& answer) {
        REQUIRE(answer.code == rc::success);
        auto is = wire::ConsumeQueueAnswer::read(answer.body);
        REQUIRE(is);
        return *is;
    };
    const auto all = read(ask(0, 10));
    CHECK(all.min == 0);
    CHECK(all.max == 3);
    REQUIRE(all.units.size() == 3);
    CHECK(all.units[0].physic_offset == 0);
    CHECK(all.units[1].physic_offset == all.units[0].physic_size);
    CHECK(all.filter_data.empty());
    CHECK(read(ask(0, 3)).units.size() == 3);
    CHECK(read(ask(0, 2)).units.size() == 2);
    CHECK(read(ask(2, 10)).units.size() == 1);
    CHECK(read(ask(2, 10)).units[0].physic_offset == all.units[2].physic_offset);
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    for (const auto beyond : std::initializer_list<std::int64_t>{3, 4, -1, largest})
        CHECK(read(ask(beyond, 10)).units.empty());
    for (const std::int32_t count : {0, -1}) CHECK(read(ask(0, count)).units.empty());
    CHECK(read(ask(0, std::numeric_limits<std::int32_t>::max())).units.size() == 3);
    CHECK(read(ask(0, 1, 0, "G")).filter_data == "G@T is not online!");
    CHECK(ask(0, 1, 4).code == rc::system_error);
    CHECK(ask(0, 1, 4).remark == "4@T is not exist!");
    CHECK(ask(0, 1, -1).code == rc::system_error);
}

TEST_CASE_FIXTURE(Fixture,
                  "how groups get their messages is kept, and a lone master has no slaves") {
    start();
    const auto user = client();
    const auto set = [&](const std::string& body) {
        return user->call(code::set_message_request_mode, wire::NoHeader{}, body).code;
    };
    CHECK(set(R"({"topic":"T","consumerGroup":"G","mode":"POP","popShareQueueNum":2})") ==
          rc::success);
    CHECK(set(R"({"topic":"T","consumerGroup":"H"})") == rc::success);
    CHECK(set(R"({"topic":"%RETRY%G","consumerGroup":"G","mode":"POP"})") == rc::no_permission);
    CHECK(set(R"({"topic":"T","mode":"POP"})") == rc::invalid_parameter);
    CHECK(set(R"({"topic":"T","consumerGroup":"G","popShareQueueNum":-1})") ==
          rc::invalid_parameter);
    CHECK(set("no JSON") == rc::system_error);
    const std::string all =
        R"({"messageRequestModeMap":{"T":{"G":{"consumerGroup":"G","mode":"POP","popShareQueueNum":2,"topic":"T"},)"
        R"("H":{"consumerGroup":"H","mode":"PULL","popShareQueueNum":0,"topic":"T"}}}})";
    CHECK(user->call(code::get_all_message_request_mode).body == all);
    auto saved = broker::RequestModes::open(store::posix_files(), settings.store.config_dir());
    REQUIRE(saved);
    CHECK((*saved)->find("T", "G") == broker::RequestMode{true, 2});
    CHECK((*saved)->find("T", "H") == broker::RequestMode{});
    CHECK((*saved)->find("U", "G") == broker::RequestMode{});

    user->call(code::send_message_v2, send_header(), "m");
    const auto status = wire::HaStatus::read(user->call(code::get_broker_ha_status).body);
    REQUIRE(status);
    CHECK(status->is_master);
    CHECK(status->log_end == store->end().value);
}

TEST_CASE_FIXTURE(Fixture, "offsets of queues, by number and by time") {
    start();
    const auto user = client();
    const wire::QueueHeader nowhere{"T", 0};
    CHECK(user->call(code::get_max_offset, nowhere).find("offset") == "0");
    CHECK(user->call(code::get_earliest_msg_storetime, nowhere).find("timestamp") == "-1");
    user->call(code::send_message_v2, send_header(), "m");
    wait_readable(1);
    CHECK(user->call(code::get_max_offset, nowhere).find("offset") == "1");
    CHECK(user->call(code::get_min_offset, nowhere).find("offset") == "0");
    CHECK(user->call(code::get_earliest_msg_storetime, nowhere).find("timestamp") != "-1");
    wire::SearchOffset search;
    search.topic = "T";
    search.timestamp = wall_ms() + 60'000;
    CHECK(user->call(code::search_offset_by_timestamp, search).find("offset") == "1");
    search.timestamp = 0;
    CHECK(user->call(code::search_offset_by_timestamp, search).find("offset") == "0");

    wire::UpdateConsumerOffset commit{"G", "T", 0, 1};
    CHECK(user->call(code::update_consumer_offset, commit).code ==
          rc::subscription_group_not_exist);
    CHECK(user->call(code::get_subscriptiongroup_config, wire::GroupHeader{"G"}).code ==
          rc::success);
    CHECK(user->call(code::update_consumer_offset, commit).code == rc::success);
    commit.topic = "U";
    CHECK(user->call(code::update_consumer_offset, commit).code == rc::topic_not_exist);
    commit = {"G", "T", 0, -1};
    CHECK(user->call(code::update_consumer_offset, commit).code == rc::invalid_parameter);
    const auto all =
        wire::ConsumerOffsetTable::read(user->call(code::get_all_consumer_offset).body);
    REQUIRE(all);
    CHECK(all->offsets.at("T@G").at(0) == 1);
}

TEST_CASE_FIXTURE(Fixture, "what was acknowledged is counted, however busy the dispatcher is") {
    start();
    const auto user = client();
    for (int i = 1; i <= 500; ++i) {
        REQUIRE(user->call(code::send_message_v2, send_header(), "m").code == rc::success);
        CHECK(user->call(code::get_max_offset, wire::QueueHeader{"T", 0}).find("offset") ==
              std::to_string(i));
    }
}

TEST_CASE_FIXTURE(Fixture, "ordered consumers lock queues, SQL expressions are refused") {
    start();
    const auto user = client();
    wire::LockBatchBody body;
    body.client_id = "a";
    body.consumer_group = "G";
    body.queues = {{"b", 0, "T"}, {"b", 1, "T"}};
    const auto granted =
        wire::LockBatchAnswer::read(user->call(code::lock_batch_mq, wire::to_body(body)).body);
    REQUIRE(granted);
    CHECK(granted->queues.size() == 2);
    body.client_id = "c";
    CHECK(user->call(code::lock_batch_mq, wire::to_body(body)).body == R"({"lockOKMQSet":[]})");

    wire::CheckClientBody check_body;
    check_body.subscription = wire::SubscriptionData{"T", "a > 1", "SQL92", 1, {}, false};
    CHECK(user->call(code::check_client_config, wire::to_body(check_body)).code ==
          rc::system_error);
    check_body.subscription = wire::SubscriptionData{"T", "||", "TAG", 1, {}, false};
    CHECK(user->call(code::check_client_config, wire::to_body(check_body)).code ==
          rc::subscription_parse_failed);
    check_body.subscription = wire::SubscriptionData{"T", "A", "TAG", 1, {}, false};
    CHECK(user->call(code::check_client_config, wire::to_body(check_body)).code == rc::success);
}

TEST_CASE_FIXTURE(Fixture, "an SQL92 consumer is told at its start what its expression lacks") {
    settings.rocketmq.property_filter = true;
    start();
    const auto user = client();
    const auto check_config = [&](const char* expression) {
        wire::CheckClientBody body;
        body.subscription = wire::SubscriptionData{"T", expression, "SQL92", 1, {}, false};
        return user->call(code::check_client_config, wire::to_body(body)).code;
    };
    CHECK(check_config("a > 1") == rc::success);
    CHECK(check_config("") == rc::success);
    CHECK(check_config("a >") == rc::subscription_parse_failed);
}

TEST_CASE_FIXTURE(Fixture, "what goes through topics and to groups can be asked for by name") {
    start();
    const auto user = client();
    for (int i = 0; i < 3; ++i)
        REQUIRE(user->call(code::send_message_v2, send_header(), "four").code == rc::success);
    wait_readable(3);
    REQUIRE(user->call(code::pull_message, pull_header(0)).code == rc::success);
    const auto ask = [&](std::string_view name, std::string_view key) {
        return user->call(code::view_broker_stats_data, wire::ViewBrokerStats{name, key});
    };
    const auto sum = [&](std::string_view name, std::string_view key) {
        const auto answer = ask(name, key);
        REQUIRE(answer.code == rc::success);
        const auto data = wire::BrokerStatsData::read(answer.body);
        REQUIRE(data);
        CHECK(data->minute.sum == data->day.sum);
        return data->minute.sum;
    };
    CHECK(sum("TOPIC_PUT_NUMS", "T") == 3);
    CHECK(sum("TOPIC_PUT_SIZE", "T") > 3 * 91);
    CHECK(sum("QUEUE_PUT_NUMS", "T@0") == 3);
    CHECK(sum("BROKER_PUT_NUMS", "DefaultCluster") == 3);
    CHECK(sum("GROUP_GET_NUMS", "T@G") == 3);
    CHECK(sum("QUEUE_GET_SIZE", "T@0@G") == sum("TOPIC_PUT_SIZE", "T"));
    CHECK(sum("GROUP_GET_LATENCY", "0@T@G") >= 0);
    CHECK(sum("GROUP_GET_FALL_SIZE", "0@T@G") == 0);
    REQUIRE(user->call(code::send_message_v2, send_header(), "four").code == rc::success);
    wait_readable(4);
    CHECK(sum("GROUP_GET_FALL_SIZE", "0@T@G") == sum("TOPIC_PUT_SIZE", "T") / 4);
    CHECK(sum("GROUP_GET_FALL_TIME", "0@T@G") >= 0);

    const auto unknown = ask("TOPIC_PUT_NUMS", "U");
    CHECK(unknown.code == rc::system_error);
    CHECK(unknown.remark == "The stats <TOPIC_PUT_NUMS> <U> not exist");
    for (const auto& [name, key] :
         {std::pair{"NO_SUCH", "T"}, std::pair{"GROUP_GET_NUMS", "T"},
          std::pair{"QUEUE_PUT_NUMS", "T@x"}, std::pair{"BROKER_PUT_NUMS", "other"},
          std::pair{"GROUP_GET_FALL_SIZE", "0@T"}, std::pair{"GROUP_GET_FALL_SIZE", "0@T@H"}})
        CHECK(ask(name, key).code == rc::system_error);

    const auto stats = wire::ConsumeStats::read(
        user->call(code::get_consume_stats, wire::GetConsumeStats{"G", "T", {}}).body);
    REQUIRE(stats);
    CHECK(stats->consume_tps > 0);
    CHECK(wire::TopicStatsTable::read(
              user->call(code::get_topic_stats_info, wire::TopicHeader{"T"}).body)
              ->topic_put_tps > 0);
    const auto info = wire::KvTable::read(user->call(code::get_broker_runtime_info).body);
    REQUIRE(info);
    CHECK(info->table.at("putMessageDistributeTime").starts_with("[<=0ms]:"));
    CHECK(info->table.at("putLatency99") != "");
    CHECK(info->table.at("timerEnqueueTps") == "0.0");

    // Deleted is deleted, and begins again.
    REQUIRE(user->call(code::delete_topic_in_broker, wire::TopicHeader{"T"}).code == rc::success);
    CHECK(ask("TOPIC_PUT_NUMS", "T").code == rc::system_error);
    REQUIRE(user->call(code::send_message_v2, send_header(), "four").code == rc::success);
    CHECK(sum("TOPIC_PUT_NUMS", "T") == 1);
}

TEST_CASE_FIXTURE(Fixture, "the runtime information has every key that tools parse") {
    start();
    const auto user = client();
    user->call(code::send_message_v2, send_header(), "m");
    const auto info = wire::KvTable::read(user->call(code::get_broker_runtime_info).body);
    REQUIRE(info);
    for (const char* key :
         {"brokerVersionDesc", "brokerActive", "sendThreadPoolQueueSize", "pageCacheLockTimeMills",
          "commitLogDiskRatio", "commitLogMinOffset", "timerReadBehind", "dispatchBehindBytes",
          "bootTimestamp", "runtime", "msgGetTotalYesterdayMorning", "ackThreadPoolQueueSize"})
        CHECK_MESSAGE(info->table.contains(key), key);
    CHECK(split(info->table.at("putTps"), ' ').size() == 3);
    CHECK(info->table.at("msgPutTotalTodayNow") == "1");
    CHECK(info->table.at("earliestMessageTimeStamp") != "-1");
}

TEST_CASE_FIXTURE(Fixture, "name servers know the topics, their changes, and the end") {
    start();
    namesrv::Options options;
    options.kv_config_path = folder.path / "kv.json";
    auto namesrv = namesrv::Namesrv::open(options, open_gate);
    REQUIRE(namesrv);
    auto listening = remoting::Server::listen(threads, "127.0.0.1:0", **namesrv);
    REQUIRE(listening);
    const auto port = std::to_string((*listening)->port());
    Client asks(threads.at(0), "127.0.0.1:" + port);
    const auto route = [&](std::string_view topic) {
        return asks.call(code::get_routeinfo_by_topic, wire::GetRouteInfo{topic, true});
    };
    const auto wait_route = [&](std::string_view topic, std::int32_t expected) {
        const auto give_up = monotonic_ms() + 10'000;
        while (route(topic).code != expected) REQUIRE(monotonic_ms() < give_up);
    };
    // One of them is not there: the other is told all the same.
    front::rocketmq::Registrar registrar(*broker, threads.at(1), {address(), "1"},
                                         {"127.0.0.1:" + port, "127.0.0.1:1"});
    broker->on_topic_change(
        [&](const std::string& topic, const broker::TopicRef&) { registrar.changed(topic); });
    REQUIRE(registrar.start(5000));
    const auto known = wire::TopicRouteData::read(route("TBW102").body);
    REQUIRE(known);
    REQUIRE(known->brokers.size() == 1);
    CHECK(known->brokers[0].broker_addrs.at(0) == address());
    CHECK(known->queues[0].perm == 7);

    CHECK(route("T").code == rc::topic_not_exist);
    const auto user = client();
    REQUIRE(user->call(code::send_message_v2, send_header(), "m").code == rc::success);
    wait_route("T", rc::success);

    // Which topics are ordered is the name server's to say.
    const wire::RawHeader order{
        {{"namespace", "ORDER_TOPIC_CONFIG"}, {"key", "T"}, {"value", "b:4"}}};
    REQUIRE(asks.call(code::put_kv_config, order).code == rc::success);
    registrar.changed("T");
    const auto ordered_by = monotonic_ms() + 10'000;
    while (!broker->topics().find("T")->config().order) REQUIRE(monotonic_ms() < ordered_by);
    CHECK_FALSE(broker->topics().find("TBW102")->config().order);

    // Changes that follow one another closely all arrive.
    const auto queues_of = [&](std::string_view topic) {
        const auto is = wire::TopicRouteData::read(route(topic).body);
        return is && is->queues.size() == 1 ? is->queues[0].read_queue_nums : 0;
    };
    for (const std::int32_t queues : {1, 3, 2}) {
        for (const char* name : {"A", "B"}) {
            broker::TopicConfig config;
            config.name = name;
            config.read_queues = config.write_queues = queues;
            REQUIRE(broker->topics().put(std::move(config)));
        }
    }
    const auto give_up = monotonic_ms() + 10'000;
    while (queues_of("A") != 2 || queues_of("B") != 2) REQUIRE(monotonic_ms() < give_up);

    registrar.stop(5000);
    CHECK(route("T").code == rc::topic_not_exist);
}

TEST_CASE_FIXTURE(Fixture, "a broker that is refused at its start leaves the other one alone") {
    start();
    namesrv::Options options;
    options.kv_config_path = folder.path / "kv.json";
    auto namesrv = namesrv::Namesrv::open(options, open_gate);
    REQUIRE(namesrv);
    auto listening = remoting::Server::listen(threads, "127.0.0.1:0", **namesrv);
    REQUIRE(listening);
    const auto at = "127.0.0.1:" + std::to_string((*listening)->port());
    front::rocketmq::Registrar first(*broker, threads.at(1), {address(), "1"}, {at});
    REQUIRE(first.start(5000));
    {
        front::rocketmq::Registrar second(*broker, threads.at(1), {"127.0.0.1:2", "2"}, {at});
        std::string why;
        second.on_refusal([&why](const std::string& is) { why = is; });
        const auto refused = second.start(5000);
        REQUIRE(!refused);
        CHECK(refused.error().code == Errc::refused);
        CHECK(refused.error().what.find(address() + " holds the name ") != std::string::npos);
        CHECK(!why.empty());
    }
    Client asks(threads.at(0), at);
    const auto route = [&] {
        return asks.call(code::get_routeinfo_by_topic, wire::GetRouteInfo{"TBW102", true});
    };
    const auto known = wire::TopicRouteData::read(route().body);
    REQUIRE(known);
    CHECK(known->brokers.at(0).broker_addrs.at(0) == address());
    // The same store at another address is the same broker.
    front::rocketmq::Registrar moved(*broker, threads.at(1), {"127.0.0.1:2", "1"}, {at});
    REQUIRE(moved.start(5000));
    first.stop(5000);
    CHECK(wire::TopicRouteData::read(route().body)->brokers.at(0).broker_addrs.at(0) ==
          "127.0.0.1:2");
    moved.stop(5000);
}

TEST_CASE_FIXTURE(Fixture, "of two name servers the first says which topics are ordered") {
    start();
    std::vector<std::unique_ptr<namesrv::Namesrv>> namesrvs;
    std::vector<std::unique_ptr<remoting::Server>> listening;
    std::vector<std::string> addresses;
    for (const std::string topic : {"T", "U"}) {
        broker::TopicConfig config;
        config.name = topic;
        REQUIRE(broker->topics().put(std::move(config)));
        namesrv::Options options;
        options.kv_config_path = folder.path / (topic + ".json");
        namesrvs.push_back(std::move(*namesrv::Namesrv::open(options, open_gate)));
        listening.push_back(
            std::move(*remoting::Server::listen(threads, "127.0.0.1:0", *namesrvs.back())));
        addresses.push_back("127.0.0.1:" + std::to_string(listening.back()->port()));
        const wire::RawHeader order{
            {{"namespace", "ORDER_TOPIC_CONFIG"}, {"key", topic}, {"value", "b:4"}}};
        Client asks(threads.at(0), addresses.back());
        REQUIRE(asks.call(code::put_kv_config, order).code == rc::success);
    }
    front::rocketmq::Registrar registrar(*broker, threads.at(1), {address(), "1"}, addresses);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(registrar.start(5000));  // waits for both
        CHECK(broker->topics().find("T")->config().order);
        CHECK_FALSE(broker->topics().find("U")->config().order);
    }
    registrar.stop(5000);
}

TEST_CASE_FIXTURE(Fixture, "a name server that comes back is told everything") {
    start();
    namesrv::Options options;
    options.kv_config_path = folder.path / "kv.json";
    std::string at = "127.0.0.1:0";
    net::IoThreads first_threads(1, "test-ns");
    auto first = namesrv::Namesrv::open(options, open_gate);
    REQUIRE(first);
    auto first_server = remoting::Server::listen(first_threads, at, **first);
    REQUIRE(first_server);
    at = "127.0.0.1:" + std::to_string((*first_server)->port());
    front::rocketmq::Registrar registrar(*broker, threads.at(1), {address(), "1"}, {at});
    REQUIRE(registrar.start(5000));
    first_threads.stop();
    first_server->reset();

    auto second = namesrv::Namesrv::open(options, open_gate);
    REQUIRE(second);
    auto second_server = remoting::Server::listen(threads, at, **second);
    REQUIRE(second_server);
    Client asks(threads.at(0), at);
    const auto give_up = monotonic_ms() + 10'000;
    while (asks.call(code::get_routeinfo_by_topic, wire::GetRouteInfo{"TBW102", true}).code !=
           rc::success)
        REQUIRE(monotonic_ms() < give_up);
    registrar.stop(5000);
    threads.stop();  // before `second`, which its sessions use
}
