// Retention is driven step by step, on a clock and a disk that do what the test says.

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <set>

#include "../passing_files.h"
#include "store/engine/reader.h"
#include "store/engine/recovery.h"
#include "store/engine/retention.h"
#include "support.h"

namespace mqd::store::test {
namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t file_bytes = 4096;

class HandClock final : public Clock {
public:
    std::int64_t wall_ms() const override { return wall; }
    std::int64_t monotonic_ms() const override { return monotonic; }
    void pass(std::int64_t ms) {
        wall += ms;
        monotonic += ms;
    }
    std::int64_t wall = 0;
    std::int64_t monotonic = 1'000'000;
};

/// The real files, on a disk as full as the test says; tells of removals and their syncs, and
/// refuses some.
class TestFiles final : public mqd::test::PassingFiles {
public:
    std::int64_t log_percent = 10, queues_percent = 10;
    /// What the removal of a log file gives back.
    std::int64_t percent_a_file = 0;
    std::string unremovable = "nothing is called so";
    /// So many changes are made, and no more: as if the process had been killed.
    int changes_left = 1'000'000;
    std::vector<std::string> calls;

    Result<> remove(const fs::path& path) override {
        if (path.string().find(unremovable) != std::string::npos || !may_change())
            return Error{Errc::io, path.string() + " cannot be removed"};
        calls.push_back("remove " + path.parent_path().filename().string() + "/" +
                        path.filename().string());
        if (path.parent_path().filename() == "commitlog") log_percent -= percent_a_file;
        return real_.remove(path);
    }
    Result<> sync_directory(const fs::path& dir) override {
        if (!may_change()) return Error{Errc::io, dir.string() + " cannot be synced"};
        calls.push_back("sync " + dir.filename().string());
        return real_.sync_directory(dir);
    }
    Result<Space> space(const fs::path& path) override {
        Space out;
        out.used_percent = path.filename() == "consumequeue" ? queues_percent : log_percent;
        return out;
    }

private:
    bool may_change() { return changes_left > 0 && changes_left-- > 0; }
};

Append append_key(Store& store, std::string_view topic, int number) {
    std::string properties;
    message::append_property(properties, message::property::uniq_key, std::to_string(number));
    const auto body = "m" + std::to_string(number);
    message::Draft draft;
    draft.topic = topic;
    draft.body = body;
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(topic, 0);
    unit.records = record.bytes();
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    return unit;
}

constexpr int messages = 200;

Options small_index(const fs::path& root) {
    auto options = small(root);
    options.index_entries = 30;
    return options;
}

/// A store of about 40 messages a log file: 4 of `Once` at the beginning, then those of T.
const fs::path& ready_store() {
    static const Folder folder;
    static const bool made = [] {
        const auto store = open(small_index(folder.path()));
        for (int i = 0; i < 4; ++i) append_key(*store, "Once", i);
        for (int i = 0; i < messages; ++i) append_key(*store, "T", i);
        REQUIRE(store->close().has_value());
        return true;
    }();
    REQUIRE(made);
    return folder.path();
}

/// The parts of a store that retention works on, without threads.
struct Parts {
    Folder folder;
    HandClock clock;
    TestFiles files;
    Options options;
    RetentionOptions rules;
    Mutex deleting;
    DelayLevels levels = *DelayLevels::parse({});
    Damage damage;
    std::unique_ptr<OpenFiles> open_files;
    std::unique_ptr<CommitLog> log;
    std::unique_ptr<QueueTable> queues;
    std::unique_ptr<IndexSet> index;
    std::unique_ptr<DiskMeter> disk;
    std::unique_ptr<Retention> retention;
    std::int64_t done_with = std::numeric_limits<std::int64_t>::max();

