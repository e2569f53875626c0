#include "store/check/verify.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "message/sys_flag.h"
#include "store/index/index_format.h"
#include "verify_support.h"

namespace mqd::store::test {
namespace {

struct Flip {
    std::int64_t at = 0;
    int bit = 0;
};

/// Flips a bit in each byte of [from, to) in turn, or each of its bits, and gives those flips that
/// nobody noticed.
std::vector<Flip> unnoticed(const fs::path& root, const fs::path& path, std::int64_t from,
                            std::int64_t to, bool deep, bool each_bit) {
    const int fd = ::open((root / path).c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    std::vector<Flip> out;
    for (std::int64_t at = from; at < to; ++at) {
        unsigned char byte = 0;
        REQUIRE(::pread(fd, &byte, 1, at) == 1);
        for (int bit = 0; bit < 8; ++bit) {
            if (!each_bit && bit != at % 8) continue;
            const auto flipped = static_cast<unsigned char>(byte ^ (1U << unsigned(bit)));
            REQUIRE(::pwrite(fd, &flipped, 1, at) == 1);
            if (findings(root, deep).empty()) out.push_back({at, bit});
            REQUIRE(::pwrite(fd, &byte, 1, at) == 1);
        }
    }
    ::close(fd);
    return out;
}

std::string places(const std::vector<Flip>& flips) {
    std::string out;
    for (const auto& flip : flips) out += fmt::format("{}:{} ", flip.at, flip.bit);
    return out;
}

std::int64_t size_of(const fs::path& path) {
    return static_cast<std::int64_t>(fs::file_size(path));
}

/// Where the records of a log file lie in it.
std::vector<std::pair<std::int64_t, std::int64_t>> records_of(const fs::path& path) {
    const auto bytes = contents(path);
    std::vector<std::pair<std::int64_t, std::int64_t>> out;
    for (std::size_t at = 0; at + 8 < bytes.size();) {
        const auto head = message::RecordHead::read(as_bytes(bytes).data() + at);
        if (!head.is_record()) break;
        out.emplace_back(at, at + static_cast<std::size_t>(head.total_bytes));
        at += static_cast<std::size_t>(head.total_bytes);
    }
    return out;
}

}  // namespace

TEST_CASE("the stores of the real RocketMQ verify clean") {
    const fs::path sample = sample_dir();
    if (sample.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample store");
        return;
    }
    for (const char* archive : {sample_archive, sample_extras}) {
        const Folder folder;
        REQUIRE(unpack(sample / archive, folder.path()));
        for (const bool deep : {false, true})
            CHECK(findings(folder.path() / "store", deep) == std::vector<std::string>{});
    }
}

TEST_CASE("a flipped bit anywhere is found where records carry their CRC" *
          doctest::test_suite("slow")) {
    const Folder folder;
    const auto& root = folder.path();
    auto options = small(root);
    options.index_slots = 20;
    options.index_entries = 80;
    make_store(options, 20, true);
    REQUIRE(findings(root, true).empty());
    const fs::path log = first_file(root, "commitlog");
    const auto records = records_of(root / log);
    REQUIRE(records.size() > 4);

    SUBCASE("every bit of a record") {
        const auto missed = unnoticed(root, log, records[2].first, records[2].second, false, true);
        CHECK(places(missed) == "");
    }
    SUBCASE("every byte of the log, but for those behind a blank's head, which nobody reads") {
        for (const auto& entry : fs::directory_iterator(root / "commitlog")) {
            const auto path = fs::relative(entry.path(), root);
            const auto all = records_of(entry.path());
            const bool last = path == last_file(root, "commitlog");
            const auto end = all.back().second;
            CHECK(places(unnoticed(root, path, 0, last ? end : end + 8, false, false)) == "");
            if (last)
                CHECK(places(unnoticed(root, path, size_of(root / path) - 64, size_of(root / path),
                                       false, false)) == "");
        }
    }
    SUBCASE("every bit of the queues") {
        for (const auto& entry : fs::recursive_directory_iterator(root / "consumequeue"))
            if (entry.is_regular_file())
                CHECK(places(unnoticed(root, fs::relative(entry.path(), root), 0,
                                       static_cast<std::int64_t>(entry.file_size()), false,
                                       entry.path().parent_path().filename() == "1")) == "");
    }
    SUBCASE("every byte of the index") {
        const fs::path index = first_file(root, "index");
        CHECK(places(unnoticed(root, index, 0, size_of(root / index), false, false)) == "");
    }
    SUBCASE("every bit of the checkpoint, and bytes behind its fields") {
        CHECK(places(unnoticed(root, "checkpoint", 0, 48, false, true)) == "");
        CHECK(places(unnoticed(root, "checkpoint", 4000, 4096, false, false)) == "");
    }
}

TEST_CASE("without that CRC it is found but in what nothing else in a store tells of") {
    const Folder folder;
    const auto& root = folder.path();
    make_store(small(root), 8, false);
    const fs::path log = first_file(root, "commitlog");
    const auto [begin, end] = records_of(root / log)[1];
    const auto record =
        contents(root / log)
            .substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    // In the record: the free flag, two bits of the sys flag (multi-tags, need unwrap), those of
    // a committed transaction and the born time, the born host, the low bytes of the store time,
    // the store host, reconsume times.
    const std::vector<std::pair<std::int64_t, std::int64_t>> excused = {
        {16, 20}, {39, 40}, {40, 48}, {48, 52}, {54, 56}, {62, 64}, {64, 68}, {70, 72}, {72, 76}};
    const auto extra = static_cast<std::int64_t>(record.find("extra"));
    for (const auto& flip : unnoticed(root, log, begin, end, true, true)) {
        const std::int64_t at = flip.at - begin;
        CAPTURE(at);
        CAPTURE(flip.bit);
        const bool known = std::ranges::any_of(
            excused, [&](const auto& range) { return at >= range.first && at < range.second; });
        // A property that is neither tag nor key, and the end of the last, which may be missing.
        const bool property = at >= extra && at < extra + 12;
        CHECK((known || property));
    }
}

TEST_CASE("configuration files are looked at as far as they can be") {
    const Folder folder;
    const auto& root = folder.path();
    make_store(small(root), 8, true);
    const auto says = [&](const char* name, std::string_view text) {
        fs::create_directories(root / "config");
        std::ofstream(root / "config" / name) << text;
        const auto all = findings(root);
        fs::remove(root / "config" / name);
        return all.empty() ? std::string() : all.front();
    };
    CHECK(says("topics.json", R"({"topicConfigTable":{"T":{"topicName":"T","perm":6,
        "readQueueNums":2,"writeQueueNums":2,"topicSysFlag":0}}})") == "");
    CHECK(says("topics.json", R"({"topicConfigTable":{"T":{"topicName":"U","perm":6,
        "readQueueNums":2,"writeQueueNums":2,"topicSysFlag":0}}})") ==
          "config/topics.json: topic T calls itself 'U'");
    CHECK(says("topics.json", "{\"topicConfigTable\":{") != "");
    CHECK(says("topics.json.bak", "") == "config/topics.json.bak: empty");
    CHECK(says("topics.json", R"({"topicCnofigTable":{}})") ==
          "config/topics.json: no topicConfigTable in it");
    CHECK(says("topics.json.changes", "00000000 {}\n") == "");  // of no table
    std::ofstream(root / "config" / "topics.json") << R"({"topicConfigTable":{}})";
    CHECK(says("topics.json.changes", "00000000 {}\n") != "");
    fs::remove(root / "config" / "topics.json");
    CHECK(says("consumerOffset.json", R"({"offsetTable":{"T@G":{0:4,1:4}}})") == "");
    CHECK(says("consumerOffset.json", R"({"offsetTable":{"T@G":{0:5,1:4}}})") ==
          "config/consumerOffset.json: T@G: queue 0 at 5, behind its end at 4");
    CHECK(says("consumerOffset.json", R"({"offsetTable":{"T@G":{0:-1}}})") != "");
    CHECK(says("delayOffset.json", R"({"offsetTable":{3:1}})") ==
          "config/delayOffset.json: level 3 at 1, its queue ends at 0");
}

