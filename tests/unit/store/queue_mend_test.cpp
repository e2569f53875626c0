// Consume queues that were damaged or changed outside a crash's recovery: they are held against the
// log before they are served, and made whole again from it. No number begins again.

#include <fstream>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "held_files.h"
#include "store/file_names.h"
#include "verify_support.h"

namespace mqd::store::test {
namespace {

constexpr int messages = 100;  // of each of two queues: ten files of ten units

std::string sent(int queue, int number) {
    return fmt::format("q{}m{}", queue, number);
}

std::vector<std::string> all_of(int queue, int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) out.push_back(sent(queue, i));
    return out;
}

/// A store with two queues, stopped.
Options stopped_store(const fs::path& root, bool clean) {
    auto options = small(root);
    options.index = false;
    options.house_tick_ms = 10;
    const auto store = open(options);
    for (int i = 0; i < messages; ++i)
        for (int q = 0; q < 2; ++q) REQUIRE(append(*store, "T", q, sent(q, i)).stored);
    wait_dispatched(*store);
    if (clean) REQUIRE(store->close().has_value());
    return options;
}

fs::path unit_file(const fs::path& root, int queue, std::int64_t base) {
    return root / "consumequeue/T" / std::to_string(queue) / file_name(base);
}

void check_all(Store& store, int count) {
    for (int q = 0; q < 2; ++q) {
        CHECK(store.queue("T", q)->min().value == 0);
        CHECK(store.queue("T", q)->max().value == count);
        CHECK(bodies(store, *store.queue("T", q)) == all_of(q, count));
    }
}

struct Damage {
    const char* name;
    std::function<void(const fs::path& root, Options& options)> make;
};

std::vector<Damage> damages() {
    const auto zero = [](const fs::path& path, std::int64_t at, std::size_t bytes) {
        put(path, at, std::string(bytes, '\0'));
    };
    return {
        {"no damage", [](auto&, auto&) {}},
        {"a short file", [](auto& root, auto&) { fs::resize_file(unit_file(root, 0, 400), 140); }},
        {"a short last file, not even whole units",
         [](auto& root, auto&) { fs::resize_file(unit_file(root, 0, 1800), 87); }},
        {"a long file", [](auto& root, auto&) { fs::resize_file(unit_file(root, 0, 600), 300); }},
        {"an empty file in the middle",
         [](auto& root, auto&) { fs::resize_file(unit_file(root, 0, 600), 0); }},
        {"an empty last file",
         [](auto& root, auto&) { fs::resize_file(unit_file(root, 0, 1800), 0); }},
        {"the first file is missing", [](auto& root, auto&) { fs::remove(unit_file(root, 0, 0)); }},
        {"two files in the middle are missing",
         [](auto& root, auto&) {
             fs::remove(unit_file(root, 0, 600));
             fs::remove(unit_file(root, 0, 800));
         }},
        {"the last file is missing",
         [](auto& root, auto&) { fs::remove(unit_file(root, 0, 1800)); }},
        {"all files are missing",
         [](auto& root, auto&) {
             fs::remove_all(root / "consumequeue/T/0");
             fs::create_directories(root / "consumequeue/T/0");
         }},
        {"a folder is missing",
         [](auto& root, auto&) { fs::remove_all(root / "consumequeue/T/0"); }},
        {"a topic's folder is missing",
         [](auto& root, auto&) { fs::remove_all(root / "consumequeue/T"); }},
        {"all folders are missing",
         [](auto& root, auto&) { fs::remove_all(root / "consumequeue"); }},
        {"larger files are asked for",
         [](auto&, auto& options) { options.consume_queue_file_bytes = 420; }},
        {"much larger files are asked for",
         [](auto&, auto& options) { options.consume_queue_file_bytes = 6'000'000; }},
        {"smaller files are asked for",
         [](auto&, auto& options) { options.consume_queue_file_bytes = 60; }},
        {"a file of zeros", [=](auto& root, auto&) { zero(unit_file(root, 0, 600), 0, 200); }},
        {"the first file is of zeros",
         [=](auto& root, auto&) { zero(unit_file(root, 0, 0), 0, 200); }},
        {"zeros over a file's end",
         [=](auto& root, auto&) {
             zero(unit_file(root, 0, 600), 100, 100);
             zero(unit_file(root, 0, 800), 0, 60);
         }},
        {"the last units are zero",
         [=](auto& root, auto&) { zero(unit_file(root, 0, 1800), 60, 140); }},
        {"all units are zero",
         [=](auto& root, auto&) {
             for (int base = 0; base < 2000; base += 200) zero(unit_file(root, 0, base), 0, 200);
         }},
        {"a file of another queue",
         [](auto& root, auto&) {
             fs::copy_file(unit_file(root, 1, 800), unit_file(root, 0, 800),
                           fs::copy_options::overwrite_existing);
         }},
        {"all files of another queue",
         [](auto& root, auto&) {
             fs::remove_all(root / "consumequeue/T/0");
             fs::copy(root / "consumequeue/T/1", root / "consumequeue/T/0");
         }},
        {"an older copy of the last file",
         [](auto& root, auto&) {
             fs::copy_file(unit_file(root, 0, 400), unit_file(root, 0, 1800),
                           fs::copy_options::overwrite_existing);
         }},
        {"a last unit that leads elsewhere",
         [](auto& root, auto&) { put(unit_file(root, 0, 1800), 180, std::string(8, '\x11')); }},
        {"a first unit that leads elsewhere",
         [](auto& root, auto&) { put(unit_file(root, 0, 0), 6, "\x11"); }},
        {"an older backup of the folder",
         [](auto& root, auto&) {
             for (int base = 1000; base < 2000; base += 200) fs::remove(unit_file(root, 0, base));
         }},
        {"an end and a file before it",
         [](auto& root, auto&) {
             fs::remove(unit_file(root, 0, 200));
             fs::remove(unit_file(root, 0, 1600));
             fs::remove(unit_file(root, 0, 1800));
         }},
    };
}

}  // namespace

