#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "crash_world.h"
#include "support.h"

namespace mqd::store::test {
namespace {

/// The folder as a killed process would leave it: everything written so far, `abort` included.
void copy_as_killed(const fs::path& from, const fs::path& to) {
    copy_live(from, to);
    REQUIRE(fs::exists(to / "abort"));
}

void overwrite(const fs::path& path, std::int64_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
}

std::string read_at(const fs::path& path, std::int64_t at, std::size_t bytes) {
    std::ifstream file(path, std::ios::binary);
    file.seekg(at);
    std::string out(bytes, '?');
    file.read(out.data(), static_cast<std::streamsize>(bytes));
    REQUIRE(file.good());
    return out;
}

/// Appends `count` messages to each of two queues, in turn.
void fill(Store& store, int first, int count) {
    for (int i = first; i < first + count; ++i)
        for (int q = 0; q < 2; ++q) REQUIRE(append(store, "T", q, "m" + std::to_string(i)).stored);
    wait_dispatched(store);
}

void check_whole(Store& store, int count) {
    for (int q = 0; q < 2; ++q)
        CHECK(bodies(store, *store.queue("T", q)) == numbered("m", 0, count));
}

const fs::path first_log = fs::path("commitlog") / "00000000000000000000";
const fs::path first_queue = fs::path("consumequeue") / "T" / "0" / "00000000000000000000";

}  // namespace

TEST_CASE("a cleanly stopped store goes on where it stopped") {
    const Folder folder;
    const auto options = small(folder.path());
    PhysicalOffset end;
    for (int round = 0; round < 3; ++round) {
        const auto store = open(options);
        if (round > 0) CHECK(store->end() == end);
        check_whole(*store, round * 40);
        fill(*store, round * 40, 40);
        end = store->end();
        REQUIRE(store->close().has_value());
    }
}

TEST_CASE("an empty store opens again, clean or not") {
    const Folder folder;
    const auto options = small(folder.path());
    { const auto store = open(options); }
    {
        const auto store = open(options);
        CHECK(store->end().value == 0);
        CHECK(store->close().has_value());
    }
    const auto store = open(options);
    fill(*store, 0, 1);
    check_whole(*store, 1);
}

TEST_CASE("after a crash everything written is there and numbering goes on") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 100);
    }
    CHECK(fs::exists(folder.path() / "abort"));
    const auto store = open(options);
    check_whole(*store, 100);
    CHECK(append(*store, "T", 0, "m100").queue_offset.value == 100);
    REQUIRE(append(*store, "T", 1, "m100").stored);
    wait_dispatched(*store);
    check_whole(*store, 101);
}

TEST_CASE("a killed process loses nothing that it had been told is stored") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    for (int round = 0, expected = 0; round < 4; ++round) {
        int pipe_ends[2];
        REQUIRE(::pipe(pipe_ends) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            auto store = Store::open(posix_files(), system_clock(), options);
            if (!store) ::_exit(1);
            for (int i = expected;; ++i) {
                const bool stored = append(**store, "T", 0, "m" + std::to_string(i)).stored;
                if (!stored || ::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
            }
        }
        ::close(pipe_ends[1]);
        char told[64];
        for (int wanted = 100 + 300 * round; wanted > 0;) {
            const auto got = ::read(pipe_ends[0], told, sizeof told);
            REQUIRE(got > 0);
            wanted -= static_cast<int>(got);
            expected += static_cast<int>(got);
        }
        REQUIRE(::kill(child, SIGKILL) == 0);
        REQUIRE(::waitpid(child, nullptr, 0) == child);
        for (::ssize_t got = 0; (got = ::read(pipe_ends[0], told, sizeof told)) > 0;)
            expected += static_cast<int>(got);
        ::close(pipe_ends[0]);

        auto opened = Store::open(posix_files(), system_clock(), options);
        REQUIRE(opened.has_value());
        const auto store = std::move(*opened);
        const auto found = bodies(*store, *store->queue("T", 0));
        CHECK(static_cast<int>(found.size()) >= expected);
        expected = static_cast<int>(found.size());
        CHECK(found == numbered("m", 0, expected));
        if (round % 2 == 1) REQUIRE(store->close().has_value());
    }
}

