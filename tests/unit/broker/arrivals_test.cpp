#include "broker/arrivals.h"

#include <array>
#include <map>

#include "broker/clients.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
using broker::Arrivals;
using State = Arrivals::Parked::State;

namespace {

struct Fixture {
    ManualClock clock;
    FakeQueue queue;
    Arrivals arrivals{clock, 3};
    int woken = 0;

    Arrivals::Parked park(std::int64_t wait_ms = 15'000,
                          std::shared_ptr<const store::ReadFilter> filter = {}) {
        Arrivals::Wait wait;
        wait.queue = &queue;
        wait.from = queue.end;
        wait.filter = std::move(filter);
        wait.deadline_ms = clock.now_ms + wait_ms;
        wait.wake = [this] { ++woken; };
        return arrivals.park(std::move(wait));
    }
    void arrive(std::int64_t code = 0) {
        store::Arrival arrival;
        arrival.queue = &queue;
        arrival.offset = queue.end;
        arrival.tags_code = code;
        queue.end = queue.end + 1;
        if (queue.watched()) arrivals.arrived({&arrival, 1});
    }
};

broker::SubscriptionRef tagged(std::string tags) {
    auto made = broker::Subscription::make("T", std::move(tags), "TAG", 1);
    REQUIRE(made);
    return *made;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a waiting read is woken once, by the first message") {
    CHECK(park().state == State::waiting);
    CHECK(queue.watched());
    arrive();
    arrive();
    CHECK(woken == 1);
    CHECK_FALSE(queue.watched());
    CHECK(arrivals.waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a read that waits for several queues is woken once, by any of them") {
    FakeQueue other;
    other.number = 1;
    other.end = {5};
    Arrivals::Wait wait;
    wait.queue = &queue;
    wait.from = queue.end;
    wait.more = {{&other, other.end}};
    wait.deadline_ms = clock.now_ms + 15'000;
    wait.wake = [this] { ++woken; };
    SUBCASE("one of them has more already") {
        wait.more[0].from = {4};
        CHECK(arrivals.park(std::move(wait)).state == State::grown);
    }
    SUBCASE("one of them is gone") {
        other.is_deleted = true;
        CHECK(arrivals.park(std::move(wait)).state == State::gone);
    }
    SUBCASE("a message comes to one of them") {
        REQUIRE(arrivals.park(std::move(wait)).state == State::waiting);
        CHECK(other.watched());
        store::Arrival arrival;
        arrival.queue = &other;
        arrival.offset = {4};  // it knows of this one
        arrivals.arrived({&arrival, 1});
        CHECK(woken == 0);
        arrival.offset = {5};
        arrivals.arrived({&arrival, 1});
        arrive();
        CHECK(woken == 1);
    }
    SUBCASE("the sweep finds more in both") {
        REQUIRE(arrivals.park(std::move(wait)).state == State::waiting);
        queue.end = queue.end + 1;
        other.end = other.end + 1;
        clock.now_ms += Arrivals::sweep_ms;
        arrivals.run_due();
        CHECK(woken == 1);
    }
    SUBCASE("it is cancelled") {
        const auto parked = arrivals.park(std::move(wait));
        arrivals.cancel(parked.id);
        CHECK(woken == 0);
    }
    CHECK_FALSE(queue.watched());
    CHECK_FALSE(other.watched());
    CHECK(arrivals.waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a message that came before the parking is not waited for") {
    Arrivals::Wait wait;
    wait.queue = &queue;
    wait.wake = [] {};
    queue.end = QueueOffset{1};
    CHECK(arrivals.park(std::move(wait)).state == State::grown);
    CHECK_FALSE(queue.watched());
}

TEST_CASE_FIXTURE(Fixture, "a message before the one that is waited for wakes nobody") {
    queue.end = {5};
    CHECK(park().state == State::waiting);
    store::Arrival late;
    late.queue = &queue;
    late.offset = {4};
    arrivals.arrived({&late, 1});
    CHECK(woken == 0);
    CHECK(arrivals.waiting() == 1);
    arrive();
    CHECK(woken == 1);
}

TEST_CASE_FIXTURE(Fixture, "a message with another tag wakes nobody until the sweep") {
    park(15'000, tagged("TagA"));
    arrive(2598920);  // TagB
    CHECK(woken == 0);
    clock.now_ms += Arrivals::sweep_ms - 1;
    CHECK(arrivals.run_due() == 1);
    CHECK(woken == 0);
    clock.now_ms += 1;
    arrivals.run_due();
    CHECK(woken == 1);
}

TEST_CASE_FIXTURE(Fixture, "a matching tag wakes at once, and only those that want it") {
    park(15'000, tagged("TagA"));
    park(15'000, tagged("TagA || TagB"));
    arrive(2598920);
    CHECK(woken == 1);
    CHECK(arrivals.waiting() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a deadline is kept to the millisecond and the nearest is slept for") {
    park(1500);
    park(900);
    CHECK(arrivals.run_due() == 900);
    clock.now_ms += 899;
    CHECK(arrivals.run_due() == 1);
    CHECK(woken == 0);
    clock.now_ms += 1;
    CHECK(arrivals.run_due() == 600);
    CHECK(woken == 1);
    clock.now_ms += 600;
    CHECK(arrivals.run_due() == -1);
    CHECK(woken == 2);
}

TEST_CASE("a sweep that finds many wakes them in portions, each once") {
    constexpr std::size_t portion = Arrivals::sweep_wakes;
    ManualClock clock;
    std::array<FakeQueue, 3> queues;
    Arrivals arrivals(clock, 1000);
    std::map<int, int> woken;
    for (int i = 0; i < 300; ++i) {
        FakeQueue& queue = queues.at(static_cast<std::size_t>(i) % queues.size());
        Arrivals::Wait wait;
        wait.queue = &queue;
        wait.from = queue.end;
        wait.deadline_ms = clock.now_ms + 60'000;
        wait.wake = [&woken, i] { ++woken[i]; };
        REQUIRE(arrivals.park(std::move(wait)).state == State::waiting);
    }
    queues[0].end = queues[0].end + 1;
    queues[2].end = queues[2].end + 1;
    clock.now_ms += Arrivals::sweep_ms;
    std::int64_t wait_ms = arrivals.run_due();
    CHECK(woken.size() == portion);
    for (int ticks = 0; wait_ms < Arrivals::sweep_ms; ++ticks) {
        REQUIRE(ticks < 200 / static_cast<int>(portion) + 2);
        const std::size_t before = woken.size();
        clock.now_ms += wait_ms;
        wait_ms = arrivals.run_due();
        CHECK(woken.size() <= before + portion);
    }
    CHECK(woken.size() == 200);
    for (const auto& [i, times] : woken) CHECK((i % 3 != 1 && times == 1));
    CHECK(arrivals.waiting() == 100);
}

TEST_CASE_FIXTURE(Fixture, "a sweep leaves alone what nothing came for") {
    park(60'000);
    clock.now_ms += Arrivals::sweep_ms;
    CHECK(arrivals.run_due() == Arrivals::sweep_ms);
    CHECK(woken == 0);
}

TEST_CASE_FIXTURE(Fixture, "a cancelled read is never woken") {
    const auto parked = park();
    arrivals.cancel(parked.id);
    arrivals.cancel(parked.id);
    arrive();
    clock.now_ms += 60'000;
    CHECK(arrivals.run_due() == -1);
    CHECK(woken == 0);
    CHECK_FALSE(queue.watched());
}

TEST_CASE_FIXTURE(Fixture, "more than the limit do not wait") {
    for (int i = 0; i < 3; ++i) CHECK(park().state == State::waiting);
    CHECK(park().state == State::full);
    arrivals.stop();
    CHECK_FALSE(queue.watched());
    CHECK(park().state == State::full);
}

TEST_CASE("the thread keeps a deadline that is nearer than what it slept for") {
    FakeQueue queue;
    Arrivals arrivals(system_clock(), 10);
    Mutex mutex;
    Condition changed;
    int woken = 0;
    const auto park = [&](std::int64_t ms) {
        Arrivals::Wait wait;
        wait.queue = &queue;
        wait.deadline_ms = monotonic_ms() + ms;
        wait.wake = [&] {
            const Lock lock(mutex);
            ++woken;
            changed.notify_all();
        };
        return arrivals.park(std::move(wait)).state == State::waiting;
    };
    arrivals.start();
    CHECK(park(60'000));
    const auto begin = monotonic_ms();
    CHECK(park(30));
    {
        const Lock lock(mutex);
        while (woken == 0) changed.wait(mutex);
    }
    const auto took = monotonic_ms() - begin;
    CHECK(took >= 30);
    CHECK(took < 5000);
    arrivals.stop();
}

TEST_CASE("a hundred thousand reads wait for one queue and all are cancelled") {
    ManualClock clock;
    FakeQueue queue;
    Arrivals arrivals(clock, 100'000);
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 100'000; ++i) {
        Arrivals::Wait wait;
        wait.queue = &queue;
        wait.deadline_ms = clock.now_ms + i;
        wait.wake = [] {};
        ids.push_back(arrivals.park(std::move(wait)).id);
    }
    CHECK(arrivals.waiting() == 100'000);
    for (const auto id : ids) arrivals.cancel(id);
    CHECK(arrivals.waiting() == 0);
}