TEST_CASE("a queue that was changed from outside is made whole before it is served" *
          doctest::test_suite("slow")) {
    for (const bool clean : {true, false}) {
        for (const auto& damage : damages()) {
            for (const bool send_first : {false, true}) {
                const auto name = fmt::format("{}, {}, {}", damage.name, clean ? "clean" : "killed",
                                              send_first ? "sends first" : "reads first");
                CAPTURE(name);
                const Folder folder;
                auto options = stopped_store(folder.path(), clean);
                damage.make(folder.path(), options);
                auto store = open(options);
                int count = messages;
                if (send_first) {
                    for (int q = 0; q < 2; ++q)
                        CHECK(append(*store, "T", q, sent(q, count)).queue_offset.value == count);
                    ++count;
                    wait_dispatched(*store);
                }
                check_all(*store, count);
                REQUIRE(store->close().has_value());
                CHECK(findings(folder.path()) == std::vector<std::string>());
                // And once more, which finds nothing to do.
                std::vector<QueueChange> changes;
                store = open(options);
                store->on_queue_change([&](const QueueChange& c) { changes.push_back(c); });
                check_all(*store, count);
                CHECK(changes.empty());
                REQUIRE(store->close().has_value());
            }
        }
    }
}

TEST_CASE("who listens is told of a queue that was made again") {
    const Folder folder;
    const auto options = stopped_store(folder.path(), true);
    fs::remove_all(folder.path() / "consumequeue/T/0");
    const auto store = open(options);
    Mutex lock;
    std::vector<QueueChange> changes;
    store->on_queue_change([&](const QueueChange& change) {
        const Lock held(lock);
        changes.push_back(change);
    });
    // The housekeeping looks at queues that nobody uses.
    REQUIRE(eventually([&] {
        const Lock held(lock);
        return !changes.empty();
    }));
    CHECK(fs::exists(unit_file(folder.path(), 0, 1800)));
    check_all(*store, messages);
    const Lock held(lock);
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].why == QueueChange::Why::rebuilt);
    CHECK(changes[0].topic == "T");
    CHECK(changes[0].id == 0);
    CHECK(changes[0].old_max.value == messages);
    CHECK(changes[0].min.value == 0);
    CHECK(changes[0].max.value == messages);
}

TEST_CASE("what lies in a queue's folder and is no file of it is passed over, and stays") {
    const Folder folder;
    const auto options = stopped_store(folder.path(), true);
    const auto dir = folder.path() / "consumequeue/T/0";
    std::ofstream(dir / ".nfs000000000abc").close();
    std::ofstream(dir / "readme") << "a note";
    std::ofstream(dir / "00000000000000000200~") << "an editor's copy";
    fs::create_directories(dir / "00000000000000000600.d");
    const auto found = findings(folder.path());
    CHECK(found.size() == 4);
    {
        const auto store = open(options);
        check_all(*store, messages);
        REQUIRE(store->close().has_value());
    }
    CHECK(fs::exists(dir / ".nfs000000000abc"));
    CHECK(fs::exists(dir / "readme"));
    CHECK(fs::exists(dir / "00000000000000000600.d"));
    CHECK(findings(folder.path()) == found);
}