TEST_CASE("a copy taken from a running store opens with all its messages") {
    const Folder folder;
    auto options = small(folder.path() / "live");
    const auto live = open(options);
    fill(*live, 0, 100);
    copy_as_killed(options.root, folder.path() / "copy");
    options.root = folder.path() / "copy";
    const auto store = open(options);
    check_whole(*store, 100);
}

TEST_CASE("queues lost before a crash are built again from the log") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 100);
    }
    SUBCASE("all of them") {
        fs::remove_all(folder.path() / "consumequeue");
    }
    SUBCASE("all units of one are zero") {
        for (const auto& file : fs::directory_iterator(folder.path() / "consumequeue/T/0"))
            overwrite(file.path(), 0, std::string(200, '\0'));
    }
    SUBCASE("units in the middle of one are zero") {
        overwrite(folder.path() / first_queue, 60, std::string(100, '\0'));
    }
    SUBCASE("the last file of one is gone") {
        fs::remove(folder.path() / "consumequeue/T/1/00000000000000001800");
    }
    SUBCASE("the checkpoint is gone") {
        fs::remove(folder.path() / "checkpoint");
    }
    const auto store = open(options);
    check_whole(*store, 100);
}

TEST_CASE("queues deleted after a clean stop are built again from the first file") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 100);
        REQUIRE(store->close().has_value());
    }
    fs::remove_all(folder.path() / "consumequeue");
    const auto store = open(options);
    check_whole(*store, 100);
}

TEST_CASE("units older than the checkpoint that never reached the disk are found missing") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 100);
        REQUIRE(store->close().has_value());
    }
    // As after a power failure under a checkpoint that ran ahead: replay begins at the last file,
    // the queue ends long before.
    std::ofstream(folder.path() / "abort") << "1";
    for (int base = 200; base < 2000; base += 200)
        fs::remove(folder.path() / "consumequeue/T/0" / fmt::format("{:020}", base));
    overwrite(folder.path() / first_queue, 100, std::string(100, '\0'));
    std::string newest(16, '\x7f');
    newest[0] = newest[8] = '\x01';
    overwrite(folder.path() / "checkpoint", 0, newest);
    const auto store = open(options);
    check_whole(*store, 100);
}

TEST_CASE("a torn tail is cut at the last whole record") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    PhysicalOffset last, end;
    {
        const auto store = open(options);
        fill(*store, 0, 10);
        last = append(*store, "T", 0, "torn", "and a long tag").at;
        wait_dispatched(*store);
        end = store->end();
    }
    SUBCASE("its head is missing") {
        overwrite(folder.path() / first_log, last.value, std::string(60, '\0'));
    }
    SUBCASE("its body is missing") {
        overwrite(folder.path() / first_log, last.value + 90, std::string(3, '\0'));
    }
    SUBCASE("the end of its properties is missing, which no CRC covers") {
        overwrite(folder.path() / first_log, end.value - 3, std::string(3, '\0'));
    }
    SUBCASE("its length is absurd") {
        overwrite(folder.path() / first_log, last.value, "\x7f\xff\xff\xff");
    }
    SUBCASE("it says that it lies elsewhere") {
        overwrite(folder.path() / first_log, last.value + 30, "x");
    }
    const auto store = open(options);
    CHECK(store->end() == last);
    check_whole(*store, 10);
    CHECK(read_at(folder.path() / first_log, last.value, static_cast<std::size_t>(end - last)) ==
          std::string(static_cast<std::size_t>(end - last), '\0'));
    CHECK_FALSE(fs::exists(folder.path() / first_queue.parent_path() / "00000000000000000200"));
    CHECK(append(*store, "T", 0, "m10").queue_offset.value == 10);
    append(*store, "T", 1, "m10");
    wait_dispatched(*store);
    check_whole(*store, 11);
}

