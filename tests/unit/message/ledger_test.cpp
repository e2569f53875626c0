#include "message/ledger.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using mqd::message::Ledger;

TEST_CASE("only what has nothing undone before it may be committed") {
    Ledger ledger(5);
    CHECK(ledger.committable() == 5);
    for (const std::int64_t offset : {5, 6, 9}) ledger.take(offset);
    CHECK(ledger.committable() == 5);
    ledger.settle(6);
    CHECK(ledger.committable() == 5);
    ledger.settle(5);
    CHECK(ledger.committable() == 9);
    CHECK(ledger.size() == 1);
    ledger.settle(9);
    CHECK(ledger.committable() == 10);
    CHECK(ledger.size() == 0);
}

TEST_CASE("a stretch without messages is done when all before it is") {
    Ledger ledger;
    ledger.take(0);
    ledger.pass(100);
    CHECK(ledger.committable() == 0);
    ledger.settle(0);
    CHECK(ledger.committable() == 100);
    ledger.pass(50);
    CHECK(ledger.committable() == 100);
}

TEST_CASE("settling twice, or what was never taken, changes nothing") {
    Ledger ledger;
    ledger.take(3);
    ledger.take(4);
    ledger.settle(2);
    ledger.settle(7);
    ledger.settle(4);
    ledger.settle(4);
    CHECK(ledger.committable() == 3);
    CHECK(ledger.size() == 2);
    ledger.settle(3);
    ledger.settle(3);
    CHECK(ledger.committable() == 5);
}

TEST_CASE("whatever the order, what may be committed is the smallest offset not done") {
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
        Ledger ledger;
        std::vector<std::int64_t> left;
        for (std::int64_t offset = 0; left.size() < 40; offset += 1 + random() % 3) {
            left.push_back(offset);
            ledger.take(offset);
        }
        const std::int64_t end = left.back() + 1;
        while (!left.empty()) {
            CHECK(ledger.committable() == *std::min_element(left.begin(), left.end()));
            const auto one = left.begin() + static_cast<std::ptrdiff_t>(random() % left.size());
            ledger.settle(*one);
            left.erase(one);
        }
        CHECK(ledger.committable() == end);
    }
}
