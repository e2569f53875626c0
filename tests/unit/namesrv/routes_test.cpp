#include <doctest/doctest.h>

#include "namesrv/routes.h"

using namespace mqd;
using namespace mqd::namesrv;

namespace {

wire::TopicConfig topic(std::string name, std::int32_t perm = 6, std::int32_t queues = 4,
                        std::int32_t flag = 0) {
    wire::TopicConfig config;
    config.topic_name = std::move(name);
    config.perm = perm;
    config.read_queue_nums = config.write_queue_nums = queues;
    config.topic_sys_flag = flag;
    return config;
}

// Brokers register with a body per version, as they do.
struct Fixture {
    Routes routes{{}};
    std::int64_t now = 1000;

    Registration who(std::string broker, std::int64_t id = 0, std::string address = {}) {
        Registration r;
        r.cluster = "C";
        r.broker = broker;
        r.id = id;
        r.address = address.empty() ? broker + ":" + std::to_string(10911 + id) : address;
        r.ha_address = r.address + "1";
        r.connection = 7;
        r.body_bytes = 1;
        return r;
    }
    Routes::Registered add(const Registration& r, std::vector<wire::TopicConfig> topics,
                           std::int64_t version = 1, std::int64_t state_version = 0) {
        return routes.add(r, {{state_version, version, version}, std::move(topics), {}}, now);
    }
    wire::TopicRouteData route(std::string_view name) {
        const auto text = routes.route(name);
        if (text == nullptr) return {};
        const auto data = wire::TopicRouteData::read(*text);
        REQUIRE(data);
        return *data;
    }
    /// `broker:perm:queues` of each.
    std::string queues(std::string_view name) {
        std::string out;
        for (const auto& q : route(name).queues)
            out += q.broker_name + ":" + std::to_string(q.perm) + ":" +
                   std::to_string(q.read_queue_nums) + " ";
        return out;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a registered broker is in the route of its topics, and in no other") {
    CHECK(routes.route("T") == nullptr);
    const auto first = add(who("a"), {topic("T"), topic("U")});
    CHECK(first.is_new);
    add(who("b"), {topic("T", 6, 8)});
    CHECK(queues("T") == "a:6:4 b:6:8 ");
    CHECK(queues("U") == "a:6:4 ");
    CHECK(routes.route("V") == nullptr);
    const auto data = route("U");
    REQUIRE(data.brokers.size() == 1);
    CHECK(data.brokers[0].cluster == "C");
    CHECK(data.brokers[0].master_address() == "a:10911");
}

TEST_CASE_FIXTURE(Fixture, "the route is written as clients take it apart") {
    add(who("a"), {topic("T")});
    CHECK(*routes.route("T") ==
          R"({"brokerDatas":[{"brokerAddrs":{"0":"a:10911"},"brokerName":"a","cluster":"C",)"
          R"("enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"a",)"
          R"("perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]})");
}

TEST_CASE_FIXTURE(Fixture, "an encoded route is kept until something in it changes") {
    add(who("a"), {topic("T"), topic("U")});
    const auto before = routes.route("T");
    CHECK(routes.route("T").get() == before.get());
    add(who("a"), {topic("T"), topic("U", 4)}, 2);
    CHECK(routes.route("T").get() == before.get());
    CHECK(queues("U") == "a:4:4 ");
    add(who("a"), {topic("T", 4)}, 3);
    CHECK(queues("T") == "a:4:4 ");
}

TEST_CASE_FIXTURE(Fixture, "a slave that goes leaves the routes that were encoded with it") {
    add(who("a"), {topic("T")});
    add(who("a", 1), {});
    CHECK(route("T").brokers[0].broker_addrs.size() == 2);
    SUBCASE("in order") {
        routes.unregister("a", 1, "a:10912");
    }
    SUBCASE("with its connection") {
        auto slave = who("a", 1);
        slave.connection = 8;
        add(slave, {}, 2);
        CHECK(route("T").brokers[0].broker_addrs.size() == 2);
        routes.connection_closed(8);
    }
    CHECK(route("T").brokers[0].broker_addrs ==
          std::map<std::int64_t, std::string>{{0, "a:10911"}});
}

TEST_CASE_FIXTURE(Fixture, "a first registration with a single topic is accepted") {
    add(who("a"), {topic("T")});
    CHECK(queues("T") == "a:6:4 ");
}

