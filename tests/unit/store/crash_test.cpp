// Crashes at every point of a workload, spec store.md 5: what was acknowledged as flushed is there,
// no message twice, no gap, no damaged record, log, queues and index agree, and recovering once
// more changes nothing.
//
//   MQD_CRASH_SEEDS=N  N random survivals of each crash point instead of 1, every tear looked at
//   MQD_CRASH_DUMP=DIR the disks that failed, as files

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <unordered_set>

#include "crash_world.h"

namespace mqd::store::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t every = 7;  // crash point: sanitizers cost as much
#else
constexpr std::size_t every = 1;
#endif
constexpr int workers = 16;  // they mostly wait for the threads of their stores
constexpr std::size_t failures_max = 5;

int seeds() {
    const char* text = std::getenv("MQD_CRASH_SEEDS");
    return text == nullptr ? 1 : std::atoi(text);
}

/// A life of a store, of which any end can be had.
struct Life {
    std::string name;
    Disk start;
    Journal journal;
    Ledger ledger;
    Options options;
};

struct Crash {
    Disk disk;
    Moment moment;
    std::string how;
};

/// The crashes of a life, each different disk once.
class Crashes {
public:
    explicit Crashes(const Life& life)
        : life_(life), replay_(life.start.after_crash({}), life.journal) {
        for (const Sent& sent : life.ledger.messages)
            for (const auto time : {sent.stored, sent.synced, sent.deletion_begun, sent.gone})
                events_.push_back(time);
        std::sort(events_.begin(), events_.end());
    }

    std::optional<Crash> next() {
        for (;;) {
            if (tries_.empty() && !refill()) return std::nullopt;
            const Try now = tries_.front();
            tries_.pop_front();
            Crash crash = make(now);
            const auto phase =
                std::upper_bound(events_.begin(), events_.end(), crash.moment.happened) -
                events_.begin();
            const std::uint64_t what = crash.disk.fingerprint() * 31 +
                                       static_cast<std::uint64_t>(phase) * 2 +
                                       (crash.moment.only_killed ? 1 : 0);
            if (!seen_.insert(what).second || seen_.size() % every != 0) continue;
            return crash;
        }
    }

private:
    struct Try {
        Survival survival;
        std::optional<std::size_t> torn;
    };

    bool refill() {
        if (begun_ && replay_.at_end()) return false;
        if (begun_) replay_.step();
        begun_ = true;
        using Kind = Survival::Kind;
        tries_.push_back({{Kind::synced}, {}});
        tries_.push_back({{Kind::everything}, {}});
        for (int i = 0; i < seeds(); ++i)
            tries_.push_back({{Kind::some, replay_.happened() * 1000 + i}, {}});
        if (!replay_.at_end() && replay_.next().kind == Operation::Kind::write) tear();
        return true;
    }

    /// Behind the first byte, in the middle of a record's head, at its end, at a sector's border...
    void tear() {
        const std::size_t size = replay_.next().bytes.size();
        const std::size_t to_border = 512 - replay_.next().at % 512;
        for (const std::size_t bytes :
             {std::size_t{1}, std::size_t{6}, std::size_t{15}, std::size_t{40}, std::size_t{91},
              size / 2, size - 1, to_border, to_border - 1})
            if (bytes > 0 && bytes < size) tries_.push_back({{}, bytes});
    }

    Crash make(const Try& now) const {
        const bool only_killed = now.survival.kind == Survival::Kind::everything;
        const std::string how =
            now.torn ? fmt::format("{} bytes of: {}", *now.torn, replay_.next().to_string())
                     : now.survival.to_string();
        return {now.torn ? replay_.torn(*now.torn) : replay_.after_crash(now.survival),
                {replay_.happened(), only_killed},
                fmt::format("{} operation {}, {}", life_.name, replay_.happened(), how)};
    }

    const Life& life_;
    Replay replay_;
    std::vector<std::size_t> events_;
    std::deque<Try> tries_;
    std::unordered_set<std::uint64_t> seen_;
    bool begun_ = false;
};

// ---- one crash

/// The log up to its end and the queues, as bytes.
std::map<std::string, std::string> state_of(const Store& store, const FaultyFiles& files,
                                            const Options& options) {
    auto out = files.contents(options.root / "consumequeue");
    for (auto& [name, bytes] : files.contents(options.root / "commitlog"))
        if (std::strtoll(name.c_str(), nullptr, 10) < store.end().value)
            out["log " + name] = std::move(bytes);
    return out;
}

std::string differing(const std::map<std::string, std::string>& a,
                      const std::map<std::string, std::string>& b) {
    for (const auto& [name, bytes] : a)
        if (!b.contains(name) || b.at(name) != bytes) return name;
    for (const auto& [name, bytes] : b)
        if (!a.contains(name)) return name;
    return {};
}

class Recovered {
public:
    Recovered(const Life& life, Crash& crash)
        : life_(life), crash_(crash), files_(std::move(crash.disk)) {}

    std::string run() {
        std::string problems = verify_texts(files_, life_.options, life_.ledger, crash_.moment);
        problems += open();
        if (!store_) return problems;
        problems += verify(*store_, files_, life_.options, life_.ledger, crash_.moment, found_);
        const auto state = state_of(*store_, files_, life_.options);
        const FoundById found = found_;
        store_.reset();

        problems += open();
        if (!store_) return problems;
        problems += verify(*store_, files_, life_.options, life_.ledger, crash_.moment, found_);
        if (const auto what = differing(state, state_of(*store_, files_, life_.options));
            !what.empty())
            problems += fmt::format("the second recovery changed {}; ", what);
        if (found != found_) problems += "the second recovery found something else; ";
        problems += go_on();
        return problems;
    }

private:
    std::string open() {
        clock_.advance(1'000'000);
        auto store = Store::open(files_, clock_, life_.options);
        if (!store) return fmt::format("does not open: {}; ", store.error().what);
        store_ = std::move(*store);
        return settled(*store_) ? "" : "does not settle; ";
    }