TEST_CASE("what lies behind damage in the log is kept" * doctest::test_suite("slow")) {
    const Folder folder;
    auto options = small(folder.path());
    std::vector<Append> sent;
    bool clean = false;
    SUBCASE("after a crash, in one file") {
        options.commit_log_file_bytes = 1 << 16;
    }
    SUBCASE("after a crash, in many files") {}
    SUBCASE("after a clean stop") {
        options.commit_log_file_bytes = 1 << 16;
        clean = true;
    }
    {
        const auto store = open(options);
        for (int i = 0; i < 200; ++i)
            sent.push_back(append(*store, "T", 0, "m" + std::to_string(i), "tag"));
        wait_dispatched(*store);
        if (clean) REQUIRE(store->close().has_value());
    }
    const auto spoil = [&](int i, std::int64_t in_record, std::string_view bytes) {
        const std::int64_t at = sent[static_cast<std::size_t>(i)].at.value + in_record;
        const std::int64_t base =
            at / options.commit_log_file_bytes * options.commit_log_file_bytes;
        overwrite(folder.path() / "commitlog" / fmt::format("{:020}", base), at - base, bytes);
    };
    std::set<int> lost;
    SUBCASE("one flipped bit is put back") {
        const std::int64_t at = sent[70].at.value + 3;  // of its length
        const std::int64_t base =
            at / options.commit_log_file_bytes * options.commit_log_file_bytes;
        const auto file = folder.path() / "commitlog" / fmt::format("{:020}", base);
        std::string byte = read_at(file, at - base, 1);
        byte[0] = static_cast<char>(byte[0] ^ 4);
        overwrite(file, at - base, byte);
    }
    SUBCASE("lengths") {
        spoil(70, 0, "\x11\x22\x33");
        lost = {70};
    }
    SUBCASE("a magic, and a whole neighbourhood") {
        spoil(50, 4, "xxxx");
        spoil(51, 0, std::string(60, 'y'));
        spoil(120, 0, std::string(30, '\0'));
        lost = {50, 51, 120};
    }
    SUBCASE("the first record of all") {
        spoil(0, 0, std::string(20, 'z'));
        lost = {0};
    }
    for (int round = 0; round < 2; ++round) {
        const auto store = open(options);
        std::vector<std::string> expected;
        for (int i = 0; i < 200 + round; ++i)
            if (!lost.contains(i)) expected.push_back("m" + std::to_string(i));
        CHECK(bodies(*store, *store->queue("T", 0)) == expected);
        CHECK(append(*store, "T", 0, "m" + std::to_string(200 + round)).queue_offset.value ==
              200 + round);
        wait_dispatched(*store);
        if (round == 1) REQUIRE(store->close().has_value());
    }
    const bool kept = fs::exists(folder.path() / "damaged");
    CHECK(kept == !lost.empty());
}

TEST_CASE("a file that is missing in the middle of the log costs no more than its messages") {
    const Folder folder;
    const auto options = small(folder.path());
    std::vector<std::string> expected;
    {
        const auto store = open(options);
        for (int i = 0; i < 200; ++i) {
            const auto body = "m" + std::to_string(i);
            const auto at = append(*store, "T", 0, body).at.value;
            if (at / 4096 != 1) expected.push_back(body);
        }
        wait_dispatched(*store);
    }
    fs::remove(folder.path() / "commitlog/00000000000000004096");
    const auto store = open(options);
    CHECK(bodies(*store, *store->queue("T", 0)) == expected);
    CHECK(append(*store, "T", 0, "m200").queue_offset.value == 200);
    CHECK(eventually([&] { return store->indexed() == store->end(); }));
}

TEST_CASE("what an earlier life of the log has left behind its end is no message") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    HandClock clock;
    std::int64_t cut_at = 0;
    std::string stale;
    {
        const auto store = open(options, posix_files(), clock);
        for (int i = 0; i < 10; ++i) append(*store, "T", 0, "m" + std::to_string(i));
        cut_at = store->end().value;
        for (int i = 0; i < 30; ++i) append(*store, "T", 0, "old" + std::to_string(i));
        wait_dispatched(*store);
        stale = read_at(folder.path() / first_log, cut_at,
                        static_cast<std::size_t>(store->end().value - cut_at));
    }
    overwrite(folder.path() / first_log, cut_at, std::string(stale.size(), '\0'));
    clock.advance(60'000);
    std::int64_t end = 0;
    {
        const auto store = open(options, posix_files(), clock);
        CHECK(store->end().value == cut_at);
        append(*store, "T", 0,
               "new, and not as long as two old ones would be, but longer than one");
        wait_dispatched(*store);
        end = store->end().value;
    }
    overwrite(folder.path() / first_log, end, stale.substr(static_cast<std::size_t>(end - cut_at)));
    const auto store = open(options, posix_files(), clock);
    CHECK(store->end().value == end);
    CHECK(bodies(*store, *store->queue("T", 0)).size() == 11);
}

