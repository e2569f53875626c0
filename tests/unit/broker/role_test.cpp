// Leading and following: what waits in the store is delivered by the leader alone.

#include "broker/role.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "running.h"

using namespace mqd;
using namespace mqd::test;

TEST_CASE_FIXTURE(Running, "a broker that follows takes nothing in and delivers nothing" *
                               doctest::test_suite("slow")) {
    auto& ask = *this;
    settings.delays.levels = "3s";
    start();
    CHECK(ask("put T 0 a") == "0");
    CHECK(ask("later T 1 b") == "0");
    CHECK(ask("get G T 20000 1 0@0") == "0 found 1 a");
    REQUIRE(broker->follow());
    CHECK(broker->leading() == nullptr);
    CHECK(ask("put T 0 x") == "refused: the broker[b] follows another one");
    CHECK(ask("later T 1 x") == "refused: the broker[b] follows another one");
    CHECK(ask("get G T 4000 1 0@1") == "0 none 1");  // due meanwhile
    REQUIRE(broker->follow());
    REQUIRE(broker->lead());
    REQUIRE(broker->lead());
    CHECK(ask("get G T 20000 1 0@1") == "0 found 2 b");
    CHECK(ask("put T 0 c") == "2");
    CHECK(ask("get G T 20000 1 0@2") == "0 found 3 c");
    CHECK(ask("get G T 20000 1 0@0") == "0 found 3 a b c");
}

TEST_CASE_FIXTURE(Running, "nothing is delivered twice because the broker has followed meanwhile") {
    auto& ask = *this;
    start();
    CHECK(ask("put T 0 a") == "0");
    until_dispatched();
    for (int round = 1; round <= 5; ++round) {
        CHECK(ask("later T 1 b") == std::to_string(round - 1));
        REQUIRE(broker->follow());
        REQUIRE(broker->lead());
        CHECK(ask(fmt::format("get G T 20000 1 0@{}", round)) ==
              fmt::format("0 found {} b", round + 1));
    }
    REQUIRE(broker->follow());
    REQUIRE(broker->lead());
    CHECK(ask("put T 0 end") == "6");
}

TEST_CASE_FIXTURE(Running, "a broker can begin as a follower, and stop as one" *
                               doctest::test_suite("slow")) {
    auto& ask = *this;
    settings.delays.levels = "4s";
    start();
    CHECK(ask("later T 1 a") == "0");
    stop();
    leads = false;
    start();
    CHECK(ask("get G T 5000 1 0@0").starts_with("0 none"));  // due meanwhile
    SUBCASE("it stops") {
        stop();
        leads = true;
        start();
    }
    SUBCASE("it leads") {
        REQUIRE(broker->lead());
    }
    CHECK(ask("get G T 20000 1 0@0") == "0 found 1 a");
}

TEST_CASE("leading ends when the last lease has come back") {
    broker::Role role;
    CHECK(role.lease() == nullptr);
    CHECK(role.take_away() == nullptr);
    role.give(std::make_unique<broker::Leading>());
    auto lease = role.lease();
    REQUIRE(lease != nullptr);
    std::atomic<bool> is_away = false;
    std::thread follower([&] {
        CHECK(role.take_away() != nullptr);
        is_away = true;
    });
    const auto give_up = monotonic_ms() + 30'000;
    while (role.lease() != nullptr && monotonic_ms() < give_up) std::this_thread::yield();
    CHECK(role.lease() == nullptr);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // in which it must not get away
    CHECK_FALSE(is_away);
    lease.reset();
    follower.join();
    CHECK(is_away);
    role.give(std::make_unique<broker::Leading>());
    CHECK(role.lease() != nullptr);
    CHECK(role.take_away() != nullptr);
}