TEST_CASE_FIXTURE(Fixture, "a later registration adds and changes topics but takes none away") {
    add(who("a"), {topic("T"), topic("U")});
    add(who("a"), {topic("V")}, 2);
    CHECK(routes.topics() == std::vector<std::string>{"T", "U", "V"});
}

TEST_CASE("with deleteTopicWithBrokerRegistration a registration is the whole truth") {
    Fixture f;
    f.routes.configure({.delete_topic_with_registration = true});
    f.add(f.who("b"), {topic("U")});
    f.add(f.who("a"), {topic("T"), topic("U")});
    f.add(f.who("a"), {topic("T")}, 2);
    CHECK(f.queues("T") == "a:6:4 ");
    CHECK(f.queues("U") == "b:6:4 ");
}

TEST_CASE_FIXTURE(Fixture, "an equal version changes nothing but what is missing") {
    add(who("a"), {topic("T"), topic("U")});
    routes.delete_topic("U", std::nullopt);
    add(who("a"), {topic("T", 2), topic("U")});
    CHECK(queues("T") == "a:6:4 ");
    CHECK(queues("U") == "a:6:4 ");
}

TEST_CASE_FIXTURE(Fixture, "a slave adds its address and no topics, and learns its master") {
    const auto early = add(who("a", 1), {topic("T")});
    CHECK(!early.master_address);
    CHECK(routes.route("T") == nullptr);
    add(who("a"), {topic("T")});
    const auto late = add(who("a", 1), {topic("U")}, 2);
    CHECK(late.master_address == "a:10911");
    CHECK(late.master_ha_address == "a:109111");
    CHECK(routes.route("U") == nullptr);
    CHECK(route("T").brokers[0].broker_addrs ==
          std::map<std::int64_t, std::string>{{0, "a:10911"}, {1, "a:10912"}});
}

