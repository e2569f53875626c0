#include "client/start.h"

#include <doctest/doctest.h>

using namespace mqd::client;
using Kind = From::Kind;

namespace {

const Bounds bounds{100, 200, 150};

std::int64_t start(Kind kind, std::int64_t value = 0) {
    return start_offset({kind, value}, bounds);
}

}  // namespace

TEST_CASE("reading starts where --from says, within what the queue has") {
    CHECK(start(Kind::beginning) == 100);
    CHECK(start(Kind::end) == 200);
    CHECK(start(Kind::offset, 130) == 130);
    CHECK(start(Kind::offset, 3) == 100);
    CHECK(start(Kind::offset, 1000) == 200);
    CHECK(start(Kind::last, 10) == 190);
    CHECK(start(Kind::last, 1000) == 100);
    CHECK(start(Kind::last, 0) == 200);
    CHECK(start(Kind::time, 1) == 150);
    CHECK(start_offset({Kind::last, offset_max}, bounds) == 100);
}

TEST_CASE("a group goes on from its offset, even one that the queue has no more") {
    for (const auto kind : {Kind::beginning, Kind::end, Kind::offset, Kind::last, Kind::time}) {
        CHECK(group_start_offset({kind, 7}, bounds, 0, false) == 0);
        CHECK(group_start_offset({kind, 7}, bounds, 170, false) == 170);
        CHECK(group_start_offset({kind, 7}, bounds, 170, true) == 170);
    }
}

TEST_CASE("a new group starts as --from says, but new queues and retries from the front") {
    CHECK(group_start_offset({Kind::end, 0}, bounds, {}, true) == 200);
    CHECK(group_start_offset({Kind::beginning, 0}, bounds, {}, true) == 100);
    CHECK(group_start_offset({Kind::time, 1}, bounds, {}, true) == 150);
    CHECK(group_start_offset({Kind::end, 0}, bounds, {}, false) == 100);
    CHECK(group_start_offset({Kind::beginning, 0}, bounds, {}, false) == 100);
    CHECK(group_start_offset({Kind::time, 1}, bounds, {}, false) == 100);
}

TEST_CASE("--from is read as it is written") {
    const auto is = [](std::string_view text, Kind kind, std::int64_t value) {
        const auto from = parse_from(text);
        return from && from->kind == kind && from->value == value;
    };
    CHECK(is("beginning", Kind::beginning, 0));
    CHECK(is("end", Kind::end, 0));
    CHECK(is("0", Kind::offset, 0));
    CHECK(is("17", Kind::offset, 17));
    CHECK(is("-17", Kind::last, 17));
    CHECK(is("@1700000000000", Kind::time, 1700000000000));
    for (const auto* const wrong : {"", "-", "--1", "1x", "@", "@yesterday", "start", "-x"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_from(wrong));
    }
}

TEST_CASE("--until is an offset or a time") {
    CHECK(parse_until("5")->offset == 5);
    CHECK(parse_until("@1700000000000")->time_ms == 1700000000000);
    CHECK_FALSE(parse_until("-5"));
    CHECK_FALSE(parse_until("end"));
}
