#include "client/allocate.h"

#include <doctest/doctest.h>

#include <vector>

#include "client/queues.h"

using namespace mqd::client;

namespace {

using Shares = std::vector<std::pair<std::size_t, std::size_t>>;

Shares shares(std::size_t queues, std::size_t members) {
    Shares all;
    for (std::size_t i = 0; i < members; ++i) all.push_back(average_share(queues, members, i));
    return all;
}

}  // namespace

TEST_CASE("queues are shared out as RocketMQ's AVG does") {
    CHECK(shares(8, 3) == Shares{{0, 3}, {3, 6}, {6, 8}});
    CHECK(shares(4, 3) == Shares{{0, 2}, {2, 3}, {3, 4}});
    CHECK(shares(10, 4) == Shares{{0, 3}, {3, 6}, {6, 8}, {8, 10}});
    CHECK(shares(12, 5) == Shares{{0, 3}, {3, 6}, {6, 8}, {8, 10}, {10, 12}});
    CHECK(shares(1, 1) == Shares{{0, 1}});
}

TEST_CASE("members beyond the number of queues get none") {
    CHECK(shares(3, 4) == Shares{{0, 1}, {1, 2}, {2, 3}, {3, 3}});
    CHECK(shares(1, 2) == Shares{{0, 1}, {1, 1}});
    CHECK(shares(0, 2) == Shares{{0, 0}, {0, 0}});
}

TEST_CASE("every queue has one owner, however many there are of both") {
    for (std::size_t members = 1; members <= 9; ++members) {
        for (std::size_t queues = 0; queues <= 40; ++queues) {
            std::size_t expected = 0;
            for (const auto& [begin, end] : shares(queues, members)) {
                if (begin == end) continue;
                REQUIRE(begin == expected);
                expected = end;
            }
            REQUIRE(expected == queues);
        }
    }
}

TEST_CASE("members stand in the order of their ids' bytes, and a stranger gets nothing") {
    CHECK(average_share(4, {"b", "a"}, "a") == std::pair<std::size_t, std::size_t>{0, 2});
    CHECK(average_share(4, {"b", "a"}, "b") == std::pair<std::size_t, std::size_t>{2, 4});
    CHECK(average_share(4, {"b", "a"}, "c") == std::pair<std::size_t, std::size_t>{0, 0});
}

TEST_CASE("messages go to writeable queues of masters, and come from readable ones of anybody") {
    const auto route = mqd::wire::TopicRouteData::read(
        R"({"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:1",1:"10.0.0.2:1"},"brokerName":"b"},)"
        R"({"brokerAddrs":{"1":"10.0.0.3:1"},"brokerName":"a"}],)"
        R"("queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":1,"writeQueueNums":2},)"
        R"({"brokerName":"a","perm":6,"readQueueNums":1,"writeQueueNums":1},)"
        R"({"brokerName":"gone","perm":6,"readQueueNums":1,"writeQueueNums":1}]})");
    REQUIRE(route);
    const auto out = publish_queues("T", *route);
    REQUIRE(out.size() == 2);
    CHECK(out[0] == Queue{"T", "b", 0, "10.0.0.1:1"});
    CHECK(out[1] == Queue{"T", "b", 1, "10.0.0.1:1"});
    const auto in = subscribe_queues("T", *route);
    REQUIRE(in.size() == 2);
    CHECK(in[0] == Queue{"T", "a", 0, {}});
    CHECK(in[0].address == "10.0.0.3:1");
    CHECK(in[1] == Queue{"T", "b", 0, {}});
}

TEST_CASE("an order topic's configuration settles where messages go") {
    auto route = mqd::wire::TopicRouteData::read(
        R"({"brokerDatas":[{"brokerAddrs":{"0":"10.0.0.1:1"},"brokerName":"b"}],)"
        R"("orderTopicConf":"b:3;gone:2","queueDatas":[]})");
    REQUIRE(route);
    CHECK(publish_queues("T", *route).size() == 3);
}