TEST_CASE_FIXTURE(Fixture, "the lowest id leads without a master, read-only, if it is of 5.x") {
    routes.configure({.support_acting_master = true});
    auto slave = who("a", 1);
    slave.enable_acting_master = true;
    add(slave, {topic("T")});
    CHECK(queues("T") == "a:4:4 ");
    CHECK(route("T").brokers[0].broker_addrs ==
          std::map<std::int64_t, std::string>{{0, "a:10912"}});
    auto master = who("a");
    master.enable_acting_master = true;
    add(master, {topic("T")});
    CHECK(queues("T") == "a:6:4 ");
    CHECK(route("T").brokers[0].broker_addrs.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "an address under a new id leaves the old one") {
    add(who("a", 1, "h:1"), {});
    add(who("a", 0, "h:1"), {topic("T")}, 2);
    CHECK(route("T").brokers[0].broker_addrs == std::map<std::int64_t, std::string>{{0, "h:1"}});
}

TEST_CASE_FIXTURE(Fixture, "a newcomer takes over an id unless its state is older") {
    add(who("a", 0, "h:1"), {topic("T")}, 1, 5);
    CHECK(add(who("a", 0, "h:2"), {topic("T")}, 2, 4).is_ignored);
    CHECK(route("T").brokers[0].master_address() == "h:1");
    CHECK(add(who("a", 0, "h:2"), {topic("T", 4)}, 1, 5).is_new);
    CHECK(route("T").brokers[0].master_address() == "h:2");
    CHECK(queues("T") == "a:4:4 ");
}

TEST_CASE_FIXTURE(Fixture, "a known body is refreshed without being read") {
    CHECK(!routes.refresh(who("a"), now));
    add(who("a"), {topic("T")});
    CHECK(routes.refresh(who("a"), now));
    auto other = who("a");
    other.body_crc = 1;
    CHECK(!routes.refresh(other, now));
    CHECK(!routes.refresh(who("a", 0, "elsewhere:1"), now));
    auto moved = who("a");
    moved.cluster = "D";
    CHECK(!routes.refresh(moved, now));
    routes.delete_topic("T", std::nullopt);
    CHECK(!routes.refresh(who("a"), now));
}

TEST_CASE_FIXTURE(Fixture, "a broker that unregisters takes its topics with it") {
    add(who("a"), {topic("T"), topic("U")});
    add(who("b"), {topic("T")});
    const auto gone = routes.unregister("a", 0, "a:10911");
    REQUIRE(gone.size() == 1);
    CHECK(gone[0].address == "a:10911");
    CHECK(queues("T") == "b:6:4 ");
    CHECK(routes.route("U") == nullptr);
    CHECK(routes.unregister("a", 0, "a:10911").empty());
}

TEST_CASE_FIXTURE(Fixture, "who unregisters takes out itself, and no other of its name") {
    add(who("a"), {topic("T")});
    CHECK(routes.unregister("a", 0, "elsewhere:10911").empty());
    CHECK(queues("T") == "a:6:4 ");
}

TEST_CASE_FIXTURE(Fixture, "of two stores with one name and id the one that was there stays") {
    auto first = who("a"), second = who("a", 0, "other:10911");
    first.store = "1";
    second.store = "2";
    second.connection = 8;
    add(first, {topic("T")});
    now += 10'000;
    const auto refused = add(second, {topic("T"), topic("U")});
    REQUIRE(refused.holder);
    CHECK(*refused.holder == "a:10911");
    CHECK(refused.is_first_refusal);
    CHECK(route("T").brokers[0].master_address() == "a:10911");
    CHECK(routes.route("U") == nullptr);
    CHECK_FALSE(add(second, {topic("T")}).is_first_refusal);

    // The first learns of it, once.
    const auto known = routes.refresh(first, now);
    REQUIRE(known);
    REQUIRE(known->refused);
    CHECK(*known->refused == "other:10911");
    CHECK(!routes.refresh(first, now)->refused);
    CHECK(add(second, {topic("T")}).is_first_refusal);
    CHECK(*add(first, {topic("T")}, 2).refused == "other:10911");

    // It was not heard of for too long.
    now += 10'001;
    const auto taken = add(second, {topic("T")});
    CHECK(!taken.holder);
    CHECK(taken.is_new);
    CHECK(route("T").brokers[0].master_address() == "other:10911");
    CHECK(*add(first, {topic("T")}).holder == "other:10911");
}

TEST_CASE_FIXTURE(Fixture, "a sign of life counts, and a closed connection ends it") {
    auto first = who("a"), second = who("a", 0, "other:10911");
    first.store = "1";
    second.store = "2";
    add(first, {topic("T")});
    now += 9'000;
    routes.heartbeat("a", "a:10911", std::nullopt, now);
    now += 9'000;
    CHECK(add(second, {topic("T")}).holder);
    routes.connection_closed(first.connection);
    CHECK(!add(second, {topic("T")}).holder);
}

TEST_CASE_FIXTURE(Fixture, "a moved broker, a newer state and RocketMQ's brokers get through") {
    auto first = who("a"), second = who("a", 0, "other:10911");
    first.store = second.store = "1";
    add(first, {topic("T")});
    CHECK(!add(second, {topic("T")}).holder);
    first.store = "2";
    CHECK(add(first, {topic("T")}, 1, 0).holder);
    CHECK(!add(first, {topic("T")}, 1, 1).holder);
    second.store.clear();
    CHECK(!add(second, {topic("T")}, 1, 1).holder);
    CHECK(!add(first, {topic("T")}, 1, 1).holder);
    auto slave = who("a", 1, "slave:10911");
    slave.store = "3";
    CHECK(!add(slave, {topic("T")}).holder);
}

TEST_CASE_FIXTURE(Fixture, "two stores that say one address are two all the same") {
    auto first = who("a"), second = who("a");
    first.store = "1";
    second.store = "2";
    add(first, {topic("T")});
    CHECK(!routes.refresh(second, now));
    CHECK(add(second, {topic("T")}).holder);
}

TEST_CASE_FIXTURE(Fixture, "a closed connection drops what was last registered over it") {
    auto a = who("a"), b = who("b");
    add(a, {topic("T")});
    b.connection = 8;
    add(b, {topic("T")});
    a.connection = 9;
    REQUIRE(routes.refresh(a, now));
    CHECK(routes.connection_closed(7).empty());
    CHECK(routes.connection_closed(8).size() == 1);
    CHECK(queues("T") == "a:6:4 ");
    CHECK(routes.connection_closed(9).size() == 1);
    CHECK(routes.route("T") == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a silent broker expires, by its own limit if it gave one") {
    auto a = who("a"), b = who("b");
    b.timeout_ms = 10'000;
    add(a, {topic("T")});
    add(b, {topic("T")});
    CHECK(routes.expire(now + 10'000).empty());
    CHECK(routes.expire(now + 10'001).size() == 1);
    CHECK(queues("T") == "a:6:4 ");
    REQUIRE(routes.refresh(a, now + 100'000));
    CHECK(routes.expire(now + 220'000).empty());
    routes.heartbeat("a", "a:10911", std::nullopt, now + 220'000);
    CHECK(routes.version("a", "a:10911", now + 300'000)->counter == 1);
    CHECK(routes.expire(now + 420'000).empty());
    CHECK(routes.expire(now + 420'001).size() == 1);
    routes.heartbeat("a", "a:10911", std::nullopt, now);
    CHECK(!routes.version("a", "a:10911", now));
    CHECK(routes.cluster_info().brokers.empty());
}

TEST_CASE_FIXTURE(Fixture, "wiped write permission outlives registrations") {
    add(who("a"), {topic("T"), topic("R", 4)});
    add(who("b"), {topic("T")});
    CHECK(routes.wipe_write("a") == 2);
    CHECK(queues("T") == "a:4:4 b:6:4 ");
    add(who("a"), {topic("T"), topic("R", 4), topic("N")}, 2);
    CHECK(queues("T") == "a:4:4 b:6:4 ");
    CHECK(queues("N") == "a:4:4 ");
    CHECK(routes.restore_write("a") == 3);
    CHECK(queues("T") == "a:6:4 b:6:4 ");
    CHECK(queues("R") == "a:4:4 ");
    CHECK(routes.wipe_write("nobody") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a wipe ends when the broker unregisters, not when its line breaks") {
    add(who("a"), {topic("T")});
    routes.wipe_write("a");
    routes.connection_closed(7);
    add(who("a"), {topic("T")});
    CHECK(queues("T") == "a:4:4 ");
    routes.unregister("a", 0, "a:10911");
    add(who("a"), {topic("T")});
    CHECK(queues("T") == "a:6:4 ");
}

TEST_CASE_FIXTURE(Fixture, "a topic is deleted everywhere, or in one cluster") {
    auto d = who("d");
    d.cluster = "D";
    add(who("a"), {topic("T")});
    add(d, {topic("T")});
    CHECK(!routes.delete_topic("T", "E"));
    CHECK(routes.delete_topic("T", "C"));
    CHECK(queues("T") == "d:6:4 ");
    CHECK(routes.delete_topic("T", std::nullopt));
    CHECK(routes.route("T") == nullptr);
    CHECK(!routes.delete_topic("T", std::nullopt));
}

TEST_CASE_FIXTURE(Fixture, "topics are listed by cluster and by their unit flags") {
    auto d = who("d");
    d.cluster = "D";
    add(who("a"), {topic("T"), topic("unit", 6, 4, 1), topic("sub", 6, 4, 2)});
    add(d, {topic("both", 6, 4, 3), topic("T")});
    using Names = std::vector<std::string>;
    CHECK(routes.topics() == Names{"T", "both", "sub", "unit"});
    CHECK(routes.topics_of_cluster("D") == Names{"T", "both"});
    CHECK(routes.topics_of_cluster("E").empty());
    CHECK(routes.topics_with_flag(1, 0) == Names{"both", "unit"});
    CHECK(routes.topics_with_flag(2, 0) == Names{"both", "sub"});
    CHECK(routes.topics_with_flag(2, 1) == Names{"sub"});
}

TEST_CASE_FIXTURE(Fixture, "queues are added by hand for brokers that are known") {
    add(who("a"), {topic("T")});
    routes.add_queue("N", {"a", 2, 2, 6, 0});
    routes.add_queue("N", {"stranger", 2, 2, 6, 0});
    CHECK(queues("N") == "a:6:2 ");
}

TEST_CASE_FIXTURE(Fixture, "clusters and members are told apart") {
    add(who("a"), {topic("T")});
    add(who("a", 1), {});
    add(who("b"), {});
    const auto info = routes.cluster_info();
    CHECK(info.clusters.at("C") == std::vector<std::string>{"a", "b"});
    CHECK(info.brokers.at("a").broker_addrs.size() == 2);
    CHECK(routes.members("C", "a").broker_addrs.at(1) == "a:10912");
    CHECK(routes.members("D", "a").broker_addrs.empty());
}