    Parts() : options(small_index(folder.path())) {
        fs::copy(ready_store(), folder.path(), fs::copy_options::recursive);
        rules.hours = {};
    }
    /// After `rules` have been set.
    void start() {
        const auto& root = folder.path();
        auto opened = CommitLog::open(files, root / "commitlog", file_bytes, false, 0);
        REQUIRE(opened.has_value());
        log = std::move(*opened);
        open_files = std::make_unique<OpenFiles>(files, 8);
        queues = std::make_unique<QueueTable>(QueueContext{
            files, *open_files, *log, root / "consumequeue", 200, root / "batchconsumequeue", 460});
        REQUIRE(queues->scan({}).has_value());
        QueueWriter writer(*queues, *DelayLevels::parse({}));
        REQUIRE(recover(*log, *queues, writer, Checkpoint{}, {}, LogWalker::Check::lengths, true)
                    .has_value());
        auto set = IndexSet::open(files, clock, *log, root / "index",
                                  {options.index_slots, options.index_entries}, 0, false);
        REQUIRE(set.has_value());
        index = std::move(*set);
        disk = std::make_unique<DiskMeter>(files, root, 90);
        retention =
            std::make_unique<Retention>(Retention::Parts{files, clock, *log, *queues, *index, *disk,
                                                         deleting, [this] { return done_with; }},
                                        rules, log->begin());
        files.calls.clear();
        clock.wall = mqd::wall_ms() + 1000;  // behind every file's time
    }
    /// The first `count` log files were last written so long ago.
    void age(int count, std::int64_t ms) const {
        const auto at = fs::last_write_time(folder.path()) - std::chrono::milliseconds(ms);
        for (int i = 0; i < count; ++i) fs::last_write_time(path_of(i), at);
    }
    fs::path path_of(int log_file) const {
        return folder.path() / "commitlog" / fmt::format("{:020}", log_file * file_bytes);
    }
    std::size_t count(const char* dir) const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder.path() / dir), fs::directory_iterator()));
    }
    int begin() const { return static_cast<int>(log->begin() / file_bytes); }
    /// Steps as the housekeeper would, for so long.
    void run(std::int64_t ms) {
        const std::int64_t end = clock.monotonic + ms;
        for (;;) {
            const std::int64_t wait = retention->step();
            if (clock.monotonic + wait > end) break;
            clock.pass(wait);
        }
        clock.pass(end - clock.monotonic);
    }
    ReadContext reading() { return {*log, levels, damage, false}; }
    ReadResult read(StoredQueue& queue, std::int64_t from) {
        return *read_queue(reading(), queue, {from}, {}, nullptr, LogSource::Mode::wait);
    }
    StoredQueue& queue(std::string_view topic) const { return *queues->find(topic, 0); }
    static Unit unit(const StoredQueue& queue, std::int64_t offset) {
        QueuedUnit out;
        const auto got = queue.read(offset, offset + 1, false, {&out, 1});
        REQUIRE((got && *got == 1));
        return out.unit;
    }
};

void set_hour(HandClock& clock, int hour) {
    for (;;) {
        const auto seconds = static_cast<::time_t>(clock.wall / 1000);
        ::tm local{};
        ::localtime_r(&seconds, &local);
        if (local.tm_hour == hour) return;
        clock.pass(hour_ms / 4);
    }
}

/// What is logged goes to a file while it lives.
class Logged {
public:
    Logged() : before_(::dup(STDERR_FILENO)) {
        std::FILE* to = std::fopen(path().c_str(), "a");
        REQUIRE(to != nullptr);
        ::dup2(::fileno(to), STDERR_FILENO);
        std::fclose(to);
    }
    ~Logged() {
        ::dup2(before_, STDERR_FILENO);
        ::close(before_);
    }
    Logged(const Logged&) = delete;
    Logged& operator=(const Logged&) = delete;
    /// The lines with this event.
    std::vector<std::string> of(std::string_view event) const {
        std::vector<std::string> out;
        std::ifstream in(path());
        for (std::string line; std::getline(in, line);)
            if (line.find(event) != std::string::npos) out.push_back(line);
        return out;
    }

private:
    fs::path path() const { return folder_.path() / "log"; }
    const Folder folder_;
    const int before_;
};

}  // namespace

