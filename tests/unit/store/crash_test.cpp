// Crashes at every point of a workload, mqd-store(5), RECOVERY: what was acknowledged as flushed is
// there, no message twice, no number without a message but for one that was not yet on disk, no
// damaged record, log, queues and index agree, and recovering once more changes nothing.
//
//   MQD_CRASH_SEEDS=N  N random survivals of each crash point instead of 1, every tear looked at
//   MQD_CRASH_DUMP=DIR the disks that failed, as files

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <unordered_set>

#include "crash_check.h"

namespace mqd::store::test {
namespace {

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
    char boot = '0';  // its machine's run
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
        using Kind = Survival::Kind;
        const std::size_t size = replay_.next().bytes.size();
        const std::size_t to_border = 512 - replay_.next().at % 512;
        const auto seed = replay_.happened();
        for (const std::size_t bytes :
             {std::size_t{1}, std::size_t{6}, std::size_t{15}, std::size_t{40}, std::size_t{91},
              size / 2, size - 1, to_border, to_border - 1})
            if (bytes > 0 && bytes < size) tries_.push_back({{}, bytes});
        for (const std::size_t bytes : {6 + 8 * (seed % 3), std::size_t{1} + seed % size})
            if (bytes < size) tries_.push_back({{Kind::synced}, bytes});
    }

    Crash make(const Try& now) const {
        const bool only_killed = now.survival.kind == Survival::Kind::everything;
        const std::string torn =
            now.torn ? fmt::format(" and {} bytes of: {}", *now.torn, replay_.next().to_string())
                     : "";
        return {
            now.torn ? replay_.torn(now.survival, *now.torn) : replay_.after_crash(now.survival),
            {replay_.happened(), only_killed, life_.boot},
            fmt::format("{} operation {}, {}{}", life_.name, replay_.happened(),
                        now.survival.to_string(), torn)};
    }

    const Life& life_;
    Replay replay_;
    std::vector<std::size_t> events_;
    std::deque<Try> tries_;
    std::unordered_set<std::uint64_t> seen_;
    bool begun_ = false;
};

// ---- all crashes

/// All crashes of a life, by several threads.
class Sweep {
public:
    explicit Sweep(const Life& life) : life_(life), crashes_(life) {}

