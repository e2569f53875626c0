#include "broker/half_ledger.h"

#include <random>
#include <set>

#include "support.h"

using namespace mqd;
using broker::HalfLedger;

TEST_CASE("a ledger knows what is settled, in whatever order") {
    HalfLedger ledger(100, 0);
    CHECK(ledger.is_settled(99));
    CHECK(!ledger.is_settled(100));
    CHECK(!ledger.is_settled(1'000'000));
    CHECK(ledger.next_open(3) == 100);
    ledger.settle(101);
    ledger.settle(50);
    CHECK(ledger.first_open() == 100);
    CHECK(ledger.next_open(101) == 102);
    ledger.settle(100);
    CHECK(ledger.first_open() == 102);
    CHECK(ledger.is_settled(101));
}

TEST_CASE("a ledger is a set of numbers with its beginning cut off") {
    std::mt19937 random(7);
    for (int run = 0; run < 50; ++run) {
        const std::int64_t begin = std::uniform_int_distribution<>(0, 200)(random);
        HalfLedger ledger(begin, 0);
        std::set<std::int64_t> settled;
        for (int i = 0; i < 600; ++i) {
            const auto half = begin + std::uniform_int_distribution<>(0, 400)(random);
            ledger.settle(half);
            settled.insert(half);
            std::int64_t first = begin;
            while (settled.contains(first)) ++first;
            REQUIRE(ledger.first_open() == first);
            const auto from = begin + std::uniform_int_distribution<>(-10, 500)(random);
            std::int64_t next = std::max<std::int64_t>(from, begin);
            while (settled.contains(next)) ++next;
            REQUIRE(ledger.next_open(from) == next);
            REQUIRE(ledger.is_settled(from) == (from < begin || settled.contains(from)));
        }
    }
}

TEST_CASE("op records are needed until all that they name lies before the first open one") {
    HalfLedger ledger(0, 10);
    CHECK(ledger.op_progress() == 10);
    ledger.settle(1);
    ledger.op_written(11, 1);  // what was written before it is not known yet
    ledger.settle(0);
    CHECK(ledger.op_progress() == 10);
    ledger.op_written(10, 0);
    CHECK(ledger.op_progress() == 12);
    ledger.op_written(12, -1);
    CHECK(ledger.op_progress() == 13);
    ledger.op_written(13, 5);
    CHECK(ledger.op_progress() == 13);
    ledger.op_written(9, 5);
    for (int half = 2; half <= 5; ++half) ledger.settle(half);
    CHECK(ledger.op_progress() == 14);
}

TEST_CASE("a ledger finds the newest copy of a transaction until it is forgotten") {
    HalfLedger ledger(0, 0);
    CHECK(!ledger.moved_to(3));
    ledger.moved(3, 8);
    ledger.moved(3, 20);
    CHECK(ledger.moved_to(3) == 20);
    ledger.forget(3);
    CHECK(!ledger.moved_to(3));
}
