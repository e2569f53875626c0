#include "losses.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace mqd;
using mqpull::Losses;
using Why = Losses::Why;

namespace {

struct Told {
    std::vector<std::string> lines;
    Losses losses{[this](std::string_view line) { lines.emplace_back(line); }};
};

const client::Queue first{"T", "b", 0, "a:1"};
const client::Queue second{"T", "b", 1, "a:1"};

}  // namespace

TEST_CASE_FIXTURE(Told, "what was lost is told with its number and its place") {
    losses.add(first, Why::deleted, 5, 1000);
    losses.add(second, Why::unreadable, 7, 8);
    CHECK(losses.due_ms() == 0);
    losses.tell(100);
    CHECK(lines ==
          std::vector<std::string>{
              "995 messages of T/b/0 were deleted before they were read (offsets 5 to 999)",
              "1 message of T/b/1 cannot be read: deleted or damaged (offset 7)"});
    CHECK(losses.any());
    CHECK(losses.due_ms() == -1);
}

TEST_CASE_FIXTURE(Told, "an empty stretch is no loss") {
    losses.add(first, Why::deleted, 5, 5);
    losses.add(first, Why::deleted, 6, 5);
    losses.tell(0, true);
    CHECK(lines.empty());
    CHECK_FALSE(losses.any());
}

TEST_CASE_FIXTURE(Told, "many gaps of a queue are one line a second") {
    losses.add(first, Why::unreadable, 1, 2);
    losses.tell(0);
    for (std::int64_t at = 10; at < 1000; at += 10) {
        losses.add(first, Why::unreadable, at, at + 1);
        losses.tell(at);
    }
    CHECK(lines.size() == 1);
    CHECK(losses.due_ms() == 1000);
    losses.tell(1000);
    REQUIRE(lines.size() == 2);
    CHECK(lines[1] ==
          "99 messages of T/b/0 cannot be read: deleted or damaged (offsets 10 to 990)");
    // The last ones are not forgotten.
    losses.add(first, Why::gone, 1000, 1001);
    losses.tell(1001);
    CHECK(lines.size() == 2);
    losses.tell(1001, true);
    REQUIRE(lines.size() == 3);
    CHECK(lines[2] == "1 message of T/b/0 was not read: its queue is gone (offset 1000)");
}