TEST_CASE("what a record has to stand after a crash is the operator's choice") {
    const Folder folder;
    const auto options = small(folder.path() / "live");
    {
        const auto store = open(options);
        fill(*store, 0, 3);
        copy_as_killed(options.root, folder.path() / "killed");
    }
    auto again = options;
    again.root = folder.path() / "killed";
    // The last record's body: its text is followed by topic and properties, none here.
    const auto end = static_cast<std::int64_t>(fs::file_size(again.root / first_log));
    const auto log = read_at(again.root / first_log, 0, static_cast<std::size_t>(end));
    overwrite(again.root / first_log, static_cast<std::int64_t>(log.rfind("m2")), "x");
    const auto bent = folder.path() / "bent";
    const auto count = [&](bool check_crc, bool demand_crc) {
        fs::remove_all(bent);
        fs::copy(again.root, bent, fs::copy_options::recursive);
        auto how = again;
        how.root = bent;
        how.check_crc = check_crc;
        how.demand_crc = demand_crc;
        const auto store = open(how);
        return store->queue("T", 0)->max().value + store->queue("T", 1)->max().value;
    };
    CHECK(count(true, false) == 5);
    CHECK(count(false, false) == 6);
    CHECK(count(false, true) == 0);  // none has a CRC of its own
}

TEST_CASE("what lies behind a record that was torn is kept") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    PhysicalOffset torn, end;
    {
        const auto store = open(options);
        fill(*store, 0, 10);
        torn = append(*store, "T", 0, "x").at;
        for (int i = 0; i < 50; ++i) append(*store, "T", 0, "y");
        wait_dispatched(*store);
        end = store->end();
    }
    overwrite(folder.path() / first_log, torn.value, std::string(40, '\0'));
    auto expected = numbered("m", 0, 10);
    expected.insert(expected.end(), 50, "y");
    for (int round = 0; round < 2; ++round) {
        const auto store = open(options);
        CHECK(store->end() == end);
        CHECK(bodies(*store, *store->queue("T", 0)) == expected);
        CHECK(store->queue("T", 0)->max().value == 61);
    }
}

TEST_CASE("stale units behind a queue's end do not come back") {
    const Folder folder;
    const auto options = small(folder.path());
    std::string unit;
    {
        const auto store = open(options);
        fill(*store, 0, 15);
        REQUIRE(store->close().has_value());
        unit = read_at(folder.path() / first_queue, 60, 20);
    }
    const auto second = folder.path() / "consumequeue/T/0/00000000000000000200";
    overwrite(second, 100, unit);
    overwrite(second, 120, std::string("\0\0\0\0\x01\0\0\0\0\0\0\xff", 12));
    const auto store = open(options);
    CHECK(store->queue("T", 0)->max().value == 15);
    CHECK(read_at(second, 100, 40) == std::string(40, '\0'));
    fill(*store, 15, 5);
    check_whole(*store, 20);
}

TEST_CASE("records appended behind a clean stop by somebody else are dispatched") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    const fs::path kept = folder.path() / "consumequeue.kept";
    auto store = open(options);
    fill(*store, 0, 10);
    REQUIRE(store->close().has_value());
    fs::copy(folder.path() / "consumequeue", kept, fs::copy_options::recursive);
    store = open(options);
    fill(*store, 10, 3);
    REQUIRE(store->close().has_value());
    fs::remove_all(folder.path() / "consumequeue");
    fs::rename(kept, folder.path() / "consumequeue");
    store = open(options);
    check_whole(*store, 13);
}

