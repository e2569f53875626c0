// One call after the other is made to fail, once or from then on: the store answers errors, never
// crashes, and loses nothing that it has acknowledged.

#include <array>

#include "crash_check.h"

namespace mqd::store::test {
namespace {

struct Run {
    Fault fault;
    bool opened = false;
    bool closed = false;
};

/// Goes on whatever fails, as a broker does; a store that does not open is opened once more.
void work(World& world, Run& run) {
    run.opened = world.open().has_value() || world.open().has_value();
    if (!run.opened) return;
    world.save("topics.json", "first");
    for (int i = 0; i < 3; ++i) world.send("A", i % 2);
    world.send({{"A", 0, 3}, {"B", 0, 2, 300}, {"A", 0, 1, 900}, {"B", 1}});
    world.sync();
    world.send("B", 0, 700);
    world.delete_topic("B");
    world.send({{"B", 0}, {"A", 1}, {"C", 0}});
    world.save("topics.json", "second");
    world.sync();
    world.send("A", 0, 800);
    run.closed = world.close().has_value();
}

std::uint64_t calls_of_workload(const Options& options) {
    World world(options, Disk{});
    Run run;
    work(world, run);
    REQUIRE(run.closed);
    return world.files().calls();
}

/// What a clean stop has left is all on disk; else that what was acknowledged as such, or written
/// when only the process has ended.
std::string check_run(const Options& options, Run run) {
    World world(options, Disk{});
    world.files().set(run.fault);
    work(world, run);
    const auto failed = world.files().failed_call();
    world.kill();
    world.files().set({});
    std::string problems;
    for (const auto kind : {Survival::Kind::everything, Survival::Kind::synced}) {
        const bool all = run.closed || kind == Survival::Kind::everything;
        const auto found = check_recovery(world.files().after_crash({kind, 0}), options,
                                          world.ledger(), {world.files().happened(), all});
        if (!found.empty())
            problems += fmt::format("{} ({}), {}: {}", run.fault.to_string(), failed.value_or("-"),
                                    Survival{kind, 0}.to_string(), found);
    }
    return problems;
}

/// Every call up to `calls` with each kind of fault.
class Runs {
public:
    explicit Runs(std::uint64_t calls) : calls_(calls) {}
    std::optional<Run> next() {
        const Lock lock(lock_);
        const std::uint64_t n = next_;
        next_ += every;
        if (n >= calls_ * faults.size()) return std::nullopt;
        Fault fault = faults[n % faults.size()];
        fault.call = n / faults.size();
        return Run{fault};
    }

private:
    static constexpr std::array<Fault, 5> faults = {{{Fault::Kind::io, 0, false},
                                                     {Fault::Kind::io, 0, true},
                                                     {Fault::Kind::no_space, 0, false},
                                                     {Fault::Kind::no_space, 0, true},
                                                     {Fault::Kind::short_write, 0, false}}};
    const std::uint64_t calls_;
    Mutex lock_;
    std::uint64_t next_ GUARDED_BY(lock_) = 0;
};

}  // namespace

TEST_CASE("whatever call fails, nothing acknowledged is lost" * doctest::test_suite("slow")) {
    for (const bool flush_sync : {false, true}) {
        const auto options = crash_options(flush_sync);
        const auto calls = calls_of_workload(options);
        Runs runs(calls);
        Mutex lock;
        std::vector<std::string> failures;
        std::size_t count = 0;
        in_parallel([&] {
            while (const auto run = runs.next()) {
                const auto problems = check_run(options, *run);
                const Lock held(lock);
                ++count;
                if (!problems.empty()) failures.push_back(problems);
                if (failures.size() >= 5) return;
            }
        });
        for (const auto& failure : failures) FAIL_CHECK(failure);
        MESSAGE(std::string(flush_sync ? "sync: " : "async: "), calls, " calls, ", count, " runs");
    }
}

}  // namespace mqd::store::test
