#include "spool/spool.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "../folder.h"

using namespace mqd;
using namespace mqd::spool;
using mqd::testing::Folder;
using mqd::testing::GuardedFiles;
namespace fs = std::filesystem;

namespace {

std::size_t log_files(const Folder& folder) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder.path() / "commitlog"))
        count += entry.path().filename() != "spare" ? 1 : 0;
    return count;
}

constexpr std::int64_t big = 1 << 30;

Result<std::unique_ptr<spool::Spool>> try_open(const Folder& folder,
                                               store::Files& files = store::posix_files()) {
    return spool::Spool::open(files, folder.path(), big);
}

std::unique_ptr<spool::Spool> open(const Folder& folder) {
    auto spool = try_open(folder);
    INFO((spool ? std::string() : spool.error().what));
    REQUIRE(spool);
    return std::move(*spool);
}

client::Message message_of(std::string_view body) {
    client::Message made;
    made.topic = "T";
    made.body = body;
    return made;
}

/// Gives out all that is there; the bodies.
std::vector<std::string> drain(spool::Spool& spool) {
    std::vector<std::string> bodies;
    for (;;) {
        const auto next = spool.next();
        INFO((next ? std::string() : next.error().what));
        REQUIRE(next);
        if (!*next) return bodies;
        bodies.emplace_back((*next)->message.body);
        spool.settle(spool.give_out(0));
    }
}

std::vector<std::string> numbered(int first, int last) {
    std::vector<std::string> out;
    for (int i = first; i < last; ++i) out.push_back(std::to_string(i));
    return out;
}

}  // namespace

TEST_CASE("a message comes out as it went in, in this run and in the next") {
    const Folder folder;
    const std::string properties = "KEYS\x01k\x02__SHARDINGKEY\x01s\x02";
    auto message = message_of(std::string_view("b\0\xff", 3));
    message.properties = properties;
    message.flag = 7;
    message.sys_flag = 0x301;
    message.queue = 3;
    message.born_ms = 42;
    std::string key;
    const auto check_next = [&](spool::Spool& spool, bool is_old) {
        const auto next = spool.next();
        REQUIRE(next);
        REQUIRE(*next);
        const auto& is = (*next)->message;
        CHECK((*next)->is_old == is_old);
        CHECK(is.topic == "T");
        CHECK(is.body == message.body);
        CHECK(is.properties == properties);
        CHECK(is.unique_key == key);
        CHECK(is.shard == "s");
        CHECK(is.flag == 7);
        CHECK(is.sys_flag == 0x301);
        CHECK(is.queue == 3);
        CHECK(is.born_ms == 42);
        CHECK_FALSE(is.alone);
    };
    {
        const auto spool = open(folder);
        key = spool->add(message);
        CHECK_FALSE(spool->has_unsent());
        REQUIRE(spool->commit());
        CHECK(spool->has_unsent());
        check_next(*spool, false);
        CHECK(spool->new_left() == 1);
        REQUIRE(spool->close());
    }
    const auto spool = open(folder);
    CHECK(spool->old_left() == 1);
    check_next(*spool, true);
    auto delayed = message_of("");
    delayed.properties =
        "DELAY\x01"
        "1\x02";
    spool->add(delayed);
    REQUIRE(spool->commit());
    spool->settle(spool->give_out(0));
    const auto next = spool->next();
    REQUIRE(next);
    REQUIRE(*next);
    CHECK((*next)->message.alone);
    CHECK_FALSE((*next)->message.queue);
}

TEST_CASE("nothing is left of a spool in which all is settled") {
    const Folder folder;
    const auto spool = open(folder);
    for (int i = 0; i < 10; ++i) spool->add(message_of("m"));
    REQUIRE(spool->commit());
    CHECK(drain(*spool).size() == 10);
    CHECK(spool->new_left() == 0);
    REQUIRE(spool->close());
    CHECK_FALSE(folder.has("commitlog"));
    CHECK_FALSE(folder.has("sent"));
    CHECK_FALSE(folder.has("refused"));
}

TEST_CASE("what is settled is not given out again, what lies before something unsettled is") {
    const Folder folder;
    {
        const auto spool = open(folder);
        for (const auto& body : numbered(0, 10)) spool->add(message_of(body));
        REQUIRE(spool->commit());
        for (int i = 0; i < 6; ++i) {
            REQUIRE(spool->next());
            REQUIRE(spool->give_out(0) == static_cast<std::uint64_t>(i));
        }
        for (const int i : {0, 1, 2, 4}) spool->settle(static_cast<std::uint64_t>(i));
        CHECK(spool->new_left() == 6);
        REQUIRE(spool->note_settled());
        // Killed: no close().
    }
    const auto spool = open(folder);
    CHECK(spool->old_left() == 7);
    CHECK(drain(*spool) == numbered(3, 10));
}