TEST_CASE("a topic deleted and made again comes out of a crash with its second life") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        for (int i = 0; i < 30; ++i) append(*store, "T", 0, "old" + std::to_string(i));
        wait_dispatched(*store);
        REQUIRE(store->delete_topic("T").has_value());
        for (int i = 0; i < 20; ++i) append(*store, "T", 0, "new" + std::to_string(i));
        wait_dispatched(*store);
    }
    SUBCASE("with its queue") {}
    SUBCASE("with its queue gone") {
        fs::remove_all(folder.path() / "consumequeue");
    }
    SUBCASE("with part of its queue gone") {
        fs::remove(folder.path() / "consumequeue/T/0/00000000000000000200");
    }
    const auto store = open(options);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("new", 0, 20));
}

TEST_CASE("a deleted topic stays deleted over a crash and over a clean stop") {
    const Folder folder;
    const auto options = small(folder.path());
    auto store = open(options);
    for (int i = 0; i < 30; ++i) append(*store, "T", 0, "old" + std::to_string(i));
    wait_dispatched(*store);
    REQUIRE(store->delete_topic("T").has_value());
    SUBCASE("clean") {
        REQUIRE(store->close().has_value());
    }
    SUBCASE("crash") {}
    SUBCASE("crash, nothing left to begin with") {
        store.reset();
        fs::remove_all(folder.path() / "consumequeue");
        fs::remove(folder.path() / "checkpoint");
    }
    store.reset();
    store = open(options);
    CHECK(store->find_queue("T", 0) == nullptr);
    CHECK(append(*store, "T", 0, "new0").queue_offset.value == 0);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("new", 0, 1));
}

TEST_CASE("a queue that begins behind 0 is filled up to its first message") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 60);
    }
    // The log's first file has expired; the queues are gone.
    fs::remove(folder.path() / first_log);
    fs::remove_all(folder.path() / "consumequeue");
    auto store = open(options);
    Queue* queue = store->queue("T", 0);
    const std::int64_t min = queue->min().value;
    CHECK(min > 0);
    CHECK(min < 30);
    CHECK(queue->max().value == 60);
    CHECK(bodies(*store, *queue, min) == numbered("m", static_cast<int>(min), 60));
    const auto base = min * 20 / 200 * 200;
    const auto file = folder.path() / "consumequeue/T/0" / fmt::format("{:020}", base);
    if (min * 20 != base)
        CHECK(read_at(file, 0, 20) ==
              std::string("\0\0\0\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0\0\0\0\0", 20));
    REQUIRE(store->close().has_value());
    store = open(options);
    CHECK(store->queue("T", 0)->min().value == min);
    CHECK(store->queue("T", 0)->max().value == 60);
}

TEST_CASE("a foreign file in the log is passed over, and stays") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 100);
        REQUIRE(store->close().has_value());
    }
    std::ofstream(folder.path() / "commitlog" / "notes") << "x";
    std::ofstream(folder.path() / "commitlog" / "zero").close();
    for (int round = 0; round < 2; ++round) {
        const auto store = open(options);
        check_whole(*store, 100);
    }
    CHECK(fs::exists(folder.path() / "commitlog" / "notes"));
    CHECK(fs::exists(folder.path() / "commitlog" / "zero"));
}

TEST_CASE("a short file in the log keeps the store closed") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 100);
        REQUIRE(store->close().has_value());
    }
    fs::resize_file(folder.path() / first_log, 100);
    CHECK_FALSE(fs::exists(folder.path() / "abort"));
    const auto store = Store::open(posix_files(), system_clock(), options);
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().code == Errc::corrupt);
    CHECK(fs::exists(folder.path() / "abort"));  // the next start looks closer
}

TEST_CASE("an empty last log file is no reason not to start") {
    const Folder folder;
    const auto options = small(folder.path());
    {
        const auto store = open(options);
        fill(*store, 0, 10);
        REQUIRE(store->close().has_value());
    }
    std::ofstream(folder.path() / "commitlog" / "00000000000000040960").close();
    const auto store = open(options);
    check_whole(*store, 10);
}

}  // namespace mqd::store::test
