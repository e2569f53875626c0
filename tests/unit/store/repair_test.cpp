#include "store/check/repair.h"

#include <algorithm>
#include <fstream>

#include "message/sys_flag.h"
#include "store/log/repair_record.h"
#include "verify_support.h"

namespace mqd::store::test {
namespace {

struct Repaired {
    std::vector<std::string> steps;
    RepairReport report;
};

Repaired run_repair(const fs::path& root, bool apply) {
    Repaired out;
    RepairOptions options;
    options.apply = apply;
    const auto report =
        repair(root, options, [&](const std::string& step) { out.steps.push_back(step); });
    INFO((report ? std::string() : report.error().what));
    REQUIRE(report.has_value());
    out.report = *report;
    return out;
}

/// Tells the same without doing it, does it, and has nothing more to do then. Gives the steps.
std::vector<std::string> mended(const fs::path& root) {
    const auto before = state_of(root);
    const auto plan = run_repair(root, false);
    CHECK(state_of(root) == before);
    const auto done = run_repair(root, true);
    CHECK(done.steps == plan.steps);
    CHECK(done.report.left == 0);
    CHECK(findings(root, true) == std::vector<std::string>{});
    const auto after = state_of(root);
    CHECK(run_repair(root, true).steps == std::vector<std::string>{});
    CHECK(state_of(root) == after);
    CHECK_FALSE(fs::exists(root / "abort"));
    return done.steps;
}

/// The numbers of the messages that a queue of make_store() still gives, once each.
std::vector<int> numbers(Store& store, int queue) {
    std::vector<int> out;
    for (const auto& body : bodies(store, *store.queue("T", queue))) {
        const int number = std::stoi(body.substr(body.rfind(' ') + 1));
        if (out.empty() || out.back() != number) out.push_back(number);
    }
    return out;
}

void check_messages(const Options& options, int count, const std::vector<int>& lost) {
    const auto store = open(options);
    for (int q = 0; q < 2; ++q) {
        std::vector<int> expected;
        for (int i = q; i < count; i += 2)
            if (std::ranges::find(lost, i) == lost.end()) expected.push_back(i);
        CHECK(numbers(*store, q) == expected);
    }
    REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
    for (int i = 0; i < count; ++i) {
        const auto key = fmt::format("k{}", i);
        const bool there = std::ranges::find(lost, i) == lost.end();
        CHECK(store->query({"T", key}).records.size() == (there ? 1U : 0U));
    }
    // And goes on.
    REQUIRE(append(*store, "T", 0, "one more 1000").stored);
    REQUIRE(append(*store, "T", 1, "one more 1001").stored);
    wait_dispatched(*store);
    CHECK(numbers(*store, 0).back() == 1000);
    CHECK(numbers(*store, 1).back() == 1001);
    REQUIRE(store->close().has_value());
    CHECK(findings(options.root, true) == std::vector<std::string>{});
}

std::pair<std::int64_t, std::int64_t> record_of(const fs::path& log, std::size_t number) {
    const auto bytes = contents(log);
    std::int64_t at = 0;
    for (;; --number) {
        const auto head = message::RecordHead::read(as_bytes(bytes).data() + at);
        REQUIRE(head.is_record());
        if (number == 0) return {at, head.total_bytes};
        at += head.total_bytes;
    }
}

constexpr int messages = 60;

}  // namespace

TEST_CASE("there is nothing to repair in a sound store") {
    const Folder folder;
    make_store(small(folder.path()), messages, false);
    CHECK(mended(folder.path()).empty());
}

TEST_CASE("one flipped bit in a record is put back" * doctest::test_suite("slow")) {
    for (const bool sums : {false, true}) {
        const Folder folder;
        const auto& root = folder.path();
        const auto options = small(root);
        make_store(options, messages, sums);
        const auto log = first_file(root, "commitlog");
        const auto sound = contents(root / log);
        const auto [at, bytes] = record_of(root / log, 5);
        // Size, magic, body CRC, offset in the log, length of the body, the body; with a CRC of its
        // own also what only that covers.
        std::vector<std::int64_t> places = {2, 6, 9, 30, 86, 95};
        if (sums) places.insert(places.end(), {17, 44, 50, 60, 66, bytes - 15, bytes - 3});
        for (const auto place : places) {
            CAPTURE(place);
            const char flipped = static_cast<char>(sound[static_cast<std::size_t>(at + place)] ^ 4);
            put(root / log, at + place, {&flipped, 1});
            const auto steps = mended(root);
            REQUIRE(!steps.empty());
            CHECK(steps[0] ==
                  fmt::format("put a flipped bit back in the record at {}, bit 2 of byte {}", at,
                              place));
            CHECK(contents(root / log) == sound);
        }
        check_messages(options, messages, {});
    }
}

TEST_CASE("damage inside the log costs its own messages only") {
    const Folder folder;
    const auto& root = folder.path();
    const auto options = small(root);
    make_store(options, messages, false);
    const auto log = first_file(root, "commitlog");
    const auto fifth = record_of(root / log, 5);
    const auto seventh = record_of(root / log, 7);
    std::vector<int> lost;
    std::int64_t at = fifth.first;
    std::int64_t bytes = 0;
    SUBCASE("one message") {
        lost = {5};
        bytes = fifth.second;
    }
    SUBCASE("the first one") {
        lost = {0};
        at = 0;
        bytes = record_of(root / log, 0).second;
    }
    SUBCASE("several") {
        lost = {5, 6, 7};
        bytes = seventh.first + seventh.second - fifth.first;
    }
    const auto before =
        contents(root / log).substr(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes));
    put(root / log, at + 2, std::string(static_cast<std::size_t>(bytes - 2), '#'));
    const auto report = run_repair(root, false);
    CHECK(std::ranges::count(
              report.steps,
              fmt::format("fill {} bytes of the log at {}, which cannot be read", bytes, at)) == 1);
    mended(root);
    // What was there is kept.
    bool kept = false;
    for (const auto& entry : fs::recursive_directory_iterator(root))
        if (entry.path().filename() == fmt::format("commitlog-{}-{}", at, bytes))
            kept = contents(entry.path()) ==
                   before.substr(0, 2) + std::string(static_cast<std::size_t>(bytes - 2), '#');
    CHECK(kept);
    check_messages(options, messages, lost);
}

