#include "client/waiting.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <vector>

#include "base/clock.h"

using namespace mqd;
using namespace mqd::client;

namespace {

struct Said {
    std::vector<std::string> lines;
    Waiting waiting(std::int64_t told_after_ms, std::int64_t timeout_ms = 10'000) {
        return {[this](std::string_view line) { lines.emplace_back(line); }, told_after_ms,
                timeout_ms};
    }
};

const Error away{Errc::unavailable, "nobody is there"};

}  // namespace

TEST_CASE("a wait that is long enough is told of once, and that it goes on") {
    Said said;
    WaitLine line(said.waiting(1000));
    CHECK(line.due_ms() == -1);
    const auto now = monotonic_ms();
    line.waits("the disk is full", now - 999'000);
    CHECK(line.due_ms() == -1);
    line.waits("the disk is full");
    REQUIRE(said.lines.size() == 1);
    CHECK(said.lines[0] == "waiting: the disk is full");
    line.goes_on();
    REQUIRE(said.lines.size() == 2);
    CHECK(said.lines[1].starts_with("continues after 999."));
    line.goes_on();
    CHECK(said.lines.size() == 2);
}

TEST_CASE("a short wait, and one that is given up, end without a word") {
    Said said;
    WaitLine line(said.waiting(60'000));
    line.waits("why");
    CHECK(line.is_waiting());
    CHECK(line.due_ms() > monotonic_ms());
    line.goes_on();
    CHECK(!line.is_waiting());
    WaitLine told(said.waiting(0));
    told.waits("why");
    CHECK(said.lines.size() == 1);
    told.gives_up();
    told.goes_on();
    CHECK(said.lines.size() == 1);
    // The next one is a wait of its own.
    told.waits("again");
    CHECK(said.lines.size() == 2);
}

TEST_CASE("what cannot be reached is tried again until the time is over, and nothing else is") {
    Said said;
    int made = 0;
    const auto third = try_again(said.waiting(0), [&]() -> Result<int> {
        if (++made < 3) return away;
        return made;
    });
    REQUIRE(third);
    CHECK(*third == 3);
    REQUIRE(said.lines.size() == 2);
    CHECK(said.lines[0] == "waiting: nobody is there");

    made = 0;
    const auto refused = try_again(said.waiting(0), [&]() -> Result<> {
        ++made;
        return Error{Errc::refused, "no"};
    });
    CHECK(!refused);
    CHECK(made == 1);

    const auto begin_ms = monotonic_ms();
    const auto never = try_again(said.waiting(60'000, 120), [&]() -> Result<> { return away; });
    REQUIRE(!never);
    CHECK(never.error().what == away.what);
    CHECK(monotonic_ms() - begin_ms >= 120);
    CHECK(said.lines.size() == 2);
}

TEST_CASE("nobody who is to stop waits") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], "x", 1) == 1);
    Said said;
    auto waiting = said.waiting(0, 0);
    waiting.stop_fd = ends[0];
    int made = 0;
    const auto stopped = try_again(waiting, [&]() -> Result<> {
        ++made;
        return away;
    });
    CHECK(!stopped);
    CHECK(made == 1);
    ::close(ends[0]);
    ::close(ends[1]);
}
