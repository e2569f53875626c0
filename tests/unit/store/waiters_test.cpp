#include "store/waiters.h"

#include <algorithm>
#include <future>

#include "support.h"

namespace mqd::store::test {
namespace {

/// A mark, and who waits for it, with how often and with what each was told.
struct World {
    std::atomic<std::int64_t> mark = 0;
    Lateness lateness;
    Waiters waiters{lateness, [this] { return mark.load(); }};

    World() { lateness.start({&waiters}); }
    ~World() {
        lateness.stop();
        waiters.close();
    }
    void move(std::int64_t to) {
        mark = to;
        waiters.reached();
    }
};

struct Told {
    std::atomic<int> yes = 0, no = 0;
    std::function<void(bool)> here() {
        return [this](bool reached) { ++(reached ? yes : no); };
    }
    int all() const { return yes + no; }
};

}  // namespace

TEST_CASE("a waiter is told once, when the mark is there and not before") {
    World world;
    Told below, at, above;
    world.waiters.add(9, 60'000, below.here());
    world.waiters.add(10, 60'000, at.here());
    world.waiters.add(11, 60'000, above.here());
    world.move(8);
    CHECK(below.all() + at.all() + above.all() == 0);
    world.move(10);
    CHECK(below.yes == 1);
    CHECK(at.yes == 1);
    CHECK(above.all() == 0);
    world.move(10);
    world.move(500);
    CHECK(below.all() + at.all() + above.all() == 3);
    CHECK(above.yes == 1);
    CHECK(world.waiters.empty());
}

TEST_CASE("a waiter whose mark is there already is told at once") {
    World world;
    world.mark = 10;
    Told told;
    world.waiters.add(10, 0, told.here());
    CHECK(told.yes == 1);
    CHECK(world.waiters.empty());
}

TEST_CASE("waiters time out in the order of their times, not in that of their coming") {
    World world;
    Told late, soon, never;
    world.waiters.add(1, 60'000, late.here());
    world.waiters.add(1, INT64_MAX, never.here());
    world.waiters.add(1, 1, soon.here());
    CHECK(eventually([&] { return soon.no == 1; }));
    CHECK(late.all() + never.all() == 0);
    // Told anew after the thread has looked at what is left.
    Told again;
    world.waiters.add(1, 1, again.here());
    CHECK(eventually([&] { return again.no == 1; }));
    world.move(1);
    CHECK(late.yes + never.yes == 2);
    CHECK(soon.all() + again.all() == 2);
}

TEST_CASE("who waits when the mark stops is told false, and so is who comes afterwards") {
    World world;
    Told reached, more, later;
    world.waiters.add(5, 60'000, more.here());
    world.waiters.add(4, 60'000, reached.here());
    world.mark = 4;
    world.waiters.close();
    CHECK(reached.yes == 1);
    CHECK(more.no == 1);
    world.waiters.add(5, 60'000, later.here());
    CHECK(later.no == 1);
    Told there;
    world.waiters.add(4, 60'000, there.here());
    CHECK(there.yes == 1);
}

TEST_CASE("a waiter may wait again from within its call") {
    World world;
    Told second;
    world.waiters.add(1, 60'000, [&](bool) { world.waiters.add(2, 60'000, second.here()); });
    world.move(1);
    CHECK(second.all() == 0);
    world.move(2);
    CHECK(second.yes == 1);
}

TEST_CASE("no waiter is missed or told twice while the mark moves and times run out") {
    World world;
    constexpr int waiters = 4000, threads = 2;
    std::vector<Told> told(waiters * threads);
    std::atomic<bool> stop = false;
    std::thread mover([&] {
        while (!stop) {
            world.mark.fetch_add(1);
            world.waiters.reached();
        }
    });
    std::vector<std::thread> adders;
    for (int t = 0; t < threads; ++t)
        adders.emplace_back([&, t] {
            for (int i = 0; i < waiters; ++i)
                world.waiters.add(world.mark + 1 + i % 3, i % 5 == 0 ? 0 : 60'000,
                                  told[static_cast<std::size_t>(t * waiters + i)].here());
        });
    for (auto& adder : adders) adder.join();
    const auto all_told = [&] {
        return std::ranges::all_of(told, [](const Told& one) { return one.all() > 0; });
    };
    CHECK(eventually(all_told));
    stop = true;
    mover.join();
    CHECK(std::ranges::all_of(told, [](const Told& one) { return one.all() == 1; }));
    CHECK(world.waiters.empty());
}

TEST_CASE("a mark that moves while a waiter is added, and then no more, is not missed") {
    Lateness lateness;
    std::atomic<int> looks = 0;
    // Whoever moved it has seen nobody.
    Waiters waiters(lateness, [&] { return std::int64_t{looks++ == 0 ? 0 : 1}; });
    Told told;
    waiters.add(1, 60'000, told.here());
    CHECK(told.yes == 1);
    CHECK(waiters.empty());
}

TEST_CASE("a waiter that was added before the last move is told though nothing moves after it") {
    // The move and the wait at the same time, and then no further move: one of the two sees the
    // other.
    World world;
    for (std::int64_t i = 1; i <= 2000; ++i) {
        Told told;
        std::thread mover([&] { world.move(i); });
        world.waiters.add(i, 60'000, told.here());
        mover.join();
        REQUIRE(told.yes == 1);
    }
}

// ---- Store::when_dispatched()

TEST_CASE("who waits for the dispatcher can read what it waited for") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    Queue* queue = store->queue("T", 0);
    for (std::int64_t i = 0; i < 50; ++i) {
        const auto unit = append(*store, "T", 0, "m");
        std::promise<std::int64_t> max;
        store->when_dispatched(unit.at + 1, 60'000, [&](bool reached) {
            max.set_value(reached ? queue->max().value : -1);
        });
        CHECK(max.get_future().get() == i + 1);
    }
    wait_dispatched(*store);
    bool here = false;
    store->when_dispatched(store->end(), 0, [&](bool reached) { here = reached; });
    CHECK(here);
}

TEST_CASE("who waits for what is not appended yet is told when it is dispatched, by whomever") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    store->queue("T", 0)->watch();  // so that the append does the round itself
    for (int i = 0; i < 20; ++i) {
        wait_dispatched(*store);
        Told told;
        store->when_dispatched(store->end() + 1, 60'000, told.here());
        append(*store, "T", 0, "m");
        REQUIRE(eventually([&] { return told.all() == 1; }));
        CHECK(told.yes == 1);
    }
}

TEST_CASE("a waiter of the dispatcher may append") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    store->queue("T", 0)->watch();  // so that appends do rounds themselves
    std::atomic<int> left = 20;
    std::function<void(bool)> next;
    std::promise<void> done;
    next = [&](bool reached) {
        CHECK(reached);
        if (--left < 0) return done.set_value();
        const auto unit = append(*store, "T", 0, "m");
        store->when_dispatched(unit.at + 1, 60'000, next);
    };
    next(true);
    done.get_future().wait();
    CHECK(store->queue("T", 0)->max().value == 20);
}

TEST_CASE("the stop ends the waits for the dispatcher, once it has done what there is") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    Told there, beyond;
    append(*store, "T", 0, "m0");
    store->when_dispatched(store->end(), 60'000, there.here());
    store->when_dispatched(store->end() + 1, 60'000, beyond.here());
    REQUIRE(store->close().has_value());
    CHECK(there.yes == 1);
    CHECK(beyond.no == 1);
    CHECK(there.all() + beyond.all() == 2);
    Told late;
    store->when_dispatched(store->end() + 1, 60'000, late.here());
    CHECK(late.no == 1);
}

}  // namespace mqd::store::test