TEST_CASE("a log file that cannot be read to its end, or is gone, ends with a blank") {
    const Folder folder;
    const auto& root = folder.path();
    const auto options = small(root);
    make_store(options, messages, false);
    const auto names = file_names(root / "commitlog");
    REQUIRE(names.size() >= 3);
    const auto second = root / "commitlog" / names[1];
    const int first_gone = [&] {
        const auto head = contents(second);
        const auto record = message::RecordView::parse(as_bytes(head));
        return static_cast<int>(record->queue_offset.value * 2 + record->queue_id);
    }();
    const int first_kept = [&] {
        const auto head = contents(root / "commitlog" / names[2]);
        const auto record = message::RecordView::parse(as_bytes(head));
        return static_cast<int>(record->queue_offset.value * 2 + record->queue_id);
    }();
    std::vector<int> lost;
    SUBCASE("gone") {
        fs::remove(second);
        for (int i = first_gone; i < first_kept; ++i) lost.push_back(i);
    }
    SUBCASE("damaged from a record on") {
        const auto [at, bytes] = record_of(second, 3);
        put(second, at, std::string(static_cast<std::size_t>(4096 - at), '#'));
        for (int i = first_gone + 3; i < first_kept; ++i) lost.push_back(i);
    }
    SUBCASE("cut short") {
        const auto [at, bytes] = record_of(second, 3);
        fs::resize_file(second, static_cast<std::uintmax_t>(at + 10));
        for (int i = first_gone + 3; i < first_kept; ++i) lost.push_back(i);
    }
    mended(root);
    check_messages(options, messages, lost);
}

TEST_CASE("queues and index are made again from the log" * doctest::test_suite("slow")) {
    const Folder folder;
    const auto& root = folder.path();
    const auto options = small(root);
    make_store(options, messages, false);
    const auto queue = fs::path("consumequeue") / "T" / "0";
    SUBCASE("a tags code") {
        put(root / queue / file_names(root / queue)[0], 20 * 3 + 15, "x");
    }
    SUBCASE("a file of a queue") {
        fs::remove(root / queue / file_names(root / queue)[1]);
    }
    SUBCASE("a queue") {
        fs::remove_all(root / queue);
    }
    SUBCASE("a short file of a queue") {
        fs::resize_file(root / queue / file_names(root / queue)[0], 60);
    }
    SUBCASE("an entry of the index") {
        put(root / first_file(root, "index"), 40 + 4 * 100 + 20 * 3 + 7, "x");
    }
    SUBCASE("a header of the index") {
        put(root / first_file(root, "index"), 34, "x");
    }
    CHECK(!mended(root).empty());
    check_messages(options, messages, {});
}