    std::size_t run() {
        in_parallel([this] { work(); });
        for (const auto& failure : failures_) FAIL_CHECK(failure);
        return checked_;
    }

private:
    void work() {
        while (auto crash = take()) {
            const Disk before = crash->disk.after_crash({});
            const auto problems =
                check_recovery(std::move(crash->disk), life_.options, life_.ledger, crash->moment);
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

/// What is known of the messages when a second life begins with what a crash has left.
Ledger inherited(const Ledger& before, Moment moment) {
    const auto has = [&](std::size_t event) { return event <= moment.happened; };
    Ledger ledger = before;
    for (Sent& sent : ledger.messages) {
        const bool kept = required(sent, moment);
        sent.deletion_begun = has(sent.deletion_begun) ? 0 : never;
        sent.gone = has(sent.gone) ? 0 : never;
        sent.begun = has(sent.begun) ? 0 : never;
        sent.stored = sent.synced = kept ? 0 : never;
    }
    ledger.texts.clear();
    return ledger;
}

/// Recovery itself, and what is sent behind it: what it has found stays, what it has not found
/// does not come back.
Life second_life(const Life& first, Crash crash) {
    Life life{crash.how + ", then", {}, {}, {}, first.options, first.boot};
    World world(first.options, std::move(crash.disk), inherited(first.ledger, crash.moment));
    if (!crash.moment.only_killed) ++life.boot;
    world.files().boot.front() = life.boot;
    REQUIRE(world.open().has_value());
    const std::size_t opened = world.files().happened();
    REQUIRE(world.settle());
    FoundById found;
    CHECK(verify(world.store(), world.files(), first.options, world.ledger(), {opened, true},
                 found) == "");
    for (std::size_t id = 0; id < world.ledger().messages.size(); ++id) {
        Sent& sent = world.ledger().messages[id];
        if (!found.contains(id)) {
            sent.gone = std::min(sent.gone, opened);
            continue;
        }
        sent.stored = std::min(sent.stored, opened);
        if (first.options.flush_sync) sent.synced = std::min(sent.synced, opened);
    }
    world.send("A", 0);
    world.send({{"B", 1}, {"C", 0, 2}, {"B", 0}});
    REQUIRE(world.sync());
    world.send("A", 1, 500);
    REQUIRE(world.delete_topic("A"));
    world.send({{"A", 0}, {"C", 0, 1, 600}, {"A", 1}, {"B", 2}, {"C", 1}});
    REQUIRE(world.settle());
    world.kill();
    life.start = world.files().start();
    life.journal = world.files().journal();
    life.ledger = std::move(world.ledger());
    return life;
}

// ---- damage, and a crash while it is mended

struct Spoiling {
    const char* name;
    /// Damages a cleanly stopped store, and gives the messages that are lost by it.
    std::function<std::vector<std::size_t>(FaultyFiles& files, const Ledger& ledger,
                                           Options& options)>
        spoil;
};

void overwrite(FaultyFiles& files, const fs::path& path, std::int64_t at, std::string_view bytes) {
    const auto file = files.open(path, OpenMode::create);
    REQUIRE(file.has_value());
    REQUIRE((*file)->write(at, as_bytes(bytes)).has_value());
}

std::vector<Spoiling> spoilings() {
    const auto queue = [](const Options& options, std::string_view name) {
        return options.root / "consumequeue" / name;
    };
    return {
        {"a queue's folder is gone",
         [=](auto& files, auto&, auto& options) {
             REQUIRE(files.remove_all(queue(options, "A/0")).has_value());
             return std::vector<std::size_t>();
         }},
        {"files are missing and zero",
         [=](auto& files, auto&, auto& options) {
             REQUIRE(files.remove(queue(options, "A/0/00000000000000000000")).has_value());
             overwrite(files, queue(options, "A/1/00000000000000000000"), 0,
                       std::string(100, '\0'));
             return std::vector<std::size_t>();
         }},
        {"queue files are to be shorter",
         [](auto&, auto&, auto& options) {
             options.consume_queue_file_bytes = 60;
             return std::vector<std::size_t>();
         }},
        {"the log is damaged",
         [](auto& files, auto& ledger, auto& options) {
             overwrite(files, options.root / "abort", 0, "1");
             REQUIRE(files.remove(options.root / "checkpoint").has_value());
             std::vector<std::size_t> lost = {7, 8, 20};
             for (const std::size_t id : lost) {
                 const std::int64_t at = ledger.messages[id].at;
                 const std::int64_t base =
                     at / options.commit_log_file_bytes * options.commit_log_file_bytes;
                 overwrite(files, options.root / "commitlog" / fmt::format("{:020}", base),
                           at - base, "damaged!");
             }
             return lost;
         }},
        {"a file of the log is gone",
         [](auto& files, auto& ledger, auto& options) {
             overwrite(files, options.root / "abort", 0, "1");
             REQUIRE(files.remove(options.root / "checkpoint").has_value());
             REQUIRE(files.remove(options.root / "commitlog/00000000000000002048").has_value());
             std::vector<std::size_t> lost;
             for (std::size_t id = 0; id < ledger.messages.size(); ++id)
                 if (ledger.messages[id].at / 2048 == 1) lost.push_back(id);
             return lost;
         }},
    };
}

Life mending_life(const Spoiling& spoiling) {
    auto options = crash_options(false);
    World before(options, Disk{});
    REQUIRE(before.open().has_value());
    for (int i = 0; i < 40; ++i) before.send(i % 3 == 2 ? "B" : "A", i % 2);
    REQUIRE(before.sync());
    REQUIRE(before.settle());
    REQUIRE(before.close().has_value());
    const Moment end{before.files().happened(), true};
    FaultyFiles spoiled(before.files().after_crash({Survival::Kind::everything}));
    const auto lost = spoiling.spoil(spoiled, before.ledger(), options);
    Ledger ledger = inherited(before.ledger(), end);
    for (const std::size_t id : lost)
        ledger.messages[id].stored = ledger.messages[id].synced = never;
    World world(options, spoiled.after_crash({Survival::Kind::everything}), std::move(ledger));
    world.files().boot.front() = '1';
    REQUIRE(world.open().has_value());
    for (Queue* queue : world.store().queues()) CHECK(queue->max().value > 0);
    world.send({{"A", 0}, {"B", 1}, {"A", 1}});
    REQUIRE(world.sync());
    REQUIRE(world.settle());
    world.kill();
    return {spoiling.name,
            world.files().start(),
            world.files().journal(),
            std::move(world.ledger()),
            options,
            '1'};
}

}  // namespace

TEST_CASE("a store recovers from a crash while it mends what was damaged" *
          doctest::test_suite("slow")) {
    for (const auto& spoiling : spoilings()) {
        const Life life = mending_life(spoiling);
        const auto checked = Sweep(life).run();
        CHECK(checked > 0);
        MESSAGE(life.name, ": ", life.journal.size(), " operations, ", checked, " crashes");
    }
}

TEST_CASE("a store recovers from a crash in or behind recovery" * doctest::test_suite("slow")) {
    constexpr std::size_t apart =
        211 / every;  // so many crashes lie between two with a second life
    for (const bool flush_sync : {false, true}) {
        const Life life = first_life(flush_sync);
        Crashes crashes(life);
        std::size_t checked = 0, lives = 0, seen = 0;
        while (auto crash = crashes.next()) {
            if (++seen % apart != 0) continue;
            if (++lives > 2 * static_cast<std::size_t>(seeds())) break;
            const Life second = second_life(life, std::move(*crash));
            checked += Sweep(second).run();
        }
        CHECK(checked > 0);
        MESSAGE(life.name, ": ", checked, " crashes in second lives");
    }
}

TEST_CASE("a store recovers from a crash at any point" * doctest::test_suite("slow")) {
    for (const bool flush_sync : {false, true}) {
        const Life life = first_life(flush_sync);
        const auto checked = Sweep(life).run();
        MESSAGE(life.name, ": ", life.journal.size(), " operations, ", checked, " crashes");
    }
}

}  // namespace mqd::store::test
