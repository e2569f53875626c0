#include "pace.h"

#include <doctest/doctest.h>

using mqd::mqpull::Pace;

namespace {

/// How many go in `us` when asked as often as poll() would, in steps of a millisecond.
int gone_in(Pace& pace, std::int64_t begin_us, std::int64_t us) {
    int gone = 0;
    for (std::int64_t now_us = begin_us; now_us < begin_us + us; now_us += 1000)
        for (; pace.permits(now_us); ++gone) pace.count(now_us);
    return gone;
}

}  // namespace

TEST_CASE("so many a second go, whatever the rate") {
    for (const std::int64_t rate : {1, 3, 7, 100, 999, 30'000, 1'234'567}) {
        Pace pace(rate);
        const int gone = gone_in(pace, 5'000'000, 2'000'000);
        // Two milliseconds ahead, and the first at once.
        CHECK(gone >= 2 * rate - 1);
        CHECK(gone <= 2 * rate + rate / 500 + 2);
    }
}

TEST_CASE("what was not used before is not caught up with") {
    Pace pace(100);
    gone_in(pace, 0, 1'000'000);
    CHECK(gone_in(pace, 60'000'000, 100'000) <= 12);
}

TEST_CASE("without a rate nothing waits") {
    Pace pace({});
    for (int i = 0; i < 1000; ++i) {
        CHECK(pace.permits(0));
        pace.count(0);
    }
    CHECK(pace.due_ms() == -1);
}

TEST_CASE("the next one is due when it may go") {
    Pace pace(10);
    pace.count(1'000'000);
    CHECK(pace.due_ms() == 1100);
    CHECK_FALSE(pace.permits(1'050'000));
    CHECK(pace.permits(1'100'000));
}
