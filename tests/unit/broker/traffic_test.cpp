// Counts over the last minute, hour and day, by a clock that moves when told; and latencies.

#include "broker/traffic.h"

#include "broker/latencies.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
using namespace mqd::broker;

namespace {

struct Counting {
    ManualClock clock;
    Traffic traffic{clock};
    FakeQueue queue, other;

    Counting() { other.number = 1; }
    void pass(std::int64_t ms) {
        for (const std::int64_t end = clock.now_ms + ms; clock.now_ms < end;) {
            clock.now_ms += 1000;
            traffic.sample();
        }
    }
    Traffic::View view(std::string_view name, std::string_view key) const {
        const auto is = traffic.view(name, key);
        REQUIRE(is);
        return *is;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Counting, "what was counted leaves the minute, then the hour, then the day") {
    traffic.puts(queue)->add(10, 1000, 5000);
    pass(10'000);
    auto is = view("TOPIC_PUT_NUMS", "T");
    CHECK(is.minute.sum == 10);
    CHECK(is.minute.tps == doctest::Approx(1));
    CHECK(is.minute.avgpt == doctest::Approx(10));
    CHECK(is.hour.sum == 10);
    CHECK(view("TOPIC_PUT_SIZE", "T").day.sum == 1000);
    CHECK(view("TOPIC_PUT_LATENCY", "0@T").minute.sum == 5);
    CHECK(view("TOPIC_PUT_LATENCY", "0@T").minute.avgpt == doctest::Approx(5));

    pass(40'000);
    CHECK(view("TOPIC_PUT_NUMS", "T").minute.sum == 10);
    pass(20'000);
    is = view("TOPIC_PUT_NUMS", "T");
    CHECK(is.minute.sum == 0);
    CHECK(is.minute.avgpt == 0);
    CHECK(is.hour.sum == 10);

    pass(3'700'000);
    is = view("TOPIC_PUT_NUMS", "T");
    CHECK(is.hour.sum == 0);
    CHECK(is.day.sum == 10);
    CHECK(is.day.tps == doctest::Approx(10.0 / 3770));

    pass(90'000'000);
    CHECK(view("TOPIC_PUT_NUMS", "T").day.sum == 0);
}

TEST_CASE_FIXTURE(Counting, "a steady flow has the same rate in every form") {
    for (int minute = 0; minute < 26 * 60; ++minute) {
        for (int i = 0; i < 6; ++i) {
            traffic.puts(queue)->add(50, 500, 0);
            pass(10'000);
        }
    }
    const auto is = view("QUEUE_PUT_NUMS", "T@0");
    CHECK(is.minute.tps == doctest::Approx(5).epsilon(0.01));
    CHECK(is.hour.tps == doctest::Approx(5).epsilon(0.01));
    CHECK(is.day.tps == doctest::Approx(5).epsilon(0.01));
    CHECK(is.minute.sum == 250);
    CHECK(traffic.put_tps("T") == is.minute.tps);
}

TEST_CASE_FIXTURE(Counting, "keys name a topic, a queue, a group, or all") {
    traffic.puts(queue)->add(1, 10, 0);
    traffic.puts(other)->add(2, 20, 0);
    traffic.gets(queue, "G")->add(4, 40, 2000);
    traffic.gets(other, "H")->add(8, 80, 0);
    traffic.count("SNDBCK_PUT_NUMS", "T", "G");
    pass(1000);
    const auto sum = [&](std::string_view name, std::string_view key) {
        return view(name, key).minute.sum;
    };
    CHECK(sum("TOPIC_PUT_NUMS", "T") == 3);
    CHECK(sum("QUEUE_PUT_SIZE", "T@1") == 20);
    CHECK(sum("BROKER_PUT_NUMS", "C") == 3);
    CHECK(sum("GROUP_GET_NUMS", "T@G") == 4);
    CHECK(sum("GROUP_GET_SIZE", "T@H") == 80);
    CHECK(sum("GROUP_GET_LATENCY", "0@T@G") == 2);
    CHECK(sum("QUEUE_GET_NUMS", "T@1@H") == 8);
    CHECK(sum("BROKER_GET_NUMS", "C") == 12);
    CHECK(sum("SNDBCK_PUT_NUMS", "T@G") == 1);
    CHECK(traffic.get_tps("T", "G") == doctest::Approx(4));

    CHECK_FALSE(traffic.view("NO_SUCH", "T"));
    CHECK_FALSE(traffic.view("TOPIC_PUT_NUMS", "U"));
    CHECK_FALSE(traffic.view("TOPIC_PUT_NUMS", "T@G"));
    CHECK_FALSE(traffic.view("QUEUE_PUT_NUMS", "T@G"));
    CHECK_FALSE(traffic.view("QUEUE_PUT_NUMS", "T@5"));
    CHECK_FALSE(traffic.view("GROUP_GET_NUMS", "T@I"));
    CHECK_FALSE(traffic.view("SNDBCK_PUT_NUMS", "T@H"));
}

TEST_CASE_FIXTURE(Counting, "mean latencies have fractions of a millisecond") {
    traffic.puts(queue)->add(1, 10, 400);
    traffic.puts(queue)->add(1, 10, 900);
    pass(1000);
    CHECK(view("TOPIC_PUT_LATENCY", "0@T").minute.avgpt == doctest::Approx(0.65));
}

TEST_CASE_FIXTURE(Counting, "what is forgotten is counted anew by those who had it at hand") {
    TrafficCache cache(traffic);
    cache.puts(queue).add(1, 1, 0);
    cache.gets(queue, "G").add(1, 1, 0);
    traffic.count("DLQ_PUT_NUMS", "T", "G");
    traffic.forget_topic("T");
    CHECK_FALSE(traffic.view("TOPIC_PUT_NUMS", "T"));
    CHECK_FALSE(traffic.view("GROUP_GET_NUMS", "T@G"));
    CHECK_FALSE(traffic.view("DLQ_PUT_NUMS", "T@G"));
    cache.puts(queue).add(5, 1, 0);
    cache.gets(queue, "G").add(6, 1, 0);
    CHECK(view("TOPIC_PUT_NUMS", "T").day.sum == 5);
    traffic.forget_group("G");
    CHECK_FALSE(traffic.view("GROUP_GET_NUMS", "T@G"));
    CHECK(view("TOPIC_PUT_NUMS", "T").day.sum == 5);
}

TEST_CASE("latencies are told to a quarter, and their maximum exactly") {
    Latencies is;
    CHECK(is.percentile_us(0.99) == 0);
    is.add(100, 989);
    is.add(5000, 10);
    is.add(2'000'000);
    CHECK(is.max_us() == 2'000'000);
    CHECK(is.percentile_us(0.5) >= 100);
    CHECK(is.percentile_us(0.5) < 125);
    CHECK(is.percentile_us(0.99) >= 5000);
    CHECK(is.percentile_us(0.99) < 6250);
    CHECK(is.percentile_us(1) == 2'000'000);
    CHECK(is.text().starts_with("[<=0ms]:989 [0~10ms]:10 [10~50ms]:0 "));
    CHECK(is.text().find("[2~3s]:1 ") != std::string::npos);
    CHECK(is.text().ends_with("[10s~]:0 "));

    // Every step covers what it says.
    for (std::int64_t us = 0; us < 100'000; us = us * 9 / 8 + 1) {
        Latencies one;
        one.add(us, 3);
        one.add(50'000'000);
        CHECK(one.percentile_us(0.7) >= us);
        CHECK(one.percentile_us(0.7) <= us + us / 4);
    }
    Latencies odd;
    odd.add(-1);
    odd.add(1'000'000'000'000);
    CHECK(odd.percentile_us(1) == 1'000'000'000'000);
}

TEST_CASE_FIXTURE(
    Counting, "a group that got nothing for a day is forgotten, and counted again when it does") {
    TrafficCache cache(traffic);
    cache.gets(queue, "once").add(1, 10, 0);
    traffic.count("SNDBCK_PUT_NUMS", "T", "once");
    cache.gets(queue, "daily").add(1, 10, 0);
    pass(86'000'000);
    CHECK(view("GROUP_GET_NUMS", "T@once").day.sum == 1);
    cache.gets(queue, "daily").add(1, 10, 0);
    pass(8'000'000);
    CHECK_FALSE(traffic.view("GROUP_GET_NUMS", "T@once"));
    CHECK_FALSE(traffic.view("SNDBCK_PUT_NUMS", "T@once"));
    CHECK(view("GROUP_GET_NUMS", "T@daily").day.sum == 1);
    cache.gets(queue, "once").add(2, 20, 0);
    CHECK(view("GROUP_GET_NUMS", "T@once").day.sum == 2);
}
