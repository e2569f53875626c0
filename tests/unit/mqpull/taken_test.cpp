#include "taken.h"

#include <doctest/doctest.h>

#include <algorithm>

using mqd::mqpull::Taken;

TEST_CASE("what the reader has taken counts once it has lived on for its time") {
    Taken taken;
    taken.look(1000, 1000, false, 1);
    CHECK(taken.due_ms() == -1);
    taken.look(1000, 400, false, 10);
    CHECK(taken.confirmed() == 0);
    CHECK(taken.moved_ms() == 10);
    CHECK(taken.due_ms() == 10 + Taken::outlive_ms);
    taken.look(1000, 400, false, 10 + Taken::outlive_ms - 1);
    CHECK(taken.confirmed() == 0);
    taken.look(1000, 0, false, 10 + Taken::outlive_ms);
    CHECK(taken.confirmed() == 600);
    CHECK(taken.moved_ms() == 10 + Taken::outlive_ms);
    taken.look(1000, 0, false, 10 + 2 * Taken::outlive_ms);
    CHECK(taken.confirmed() == 1000);
    CHECK(taken.due_ms() == -1);
}

TEST_CASE("the last read of a reader that dies does not count, and what it outlived stays") {
    Taken taken;
    taken.look(1000, 400, false, 0);
    taken.look(1000, 0, false, 50);
    taken.look(1000, 0, true, Taken::outlive_ms + 50);
    CHECK(taken.confirmed() == 0);
    CHECK(taken.due_ms() == -1);

    Taken other;
    other.look(1000, 400, false, 0);
    other.look(1000, 0, false, Taken::outlive_ms);
    other.look(1000, 0, true, 10 * Taken::outlive_ms);
    other.look(1000, 0, false, 20 * Taken::outlive_ms);  // another one: who knows what it read
    CHECK(other.confirmed() == 600);
}

TEST_CASE("however often one looks, what was taken is confirmed in time") {
    Taken taken;
    for (std::int64_t ms = 0; ms < 10'000; ++ms) {
        taken.look(static_cast<std::uint64_t>(ms), 0, false, ms);
        if (ms > 3 * Taken::outlive_ms)
            REQUIRE(taken.confirmed() + 3 * Taken::outlive_ms > static_cast<std::uint64_t>(ms));
        REQUIRE(taken.confirmed() <=
                static_cast<std::uint64_t>(std::max<std::int64_t>(0, ms - Taken::outlive_ms)));
    }
}

TEST_CASE("what others write to the same pipe makes nothing of ours taken") {
    Taken taken;
    taken.look(100, 5000, false, 0);
    taken.look(100, 50, false, 10);
    taken.look(100, 5000, false, 10 + Taken::outlive_ms);
    CHECK(taken.confirmed() == 50);
}