TEST_CASE("what a crash has left is told as what the next start mends, and is") {
    const Folder running, folder;
    const auto options = small(running.path());
    const auto store = open(options);
    for (int i = 0; i < 30; ++i) append(*store, "T", i % 2, "m" + std::to_string(i));
    wait_dispatched(*store);
    fs::remove_all(folder.path());
    copy_live(running.path(), folder.path());
    const auto& root = folder.path();

    // A record half written, and units that did not get to disk.
    auto half = contents(root / first_file(root, "commitlog")).substr(0, 90);
    put(root / last_file(root, "commitlog"), store->end().value % 4096, half);
    put(root / "consumequeue" / "T" / "0" / "00000000000000000200", 80, std::string(20, '\0'));
    const auto found = findings(root);
    REQUIRE(found.size() == 2);
    for (const auto& finding : found) CHECK(finding.ends_with("(the next start mends it)"));
    auto again = options;
    again.root = root;
    REQUIRE(open(again)->close().has_value());
    CHECK(findings(root, true) == std::vector<std::string>{});
}

TEST_CASE("damage is told once, with its place, its length and what it is") {
    const Folder folder;
    const auto& root = folder.path();
    make_store(small(root), 60, false);
    const fs::path log = first_file(root, "commitlog");
    const auto records = records_of(root / log);
    const auto bytes = [&](std::size_t i) { return records[i].second - records[i].first; };
    const auto expect = [&](std::vector<std::string> expected) {
        CHECK(findings(root) == expected);
        // In chunks smaller than a record, by several threads, it is the same.
        for (const std::int64_t chunk : {100, 1000, 5000}) {
            std::vector<std::string> out;
            VerifyOptions options;
            options.threads = 3;
            options.chunk_bytes = chunk;
            REQUIRE(verify(root, options, [&](const Finding& finding) {
                        out.push_back(finding.to_string());
                    }).has_value());
            CHECK(out == expected);
        }
    };
    expect({});
    SUBCASE("a body") {
        put(root / log, records[3].first + 90, "\xff");
        expect({fmt::format("commitlog at {}, {} bytes: a record whose body fails its CRC",
                            records[3].first, bytes(3)),
                fmt::format("consumequeue/T/1 unit 1: leads to {}, where its record is not",
                            records[3].first)});
    }
    SUBCASE("the end of a file") {
        const auto end = records.back().second;
        put(root / log, end, std::string("\0\0\0\1\0\0\0\0", 8));
        const auto found = findings(root);
        REQUIRE(found.size() == 1);
        CHECK(found[0].starts_with(fmt::format("commitlog at {}, {} bytes: ", end, 4096 - end)));
    }
    SUBCASE("a missing file") {
        const auto second = file_names(root / "commitlog").at(1);
        fs::remove(root / "commitlog" / second);
        const auto found = findings(root);
        REQUIRE(!found.empty());
        CHECK(found[0] == "commitlog at 4096, 4096 bytes: a file is missing");
    }
    SUBCASE("units that were never written") {
        put(root / "consumequeue" / "T" / "0" / "00000000000000000000", 40, std::string(60, '\0'));
        expect({fmt::format("consumequeue/T/0 unit 2 and 2 more: missing; its record lies at {}",
                            records[4].first)});
    }
    SUBCASE("a queue that is gone") {
        fs::remove_all(root / "consumequeue" / "T" / "1");
        expect({fmt::format("consumequeue/T/1: missing, with 30 messages in the log from {} on",
                            records[1].first)});
    }
    SUBCASE("bytes behind the end") {
        const auto end = records_of(root / last_file(root, "commitlog")).back().second;
        put(root / last_file(root, "commitlog"), end + 100, "stale");
        const auto found = findings(root);
        REQUIRE(found.size() == 1);
        CHECK(found[0].find(", 105 bytes: behind the last record: ") != std::string::npos);
    }
    SUBCASE("files that do not belong there, or are too short") {
        std::ofstream(root / "commitlog" / "notes.txt") << "x";
        fs::resize_file(root / "consumequeue" / "T" / "0" / "00000000000000000000", 100);
        const auto found = findings(root);
        REQUIRE(found.size() >= 2);
        CHECK(found[0] == "commitlog/notes.txt: no file of a store");
        CHECK(found[1] ==
              "consumequeue/T/0/00000000000000000000: 100 bytes, not 200 as the others");
    }
}