TEST_CASE("expired log files go in the hour, so many a round and with a pause") {
    Parts is;
    is.rules.hours = {4, 16};
    is.rules.files_a_round = 3;
    is.start();
    is.age(4, 100 * hour_ms);
    set_hour(is.clock, 5);
    is.run(30 * 60'000);
    CHECK(is.begin() == 0);

    set_hour(is.clock, 16);
    is.retention->step();
    CHECK(is.begin() == 1);
    is.run(99);
    CHECK(is.begin() == 1);
    is.run(1);
    CHECK(is.begin() == 2);
    is.run(9'000);
    CHECK(is.begin() == 3);
    is.run(11'000);
    CHECK(is.begin() == 4);  // the next one is young
    CHECK_FALSE(fs::exists(is.path_of(3)));
    CHECK(fs::exists(is.path_of(4)));
    is.run(600'000);
    CHECK(is.begin() == 4);
}

TEST_CASE("files that were written while the clock was ahead go when younger ones are old") {
    Parts is;
    is.start();
    is.age(5, 60 * hour_ms);
    is.age(2, -1000 * hour_ms);
    is.retention->delete_expired(1);
    is.run(10'000);
    CHECK(is.begin() == 0);  // the third is 60 hours old, and 72 are kept
    is.clock.pass(11 * hour_ms);
    is.retention->delete_expired(1);
    is.run(10'000);
    CHECK(is.begin() == 0);
    is.clock.pass(2 * hour_ms);
    is.retention->delete_expired(1);
    is.run(20'000);
    CHECK(is.begin() == 5);
}

TEST_CASE("the last log file stays, whatever its age") {
    Parts is;
    is.rules.keep_ms = 0;
    is.rules.files_a_round = 1000;
    is.start();
    is.retention->delete_expired(1);
    is.run(100'000);
    CHECK(is.count("commitlog") == 1);
    CHECK(is.log->begin() < is.log->end());
    CHECK(is.log->oldest() == nullptr);
}

TEST_CASE("what has not been synced and dispatched stays") {
    Parts is;
    is.rules.keep_ms = 0;
    is.done_with = 2 * file_bytes + 1;
    is.start();
    is.retention->delete_expired(1);
    is.run(1000);
    CHECK(is.begin() == 2);
}

TEST_CASE("expired files go at any hour when asked for or above the limit") {
    Parts is;
    is.rules.files_a_round = 1;
    is.start();
    is.age(5, 100 * hour_ms);
    is.run(60'000);
    CHECK(is.begin() == 0);
    is.retention->delete_expired(2);
    is.retention->step();
    CHECK(is.begin() == 1);  // at once
    is.run(100'000);
    CHECK(is.begin() == 2);
    is.files.log_percent = 75;
    is.run(60'000);
    CHECK(is.begin() == 2);
    SUBCASE("of the log's disk") {
        is.files.log_percent = 76;
    }
    SUBCASE("of the queues' disk") {
        is.files.queues_percent = 76;
    }
    is.run(20'000);
    CHECK(is.begin() == 4);
}

TEST_CASE("files go before their time as long as the disk is too full, and no longer") {
    Parts is;
    is.files.log_percent = 88;
    is.files.percent_a_file = 1;
    SUBCASE("") {
        is.start();
        is.run(60'000);
        CHECK(is.begin() == 3);
        CHECK(is.files.log_percent == 85);
    }
    SUBCASE("unless that is not wanted") {
        is.rules.force = false;
        is.start();
        is.run(60'000);
        CHECK(is.begin() == 0);
    }
    SUBCASE("where that limit is below the other") {
        is.rules.begin_percent = 95;
        is.start();
        is.run(60'000);
        CHECK(is.begin() == 3);
    }
}

TEST_CASE("what goes before its time is counted by topic in a warning, and nothing else is") {
    Parts is;
    int expired = 0;
    SUBCASE("none had expired") {}
    SUBCASE("the first two had") {
        expired = 2;
    }
    is.age(expired, 100 * hour_ms);
    is.start();
    is.queue("Once").load();  // as mqd-check does with all of them
    is.files.log_percent = 88;
    is.files.percent_a_file = 1;
    const Logged logged;
    if (expired > 0) {
        is.retention->delete_expired(1);
        is.files.percent_a_file = 0;
        is.files.log_percent = 10;
        is.run(30'000);
        REQUIRE(is.begin() == expired);
        CHECK(logged.of("messages_removed_before_their_time").empty());
        is.files.log_percent = 87;
        is.files.percent_a_file = 1;
    }
    const std::int64_t before = is.queue("T").min().value;
    is.run(60'000);
    REQUIRE(is.begin() > expired);
    const std::int64_t gone = is.queue("T").min().value - before;
    const auto lines = logged.of("messages_removed_before_their_time");
    REQUIRE(lines.size() == 1);
    const std::int64_t of_once = expired > 0 ? 0 : 4;
    CAPTURE(lines[0]);
    CHECK(lines[0].find(fmt::format("messages={} ", gone + of_once)) != std::string::npos);
    CHECK(lines[0].find(fmt::format("T {}", gone)) != std::string::npos);
    CHECK((lines[0].find("Once 4") != std::string::npos) == (expired == 0));
    CHECK(lines[0].find(fmt::format("files={} ", is.begin() - expired)) != std::string::npos);
}

TEST_CASE("a disk above the limit counts as full until it is below") {
    Parts is;
    is.rules.force = false;
    is.start();
    for (const auto& [log_percent, queues_percent, full] :
         {std::tuple{90, 90, false}, {91, 10, true}, {10, 91, true}, {90, 10, false}}) {
        is.files.log_percent = log_percent;
        is.files.queues_percent = queues_percent;
        is.disk->measure();
        CHECK(is.disk->is_full() == full);
        CHECK(is.disk->use().log_percent == log_percent);
        CHECK(is.disk->use().queues_percent == queues_percent);
    }
}

TEST_CASE("a file that readers hold can be read on, and its space is waited for") {
    Parts is;
    is.files.log_percent = 99;
    is.start();
    const auto held = is.log->file_at(0);
    REQUIRE(held != nullptr);
    const auto head = held->bytes.first(500);
    const std::string before(as_text(head));
    is.run(60'000);
    CHECK(is.begin() == 1);
    CHECK_FALSE(fs::exists(is.path_of(0)));
    CHECK(record_at(is.reading(), {0}).error().code == Errc::not_found);
    CHECK(as_text(head) == before);

    // But not for ever.
    is.run(80'000);
    CHECK(is.begin() > 1);
    CHECK(as_text(head) == before);
}

TEST_CASE("files of queues and index follow the log, and offsets below are too small") {
    Parts is;
    is.start();
    const auto queue_files = is.count("consumequeue/T/0");
    const auto index_files = is.count("index");
    is.age(4, 100 * hour_ms);
    is.retention->delete_expired(1);
    is.run(10'000);
    REQUIRE(is.begin() == 4);

    auto& queue = is.queue("T");
    const std::int64_t min = queue.min().value;
    CHECK(is.unit(queue, min).at == is.log->begin());
    CHECK(queue.max().value == messages);
    CHECK(is.count("consumequeue/T/0") == queue_files - static_cast<std::size_t>(min / 10));
    CHECK(is.count("index") < index_files);
    CHECK(is.count("index") > 1);
    const auto below = is.read(queue, min - 1);
    CHECK(below.status == ReadStatus::offset_too_small);
    CHECK(below.next.value == min);
    const auto at_min = is.read(queue, min);
    CHECK(at_min.status == ReadStatus::found);
    CHECK(load_be<std::int64_t>(&at_min.slices.front().bytes[28]) == is.log->begin());

    // All of this queue's messages are gone, and its offsets go on where they were.
    auto& once = is.queue("Once");
    CHECK(once.min().value == 4);
    CHECK(once.max().value == 4);
    CHECK(is.count("consumequeue/Once/0") == 1);
    CHECK(is.read(once, 0).status == ReadStatus::offset_too_small);
    CHECK(is.read(once, 4).status == ReadStatus::offset_overflow_one);
    CHECK(is.index->query(is.reading(), {"T", "199"}).records.size() == 1);
    CHECK(is.index->query(is.reading(), {"T", "0"}).records.empty());
}

TEST_CASE("each removal of a log file is on disk before the next") {
    Parts is;
    is.start();
    is.age(3, 100 * hour_ms);
    is.retention->delete_expired(1);
    is.run(10'000);
    std::vector<std::string> log_calls;
    for (const auto& call : is.files.calls)
        if (call.find("commitlog") != std::string::npos) log_calls.push_back(call);
    std::vector<std::string> expected;
    for (int i = 0; i < 3; ++i) {
        expected.push_back("remove commitlog/" + is.path_of(i).filename().string());
        expected.emplace_back("sync commitlog");
    }
    CHECK(log_calls == expected);
}

TEST_CASE("a file that cannot be removed holds up nothing else, and is tried again") {
    Parts is;
    is.rules.files_a_round = 2;
    is.start();
    is.age(5, 100 * hour_ms);
    SUBCASE("of a queue") {
        is.files.unremovable = "/T/0/00000000000000000000";
        is.retention->delete_expired(2);
        is.run(15'000);
        CHECK(is.begin() == 4);
        CHECK(is.queue("T").min().value > 80);
        CHECK(fs::exists(is.folder.path() / "consumequeue/T/0/00000000000000000000"));
        is.files.unremovable = "nothing";
        is.run(10'000);
        CHECK_FALSE(fs::exists(is.folder.path() / "consumequeue/T/0/00000000000000000000"));
    }
    SUBCASE("of the index") {
        const auto files = is.count("index");
        is.files.unremovable = "/index/";
        is.retention->delete_expired(2);
        is.run(15'000);
        CHECK(is.begin() == 4);
        CHECK(is.count("index") == files);
        is.files.unremovable = "nothing";
        is.run(10'000);
        CHECK(is.count("index") < files);
    }
    SUBCASE("of the log") {
        is.files.unremovable = "commitlog";
        is.retention->delete_expired(2);
        is.run(5'000);
        CHECK(is.begin() == 0);
        CHECK(record_at(is.reading(), {0}).has_value());
        is.files.unremovable = "nothing";
        is.run(10'000);
        CHECK(is.begin() == 2);
    }
}

TEST_CASE("queues are cleaned on request, and whoever asked is told") {
    Parts is;
    is.start();
    is.age(4, 100 * hour_ms);
    is.files.unremovable = "consumequeue";
    is.retention->delete_expired(1);
    is.run(9'000);
    const auto files = is.count("consumequeue/T/0");
    std::vector<std::string> told;
    const auto ask = [&] {
        is.retention->clean_queues(
            [&](const Result<>& ok) { told.push_back(ok ? "" : ok.error().what); });
    };
    ask();
    is.run(100);
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("cannot be removed") != std::string::npos);
    CHECK(is.count("consumequeue/T/0") == files);
    is.files.unremovable = "nothing";
    ask();
    is.run(100);
    REQUIRE(told.size() == 2);
    CHECK(told[1].empty());
    CHECK(is.count("consumequeue/T/0") < files - 5);
    ask();
    is.retention.reset();
    REQUIRE(told.size() == 3);
    CHECK(told[2].find("closing") != std::string::npos);
}

TEST_CASE("wherever a round is cut off, the store is whole afterwards" *
          doctest::test_suite("slow")) {
    bool whole_round = false;
    for (int changes = 0; !whole_round; ++changes) {
        CAPTURE(changes);
        std::int64_t begin = 0;
        Parts is;
        is.start();
        is.age(3, 100 * hour_ms);
        is.files.changes_left = changes;
        is.retention->delete_expired(1);
        is.run(5'000);
        whole_round = is.files.changes_left > 0;
        begin = is.log->begin();
        is.retention.reset();
        for (const bool crashed : {true, false}) {
            if (crashed) std::ofstream(is.folder.path() / "abort");
            const auto store = open(is.options);
            CHECK(store->begin().value == begin);
            auto& queue = *store->queue("T", 0);
            const std::int64_t min = queue.min().value;
            CHECK(queue.max().value == messages);
            if (begin > 0) CHECK(min > 0);
            CHECK(bodies(*store, queue, min) == numbered("m", static_cast<int>(min), messages));
            CHECK(store->read(queue, {min - 1}, {}, nullptr).status ==
                  ReadStatus::offset_too_small);
            CHECK(append_key(*store, "Once", 9).queue_offset.value == 4);
            CHECK(append_key(*store, "U", 9).queue_offset.value == 0);
            REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
            CHECK(store->query({"T", "199"}).records.size() == 1);
            // What the cut left behind goes with the next round.
            store->delete_expired(1);
            std::atomic<bool> told = false;
            store->clean_queues([&](const Result<>& ok) { told = ok.has_value(); });
            REQUIRE(eventually([&] { return told.load(); }));
            CHECK(store->queue("T", 0)->min().value >= min);
            CHECK(fs::exists(is.folder.path() / "consumequeue/T/0" /
                             fmt::format("{:020}", min / 10 * 200)));
            if (min >= 10)
                CHECK_FALSE(fs::exists(is.folder.path() / "consumequeue/T/0" /
                                       fmt::format("{:020}", (min / 10 - 1) * 200)));
            REQUIRE(store->close().has_value());
            // Only once: the second time begins from the same messages.
            if (crashed) break;
        }
    }
}

TEST_CASE("units that fill a gap are nobody's first message") {
    Parts is;
    is.rules.keep_ms = 0;
    is.rules.files_a_round = 1000;
    is.start();
    auto& queue = static_cast<ConsumeQueue&>(*is.queues->find_or_make("Gaps", 0));
    const auto write = [&](std::int64_t offset, const Unit& unit) {
        std::array<std::byte, Unit::bytes_each> bytes;
        unit.store(bytes.data());
        REQUIRE(queue.write_units(offset, bytes, unit.at).has_value());
    };
    const Unit expiring = is.unit(is.queue("T"), 0);
    const Unit staying = is.unit(is.queue("T"), messages - 2);
    const Unit last = is.unit(is.queue("T"), messages - 1);
    write(0, expiring);
    write(13, expiring);
    write(35, staying);
    write(50, last);
    is.retention->delete_expired(1);
    is.run(9'000);
    REQUIRE(is.count("commitlog") == 1);
    CHECK(queue.min().value == 35);
    CHECK_FALSE(fs::exists(is.folder.path() / "consumequeue/Gaps/0/00000000000000000400"));
    CHECK(fs::exists(is.folder.path() / "consumequeue/Gaps/0/00000000000000000600"));
}

TEST_CASE("senders and readers go on while the log is cut behind them" *
          doctest::test_suite("slow")) {
    const Folder folder;
    auto options = small(folder.path());
    options.retention.keep_ms = 0;
    options.retention.pause_ms = 1;
    options.retention.files_a_round = 1000;
    const auto store = open(options);
    std::atomic<bool> sent = false;
    std::thread sender([&] {
        for (int i = 0; i < 2000; ++i) append(*store, "T", 0, "m" + std::to_string(i), "tag");
        sent = true;
    });
    std::thread cleaner([&] {
        while (!sent) {
            std::atomic<bool> told = false;
            store->delete_expired(1);
            store->clean_queues([&](const Result<>& ok) {
                CHECK(ok.has_value());
                told = true;
            });
            store->when_synced(store->end(), 10'000, [](bool) {});  // only synced files go
            while (!told) std::this_thread::yield();
        }
    });
    // Every message seen is the one of its offset, and those passed over are gone for good.
    Queue& queue = *store->queue("T", 0);
    QueueOffset next{0};
    std::int64_t seen = 0;
    while (next.value < 2000) {
        const auto result = store->read(queue, next, {}, nullptr);
        std::int64_t offset = -1;
        for (const auto& slice : result.slices) {
            for (Bytes rest = slice.bytes; !rest.empty();) {
                const auto record = message::RecordView::parse(rest);
                REQUIRE(record.has_value());
                CHECK(record->queue_offset.value > offset);
                offset = record->queue_offset.value;
                CHECK(record->body == "m" + std::to_string(offset));
                rest = rest.subspan(record->bytes.size());
                ++seen;
            }
        }
        if (result.next == next)
            std::this_thread::yield();
        else
            REQUIRE(result.next > next);
        next = result.next;
    }
    sender.join();
    cleaner.join();
    CHECK(seen > 0);
    // In case a busy machine has let no round end before, of which only what is synced can go.
    REQUIRE(eventually(
        [&] { return store->synced() == store->end() && store->dispatched() == store->end(); }));
    store->delete_expired(1);
    CHECK(eventually([&] { return store->begin().value > 0; }));
    CHECK(queue.max().value == 2000);
    CHECK(store->close().has_value());
}

}  // namespace mqd::store::test