TEST_CASE("a queue whose messages are all gone keeps its numbers though its folder is lost") {
    const Folder folder;
    auto options = small(folder.path());
    options.index = false;
    {
        const auto store = open(options);
        for (int i = 0; i < 7; ++i) append(*store, "Old", 3, "x");
        for (int i = 0; i < 200; ++i) append(*store, "T", 0, sent(0, i));
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
    }
    fs::remove(folder.path() / "commitlog/00000000000000000000");
    SUBCASE("the folder") {
        fs::remove_all(folder.path() / "consumequeue/Old");
    }
    SUBCASE("another geometry") {
        options.consume_queue_file_bytes = 100;
    }
    SUBCASE("zeros") {
        put(folder.path() / "consumequeue/Old/3/00000000000000000000", 0, std::string(140, '\0'));
    }
    for (int round = 0; round < 2; ++round) {
        const auto store = open(options);
        CHECK(store->queue("Old", 3)->max().value == 7 + round);
        CHECK(append(*store, "Old", 3, "y").queue_offset.value == 7 + round);
        wait_dispatched(*store);
        CHECK(bodies(*store, *store->queue("Old", 3)).size() ==
              static_cast<std::size_t>(1 + round));
        REQUIRE(store->close().has_value());
    }
}

TEST_CASE("without the table of ends the log is counted") {
    for (const bool clean : {true, false}) {
        CAPTURE(clean);
        const Folder folder;
        auto options = stopped_store(folder.path(), clean);
        fs::remove(folder.path() / "mqd-queues");
        fs::remove_all(folder.path() / "consumequeue/T/0");
        SUBCASE("gone") {}
        SUBCASE("damaged") {
            std::ofstream(folder.path() / "mqd-queues") << "what is this?";
        }
        const auto store = open(options);
        CHECK(append(*store, "T", 0, sent(0, messages)).queue_offset.value == messages);
        CHECK(append(*store, "T", 1, sent(1, messages)).queue_offset.value == messages);
        wait_dispatched(*store);
        check_all(*store, messages + 1);
    }
}

TEST_CASE("a queue that may have lost its files gives no number before the log has been counted") {
    const Folder folder;
    auto options = small(folder.path());
    options.index = false;
    options.commit_log_file_bytes = 16 << 20;
    options.consume_queue_file_bytes = messages / 2 * 20;
    {
        const auto store = open(options);
        for (int i = 0; i < messages; ++i) append(*store, "T", 0, sent(0, i));
        for (int i = 0; i < messages; ++i) append(*store, "Whole", 0, sent(1, i));
        const std::string body(100'000, 'x');
        while (store->end().value < 70 << 20) append(*store, "Big", 0, body);
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
    }
    fs::remove(folder.path() / "mqd-queues");
    SUBCASE("its folder is gone") {
        fs::remove_all(folder.path() / "consumequeue/T");
    }
    SUBCASE("its last file is gone") {
        fs::remove(unit_file(folder.path(), 0, 1000));
    }
    SUBCASE("its last file is empty") {
        fs::resize_file(unit_file(folder.path(), 0, 1000), 0);
    }
    fs::create_directories(folder.path() / "config");
    std::ofstream(folder.path() / "config/topics.json")
        << R"({"topicConfigTable":{"T":{},"Big":{}}})";
    const auto store = open(options);
    Mutex lock;
    std::vector<std::string> rebuilt;
    store->on_queue_change([&](const QueueChange& change) {
        const Lock held(lock);
        rebuilt.push_back(change.topic);
    });
    const auto number_of_next = [&](const char* topic, int queue) {
        Append unit;
        REQUIRE(eventually([&] {
            unit = append(*store, topic, queue, "next");
            if (!unit.stored) CHECK(unit.why_not == Errc::refused);
            return unit.stored;
        }));
        return unit.queue_offset.value;
    };
    CHECK(number_of_next("T", 0) == messages);
    CHECK(number_of_next("T", 1) == 0);
    CHECK(number_of_next("Whole", 0) == messages);
    CHECK(append(*store, "New", 0, "x").queue_offset.value == 0);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)).size() == messages + 1);
    {
        const Lock held(lock);
        CHECK(rebuilt == std::vector<std::string>{"T"});
    }
    REQUIRE(store->close().has_value());
}