TEST_CASE("the tail is cut and kept, the checkpoint made anew, a crash recovered") {
    const Folder folder;
    const auto& root = folder.path();
    const auto options = small(root);
    make_store(options, messages, false);
    SUBCASE("a tail") {
        const auto last = last_file(root, "commitlog");
        const auto bytes = contents(root / last);
        put(root / last, static_cast<std::int64_t>(bytes.find_last_not_of('\0') + 1), "stale");
    }
    SUBCASE("a checkpoint") {
        put(root / "checkpoint", 3, "xyz");
    }
    SUBCASE("a short checkpoint") {
        fs::resize_file(root / "checkpoint", 20);
    }
    SUBCASE("a crash") {
        std::ofstream(root / "abort") << "1";
    }
    SUBCASE("a foreign file") {
        std::ofstream(root / "commitlog" / "notes.txt") << "x";
    }
    CHECK(!mended(root).empty());
    check_messages(options, messages, {});
}

TEST_CASE("a configuration file is replaced by its .bak, offsets come back into their queues") {
    const Folder folder;
    const auto& root = folder.path();
    make_store(small(root), messages, false);
    const auto config = root / "config";
    fs::create_directories(config);
    const std::string offsets = R"({"offsetTable":{"T@G":{0:7,1:8}}})";
    SUBCASE("damaged") {
        std::ofstream(config / "consumerOffset.json") << "{\"offs";
        std::ofstream(config / "consumerOffset.json.bak") << offsets;
        CHECK(mended(root).size() == 1);
        CHECK(contents(config / "consumerOffset.json") == offsets);
    }
    SUBCASE("its .bak is") {
        std::ofstream(config / "consumerOffset.json") << offsets;
        std::ofstream(config / "consumerOffset.json.bak") << "";
        CHECK(mended(root).size() == 1);
        CHECK(contents(config / "consumerOffset.json.bak") == offsets);
    }
    SUBCASE("both are: that cannot be mended") {
        std::ofstream(config / "consumerOffset.json") << "{";
        std::ofstream(config / "consumerOffset.json.bak") << "{";
        const auto done = run_repair(root, true);
        CHECK(done.report.cannot == 2);
        CHECK(done.report.left == 2);
    }
    SUBCASE("an offset behind its queue's end") {
        std::ofstream(config / "consumerOffset.json")
            << R"({"offsetTable":{"T@G":{0:31,1:30},"T@H":{0:4}}})";
        CHECK(mended(root).size() == 1);
        std::string text = contents(config / "consumerOffset.json");
        std::erase_if(text, [](char c) { return c == '\n' || c == '\t' || c == '"'; });
        CHECK(text == "{offsetTable:{T@G:{0:30,1:30},T@H:{0:4}}}");
    }
}

TEST_CASE("fillings are whole records that get neither unit nor key") {
    for (const std::int64_t bytes : {92, 101, 102, 5000, (1 << 20) + 1, (1 << 20) + 91, 3 << 20}) {
        CAPTURE(bytes);
        const auto filled = repairing::filling(4711, bytes, 1);
        REQUIRE(static_cast<std::int64_t>(filled.size()) == bytes);
        std::int64_t at = 4711;
        for (Bytes rest = filled; !rest.empty();) {
            const auto record = message::RecordView::parse(rest);
            REQUIRE(record.has_value());
            CHECK(record->at.value == at);
            CHECK(record->body_crc_ok());
            CHECK(record->transaction_type() == message::sys_flag::transaction_rollback);
            at += static_cast<std::int64_t>(record->bytes.size());
            rest = rest.subspan(record->bytes.size());
        }
    }
    CHECK(repairing::filling(0, 91, 1).empty());
}

}  // namespace mqd::store::test
