#include "broker/durability.h"

#include <atomic>
#include <thread>
#include <vector>

#include "support.h"

using namespace mqd;
using namespace mqd::test;
using broker::Durability;
using Outcome = Durability::Outcome;

namespace {

struct Waits {
    std::atomic<int> told = 0;
    std::vector<Outcome> outcomes;  // by one thread at a time
    Folder folder;
    OpenStore store{settings_in(folder)};
    Durability durability{*store.is};

    Durability::Done done() {
        return [this](Outcome outcome) {
            outcomes.push_back(outcome);
            ++told;
        };
    }
    void until_told(int wanted) const {
        const auto give_up = monotonic_ms() + 30'000;
        while (told < wanted && monotonic_ms() < give_up) std::this_thread::yield();
        REQUIRE(told == wanted);
    }
};

constexpr std::int64_t long_ms = 60'000;

}  // namespace

TEST_CASE_FIXTURE(Waits, "what is in memory is reached at once") {
    durability.when({1000}, {}, done());
    CHECK(outcomes == std::vector{Outcome::reached});
}

TEST_CASE_FIXTURE(Waits, "the replicas' mark ends the waits up to it, once each") {
    const Durability::Wanted wanted{false, true, 0, long_ms};
    durability.when({100}, wanted, done());
    durability.when({101}, wanted, done());
    CHECK(told == 0);
    durability.replicated({99});
    CHECK(told == 0);
    durability.replicated({100});
    CHECK(told == 1);
    durability.replicated({100});
    durability.replicated({50});  // it never moves back
    durability.when({100}, wanted, done());
    CHECK(told == 2);
    durability.replicated({200});
    CHECK(told == 3);
    CHECK(outcomes == std::vector(3, Outcome::reached));
}

TEST_CASE_FIXTURE(Waits, "replicas that are late are told so, and that before the disk") {
    durability.when({100}, {false, true, 0, long_ms}, done());
    durability.when({100}, {true, true, 1, 10}, done());
    until_told(1);
    CHECK(outcomes == std::vector{Outcome::replicas_late});
    durability.replicated({100});
    CHECK(told == 2);
    CHECK(outcomes.back() == Outcome::reached);
}

TEST_CASE_FIXTURE(Waits, "after the replicas the disk is waited for") {
    durability.when({100}, {true, true, 10, long_ms}, done());
    durability.replicated({100});  // of a log that is empty: it is never on disk
    until_told(1);
    CHECK(outcomes == std::vector{Outcome::disk_late});
    durability.when({0}, {true, true, 10, long_ms}, done());
    CHECK(outcomes.back() == Outcome::reached);
}

TEST_CASE_FIXTURE(Waits, "a stop leaves nobody waiting") {
    const Durability::Wanted wanted{false, true, 0, long_ms};
    durability.when({100}, wanted, done());
    durability.stop();
    CHECK(outcomes == std::vector{Outcome::replicas_late});
    durability.when({100}, wanted, done());
    CHECK(told == 2);
    CHECK(outcomes.back() == Outcome::replicas_late);
}