TEST_CASE("many blocks go over many files, and files that nobody needs are removed") {
    const Folder folder;
    const std::string filling(1 << 20, 'x');
    const auto body = [&](int i) { return std::to_string(i) + filling; };
    {
        const auto spool = open(folder);
        for (int i = 0; i < 50; ++i) {
            spool->add(message_of(body(i)));
            REQUIRE(spool->commit());
        }
        CHECK(log_files(folder) == 4);
        for (int i = 0; i < 20; ++i) {
            const auto next = spool->next();
            REQUIRE(next);
            REQUIRE(*next);
            CHECK((*next)->message.body == body(i));
            spool->settle(spool->give_out(0));
        }
        REQUIRE(spool->note_settled());
        CHECK(log_files(folder) == 3);
        CHECK(folder.has("commitlog/spare"));
        // While older ones wait, the new ones stand behind them.
        spool->add(message_of(body(50)));
        REQUIRE(spool->commit());
    }
    const auto spool = open(folder);
    CHECK(spool->old_left() == 31);
    CHECK(spool->damaged_bytes() == 0);
    const auto left = drain(*spool);
    REQUIRE(left.size() == 31);
    for (int i = 0; i < 31; ++i) CHECK(left[static_cast<std::size_t>(i)] == body(20 + i));
}

TEST_CASE("a file that is done with becomes the next, and nothing of it is seen again") {
    const Folder folder;
    const std::string filling(1 << 20, 'x');
    const auto in_and_out = [&](spool::Spool& spool, int count) {
        for (int i = 0; i < count; ++i) {
            spool.add(message_of(filling));
            REQUIRE(spool.commit());
        }
        CHECK(drain(spool).size() == static_cast<std::size_t>(count));
        REQUIRE(spool.note_settled());
    };
    const auto spool = open(folder);
    in_and_out(*spool, 17);
    CHECK(log_files(folder) == 1);
    struct stat before {};
    REQUIRE(::stat((folder.path() / "commitlog/spare").c_str(), &before) == 0);
    in_and_out(*spool, 15);
    spool->add(message_of("last"));
    REQUIRE(spool->commit());
    CHECK(log_files(folder) == 1);
    for (const auto& entry : fs::directory_iterator(folder.path() / "commitlog")) {
        struct stat is {};
        REQUIRE(::stat(entry.path().c_str(), &is) == 0);
        if (entry.path().filename() != "spare") CHECK(is.st_ino == before.st_ino);
    }
    // As somebody sees it who comes after a kill.
    auto scan = store::LogScan::open(folder.path());
    REQUIRE(scan);
    for (;;) {
        const auto item = (*scan)->next();
        REQUIRE(item);
        using Kind = store::LogItem::Kind;
        CHECK(item->kind != Kind::damage);
        CHECK(item->kind != Kind::torn);
        if (item->kind != Kind::record && item->kind != Kind::blank) break;
    }
}

TEST_CASE("a spool says when it is full, and has room again when something is settled") {
    const Folder folder;
    auto made = spool::Spool::open(store::posix_files(), folder.path(), 20 << 20);
    REQUIRE(made);
    const auto spool = std::move(*made);
    const std::string filling(1 << 20, 'x');
    int count = 0;
    while (spool->has_room()) {
        spool->add(message_of(filling));
        REQUIRE(spool->commit());
        REQUIRE(++count < 100);
    }
    CHECK(count >= 16);
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder.path() / "commitlog"))
        bytes += entry.file_size();
    CHECK(bytes <= 2 * spool::Spool::file_bytes);
    CHECK(drain(*spool).size() == static_cast<std::size_t>(count));
    REQUIRE(spool->note_settled());
    CHECK(spool->has_room());
}

TEST_CASE("a refused message is kept beside the others") {
    const Folder folder;
    {
        const auto spool = open(folder);
        for (const auto& body : numbered(0, 3)) spool->add(message_of(body));
        REQUIRE(spool->commit());
        for (int i = 0; i < 3; ++i) {
            const auto next = spool->next();
            REQUIRE(next);
            REQUIRE(*next);
            const auto number = spool->give_out(0);
            if (i != 1) REQUIRE(spool->keep_refused(spool->given(number).at));
            spool->settle(number);
        }
        REQUIRE(spool->close());
    }
    CHECK_FALSE(folder.has("commitlog"));
    auto scan = store::LogScan::open(folder.path() / "refused");
    REQUIRE(scan);
    for (const auto* const body : {"0", "2"}) {
        const auto item = (*scan)->next();
        REQUIRE(item);
        REQUIRE(item->kind == store::LogItem::Kind::record);
        CHECK(item->record.body == body);
    }
    CHECK((*scan)->next()->kind == store::LogItem::Kind::zeros);
}