TEST_CASE("who must not wait is not kept by a queue that is made whole, and a stop by nobody" *
          doctest::test_suite("slow")) {
    const Folder folder;
    auto options = stopped_store(folder.path(), true);
    options.consume_queue_file_bytes = 420;
    HeldFiles files;
    {
        const auto store = open(options, files);
        Queue& queue = *store->queue("T", 0);
        CHECK_FALSE(queue.usable());
        CHECK_FALSE(store->read_now(queue, QueueOffset{0}, {}, nullptr).has_value());
        const auto refused = append(*store, "T", 0, "x");
        CHECK_FALSE(refused.stored);
        CHECK(refused.why_not == Errc::refused);
        CHECK(append(*store, "New", 0, "x").stored);
        std::atomic<bool> over = false;
        std::thread waiter([&] {
            static_cast<void>(queue.max());
            over = true;
        });
        SUBCASE("it goes on when the queue is whole") {
            CHECK_FALSE(over);
            files.let();
            waiter.join();
            CHECK(queue.usable());
            check_all(*store, messages);
        }
        SUBCASE("it stops") {
            std::thread stopper([&] { store->stop_mending(); });
            CHECK(eventually([&] { return over.load(); }));
            CHECK_FALSE(queue.usable());
            CHECK(store->read(queue, QueueOffset{0}, {}, nullptr).status == ReadStatus::unreadable);
            files.let();
            stopper.join();
            waiter.join();
        }
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
    }
    const auto store = open(options);
    check_all(*store, messages);
    REQUIRE(store->close().has_value());
    CHECK(findings(folder.path()) == std::vector<std::string>());
}

TEST_CASE("a topic that another broker has deleted does not come back") {
    const Folder folder;
    const auto options = stopped_store(folder.path(), true);
    {
        const auto store = open(options);
        append(*store, "Other", 0, "x");
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
    }
    fs::remove_all(folder.path() / "consumequeue/T");
    fs::create_directories(folder.path() / "config");
    std::ofstream(folder.path() / "config/topics.json") << R"({"topicConfigTable":{"Other":{}}})";
    {
        const auto store = open(options);
        append(*store, "Other", 0, "x");
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
    }
    CHECK_FALSE(fs::exists(folder.path() / "consumequeue/T"));
}

TEST_CASE("a crash while a queue is made anew loses nothing") {
    const Folder folder;
    auto options = stopped_store(folder.path(), true);
    const auto dir = folder.path() / "consumequeue/T";
    SUBCASE("before the old one is out of the way") {
        fs::create_directories(dir / "0.mqd-new");
        std::ofstream(dir / "0.mqd-new/00000000000000000000") << "half";
    }
    SUBCASE("before the new one is there") {
        fs::create_directories(dir / "0.mqd-new");
        fs::rename(dir / "0", dir / "0.mqd-old");
    }
    SUBCASE("before the old one is removed") {
        fs::copy(dir / "0", dir / "0.mqd-old");
    }
    const auto store = open(options);
    check_all(*store, messages);
    for (const auto& entry : fs::directory_iterator(dir))
        CHECK(entry.path().filename().string().size() == 1);
}

TEST_CASE("queues of batches are made whole too") {
    const Folder folder;
    auto options = small(folder.path());
    options.index = false;
    options.batch_topics = {"B"};
    {
        const auto store = open(options);
        for (int i = 0; i < 50; ++i) REQUIRE(append(*store, "B", 0, sent(0, i)).stored);
        wait_dispatched(*store);
        REQUIRE(store->close().has_value());
    }
    const auto dir = folder.path() / "batchconsumequeue/B/0";
    SUBCASE("the folder") {
        fs::remove_all(dir);
    }
    SUBCASE("a file in the middle") {
        fs::remove(dir / "00000000000000000920");
    }
    SUBCASE("the last file") {
        fs::remove(dir / "00000000000000001840");
    }
    SUBCASE("a foreign file") {
        std::ofstream(dir / "note") << "x";
    }
    SUBCASE("another geometry") {
        options.batch_queue_file_bytes = 92;
    }
    SUBCASE("zeros") {
        put(dir / "00000000000000000460", 0, std::string(460, '\0'));
    }
    for (int round = 0; round < 2; ++round) {
        const auto store = open(options);
        CHECK(append(*store, "B", 0, sent(0, 50 + round)).queue_offset.value == 50 + round);
        wait_dispatched(*store);
        CHECK(bodies(*store, *store->queue("B", 0)) == all_of(0, 51 + round));
        REQUIRE(store->close().has_value());
    }
}

}  // namespace mqd::store::test