    /// Numbering is dense in every queue that there has ever been, and the stop is a clean one.
    std::string go_on() {
        std::map<std::pair<std::string, std::int32_t>, int> queues;
        for (const Sent& sent : life_.ledger.messages) queues[{sent.topic, sent.queue}] = 0;
        for (const auto& [id, found] : found_) ++queues[{found.topic, found.queue}];
        std::string problems;
        for (const auto& [queue, count] : queues) {
            const auto unit = append(*store_, queue.first, queue.second, "x");
            if (!unit.stored || unit.queue_offset.value != count)
                problems += fmt::format("{}/{} goes on at {} of {}; ", queue.first, queue.second,
                                        unit.queue_offset.value, count);
        }
        if (!settled(*store_)) problems += "does not settle; ";
        for (const auto& [queue, count] : queues)
            if (store_->queue(queue.first, queue.second)->max().value != count + 1)
                problems += fmt::format("{}/{} lacks its last; ", queue.first, queue.second);
        if (const auto ok = store_->close(); !ok)
            problems += fmt::format("does not close: {}; ", ok.error().what);
        return problems;
    }

    const Life& life_;
    Crash& crash_;
    FaultyFiles files_;
    HandClock clock_;
    std::unique_ptr<Store> store_;
    FoundById found_;
};

/// All crashes of a life, by several threads.
class Sweep {
public:
    explicit Sweep(const Life& life) : life_(life), crashes_(life) {}

    std::size_t run() {
        std::vector<std::thread> threads;
        for (int i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
        for (auto& thread : threads) thread.join();
        for (const auto& failure : failures_) FAIL_CHECK(failure);
        return checked_;
    }

private:
    void work() {
        while (auto crash = take()) {
            const Disk before = crash->disk.after_crash({});
            const auto problems = Recovered(life_, *crash).run();
            const Lock lock(lock_);
            ++checked_;
            if (problems.empty()) continue;
            failures_.push_back(crash->how + ": " + problems);
            if (const char* folder = std::getenv("MQD_CRASH_DUMP"))
                before.write_to(fs::path(folder) / std::to_string(failures_.size()));
        }
    }
    std::optional<Crash> take() {
        const Lock lock(lock_);
        if (failures_.size() >= failures_max) return std::nullopt;
        return crashes_.next();
    }

    const Life& life_;
    Mutex lock_;
    Crashes crashes_ GUARDED_BY(lock_);
    std::size_t checked_ GUARDED_BY(lock_) = 0;
    std::vector<std::string> failures_ GUARDED_BY(lock_);
};

// ---- the workload

/// Everything that the store writes: single messages and batches over file ends, topics made,
/// deleted and made again, index files that fill, tables, clean stops between.
void work(World& world) {
    REQUIRE(world.open().has_value());
    REQUIRE(world.save("topics.json", "first"));
    for (int i = 0; i < 6; ++i) world.send(i % 2 == 0 ? "A" : "B", i % 3);
    REQUIRE(world.sync());
    world.send({{"A", 0, 3}, {"B", 0}, {"A", 1}, {"A", 0}});
    world.send("B", 1, 600);
    REQUIRE(world.settle());
    world.send({{"A", 0, 1, 700}, {"A", 0, 1, 900}, {"A", 1}});
    REQUIRE(world.sync());
    world.send("B", 2);
    REQUIRE(world.delete_topic("B"));
    world.send("A", 2);
    world.send({{"B", 1}, {"B", 2}, {"B", 1}});
    REQUIRE(world.save("topics.json", "second, and longer"));
    REQUIRE(world.settle());
    REQUIRE(world.close().has_value());

    REQUIRE(world.open().has_value());
    for (int i = 0; i < 6; ++i) world.send({{"A", 0}, {"C", i, 2}});
    REQUIRE(world.sync());
    REQUIRE(world.settle());
    REQUIRE(world.save("topics.json", "third"));
    for (int i = 0; i < 3; ++i) world.send("C", i, 300);
    REQUIRE(world.delete_topic("C"));
    REQUIRE(world.delete_topic("B"));
    world.send({{"C", 0}, {"A", 1}, {"C", 1}});
    REQUIRE(world.sync());
    world.send("C", 0);
    world.send("B", 0);
    REQUIRE(world.settle());
    world.kill();

    REQUIRE(world.open().has_value());
    world.send({{"A", 0}, {"B", 0, 2}, {"C", 0}});
    REQUIRE(world.sync());
    REQUIRE(world.settle());
    REQUIRE(world.close().has_value());
}

Life first_life(bool flush_sync) {
    const auto options = crash_options(flush_sync);
    World world(options, Disk{});
    work(world);
    return {flush_sync ? "sync" : "async", world.files().start(), world.files().journal(),
            std::move(world.ledger()), options};
}

}  // namespace

TEST_CASE("a store recovers from a crash at any point") {
    for (const bool flush_sync : {false, true}) {
        const Life life = first_life(flush_sync);
        const auto checked = Sweep(life).run();
        MESSAGE(life.name, ": ", life.journal.size(), " operations, ", checked, " crashes");
    }
}

}  // namespace mqd::store::test