TEST_CASE("a torn end and a lost mark cost nothing that was written") {
    const Folder folder;
    {
        const auto spool = open(folder);
        for (const auto& body : numbered(0, 5)) spool->add(message_of(body));
        REQUIRE(spool->commit());
    }
    const auto log = folder.path() / "commitlog" / "00000000000000000000";
    {
        auto file = store::posix_files().open(log, store::OpenMode::read_write);
        REQUIRE(file);
        Buffer bytes;
        bytes.put(std::string(200, '\0'));
        auto got = (*file)->read(0, bytes.bytes());
        REQUIRE(got);
        const auto record = message::RecordView::parse(std::as_const(bytes).bytes());
        REQUIRE(record);
        // The first half of one more.
        REQUIRE((*file)->write(static_cast<std::int64_t>(record->bytes.size()) * 5,
                               record->bytes.first(record->bytes.size() / 2)));
    }
    fs::resize_file(folder.path() / "sent", 0);
    {
        const auto spool = open(folder);
        CHECK(spool->old_left() == 5);
        spool->add(message_of("5"));
        REQUIRE(spool->commit());
    }
    const auto spool = open(folder);
    CHECK(spool->damaged_bytes() == 0);
    CHECK(drain(*spool) == numbered(0, 6));
}

TEST_CASE("damage is counted and passed over") {
    const Folder folder;
    std::size_t record_bytes = 0;
    {
        const auto spool = open(folder);
        for (const auto& body : numbered(0, 5)) spool->add(message_of(body));
        record_bytes = spool->staged_bytes() / 5;
        REQUIRE(spool->commit());
    }
    {
        auto file = store::posix_files().open(folder.path() / "commitlog" / "00000000000000000000",
                                              store::OpenMode::read_write);
        REQUIRE(file);
        REQUIRE((*file)->write(static_cast<std::int64_t>(2 * record_bytes + 88), as_bytes("#")));
    }
    const auto spool = open(folder);
    CHECK(spool->damaged_bytes() == static_cast<std::int64_t>(record_bytes));
    CHECK(spool->old_left() == 4);
    CHECK(drain(*spool) == std::vector<std::string>{"0", "1", "3", "4"});
    REQUIRE(spool->close());
    CHECK_FALSE(folder.has("commitlog"));
}

TEST_CASE("killed before any of its calls, a spool has all that was written, and nothing twice" *
          doctest::test_suite("slow")) {
    const std::string filling(4'000'000, 'x');
    const auto body = [&](int i) { return std::to_string(i) + filling; };
    for (const bool tears : {false, true}) {
        for (int lives = 0;; ++lives) {
            const Folder folder;
            int calls = 0;
            const auto is_dead = [&] { return calls > lives; };
            GuardedFiles files(
                [&](GuardedFiles::Call) -> Result<> {
                    if (++calls > lives) return Error{Errc::io, "dead"};
                    return {};
                },
                tears);
            int committed = 0;
            int noted = 0;
            {
                auto made = try_open(folder, files);
                // Two in, one out: over several files, with files removed behind.
                for (int i = 0; made && i < 7 && !is_dead(); ++i) {
                    spool::Spool& spool = **made;
                    spool.add(message_of(body(2 * i)));
                    spool.add(message_of(body(2 * i + 1)));
                    if (!spool.commit()) break;
                    committed = 2 * i + 2;
                    const auto next = spool.next();
                    if (!next || !*next) break;
                    CHECK((*next)->message.body == body(i));
                    spool.settle(spool.give_out(0));
                    if (!spool.note_settled()) break;
                    noted = i + 1;
                }
            }
            CAPTURE(tears);
            CAPTURE(lives);
            const auto spool = open(folder);
            const auto left = drain(*spool);
            // What was under way when it died may be there or not; all before it must be.
            std::vector<int> numbers;
            for (const auto& is : left) numbers.push_back(std::stoi(is));
            REQUIRE(std::is_sorted(numbers.begin(), numbers.end()));
            const int first = numbers.empty() ? committed : numbers.front();
            CHECK((first == noted || first == noted + 1));
            const auto count = static_cast<int>(numbers.size());
            CHECK(first + count >= committed);
            CHECK(first + count <= committed + 2);
            for (int i = 0; i < count; ++i)
                CHECK(numbers[static_cast<std::size_t>(i)] == first + i);
            if (!is_dead()) break;
            REQUIRE(lives < 1000);
        }
    }
}