TEST_CASE("a record's image inside a body is no record") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 65536;
    const auto store = open(options);
    REQUIRE(append(*store, "T", 0, "first").stored);
    Buffer image;
    encode(image, "Other", 9, "inner");
    // It says that it lies where it will lie: in a body that begins 72 bytes behind the end.
    message::place(image.bytes(), {5}, {store->end().value + 72 + 16}, 4711);
    REQUIRE(
        append(*store, "T", 0, std::string(16, 'x') + std::string(as_text(image.bytes()))).stored);
    REQUIRE(append(*store, "T", 0, "last").stored);
    REQUIRE(store->close().has_value());
    for (const std::int64_t chunk : {10, 100, 150, 200}) {
        VerifyOptions in_chunks;
        in_chunks.chunk_bytes = chunk;
        in_chunks.threads = 2;
        const auto report = verify(folder.path(), in_chunks, [](const Finding&) {});
        REQUIRE(report.has_value());
        CHECK(report->findings == 0);
        CHECK(report->records == 3);
    }
}

TEST_CASE("verify changes nothing, not even a time") {
    const Folder folder;
    make_store(small(folder.path()), 20, true);
    const auto before = state_of(folder.path());
    findings(folder.path(), true);
    CHECK(state_of(folder.path()) == before);
}

}  // namespace mqd::store::test
