#include "store/check/scan.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "store/queue/unit.h"
#include "support.h"

namespace mqd::store::test {
namespace {

constexpr std::size_t file_bytes = 4096;
using Kind = LogItem::Kind;

// A commit log laid by hand: whole files, records with the offset of where they lie.
class Log {
public:
    explicit Log(const fs::path& dir) : dir_(dir) { fs::create_directories(dir); }

    std::int64_t add(std::string_view body) {
        message::Draft draft;
        draft.topic = "T";
        draft.body = body;
        draft.store_host = *message::Host::parse("127.0.0.1:10911");
        draft.born_host = draft.store_host;
        Buffer record;
        message::encode(draft, record);
        if (used() + record.size() + 8 > file_bytes) end_file();
        const auto at = static_cast<std::int64_t>(bytes_.size());
        message::place(record.bytes(), {count_++}, {at}, 1000 + at);
        bytes_ += record.text();
        return at;
    }
    void end_file() {
        Buffer blank;
        blank.put_be(static_cast<std::int32_t>(file_bytes - used()));
        blank.put_be(message::magic_blank);
        bytes_ += blank.text();
        bytes_.resize((bytes_.size() + file_bytes - 1) / file_bytes * file_bytes);
    }
    std::string& bytes() { return bytes_; }
    void save() {
        bytes_.resize((bytes_.size() + file_bytes - 1) / file_bytes * file_bytes);
        for (std::size_t at = 0; at < bytes_.size(); at += file_bytes)
            std::ofstream(dir_ / fmt::format("{:020}", at), std::ios::binary)
                << bytes_.substr(at, file_bytes);
    }

private:
    std::size_t used() const { return bytes_.size() % file_bytes; }
    fs::path dir_;
    std::string bytes_;
    std::int64_t count_ = 0;
};

struct Seen {
    std::vector<std::int64_t> records;
    std::vector<std::pair<std::int64_t, std::int64_t>> damage;  // offset, bytes
    LogItem end;
};

Seen walk(LogScan& scan) {
    Seen seen;
    for (int i = 0; i < 10'000; ++i) {
        const auto item = scan.next();
        REQUIRE(item);
        if (item->kind == Kind::record) {
            seen.records.push_back(item->at.value);
        } else if (item->kind == Kind::damage) {
            seen.damage.emplace_back(item->at.value, item->bytes);
        } else if (item->kind != Kind::blank) {
            seen.end = *item;
            return seen;
        }
    }
    FAIL("the scan does not end");
    return seen;
}

Seen walk(const fs::path& path) {
    const auto scan = LogScan::open(path);
    REQUIRE(scan);
    return walk(**scan);
}

using Offsets = std::vector<std::int64_t>;
using Stretches = std::vector<std::pair<std::int64_t, std::int64_t>>;

}  // namespace

TEST_CASE("a whole log is read over blanks, and where nothing was written it ends") {
    const Folder folder;
    Log log(folder.path() / "commitlog");
    Offsets written;
    for (int i = 0; i < 20; ++i) written.push_back(log.add(std::string(500, 'x')));
    log.save();
    for (const auto& path : {folder.path(), folder.path() / "commitlog"}) {
        const auto seen = walk(path);
        CHECK(seen.records == written);
        CHECK(seen.damage.empty());
        CHECK(seen.end.kind == Kind::zeros);
        CHECK(seen.end.at.value == written.back() + 592);
    }
}

TEST_CASE("damage is told with offset and length, and the scan goes on at the next record") {
    const Folder folder;
    Log log(folder.path() / "commitlog");
    Offsets at;
    for (int i = 0; i < 4; ++i) at.push_back(log.add("some body"));
    auto damaged = [&](std::size_t offset, std::string_view bytes) {
        log.bytes().replace(offset, bytes.size(), bytes);
    };
    const auto second = static_cast<std::size_t>(at[1]);
    SUBCASE("a size that is too small") {
        damaged(second, std::string("\0\0\0\x05", 4));
    }
    SUBCASE("a size beyond the file") {
        damaged(second, "\x7f\x01");
    }
    SUBCASE("a size that leads into the record behind") {
        damaged(second + 3, "\xff");
    }
    SUBCASE("no magic") {
        damaged(second + 4, "oops");
    }
    SUBCASE("a flipped bit in the body") {
        damaged(second + 90, "X");
    }
    SUBCASE("an offset that is not its own") {
        damaged(second + 35, "\x01");
    }
    SUBCASE("zeros") {
        damaged(second, std::string(static_cast<std::size_t>(at[2] - at[1]), '\0'));
    }
    SUBCASE("a blank in the middle of a file") {
        damaged(second + 4, "\xCB\xD4\x31\x94");
    }
    log.save();
    const auto seen = walk(folder.path());
    CHECK(seen.records == Offsets{at[0], at[2], at[3]});
    CHECK(seen.damage == Stretches{{at[1], at[2] - at[1]}});
    CHECK(seen.end.kind == Kind::zeros);
}

TEST_CASE("the last record of a file may be damaged, or its blank, or the whole file gone") {
    const Folder folder;
    Log log(folder.path() / "commitlog");
    Offsets at;
    for (int i = 0; i < 5; ++i) at.push_back(log.add(std::string(1200, 'x')));
    REQUIRE(at[3] == 4096);  // three records and a blank
    const auto blank = at[2] + 1292;
    SUBCASE("the last record") {
        log.bytes()[static_cast<std::size_t>(at[2] + 100)] = 'y';
        log.save();
        const auto seen = walk(folder.path());
        CHECK(seen.records == Offsets{at[0], at[1], at[3], at[4]});
        CHECK(seen.damage == Stretches{{at[2], blank - at[2]}});
    }
    SUBCASE("the blank") {
        log.bytes()[static_cast<std::size_t>(blank + 5)] = 'y';
        log.save();
        const auto seen = walk(folder.path());
        CHECK(seen.records == at);
        CHECK(seen.damage == Stretches{{blank, 4096 - blank}});
    }
    SUBCASE("a file") {
        log.end_file();
        at.push_back(log.add("last"));
        log.save();
        fs::remove(folder.path() / "commitlog" / fmt::format("{:020}", 4096));
        const auto seen = walk(folder.path());
        CHECK(seen.records == Offsets{at[0], at[1], at[2], at[5]});
        CHECK(seen.damage == Stretches{{4096, 4096}});
    }
}

TEST_CASE("a record cut at any byte is a torn tail, not damage") {
    const Folder folder;
    for (std::size_t keep = 1; keep < 92; keep += 7) {
        Log log(folder.path() / "commitlog");
        const auto first = log.add("whole");
        const auto second = static_cast<std::size_t>(log.add("torn tail"));
        log.bytes().resize(second + keep);
        log.bytes().back() = 'x';
        log.save();
        const auto seen = walk(folder.path());
        CHECK(seen.records == Offsets{first});
        CHECK(seen.damage.empty());
        CHECK(seen.end.kind == Kind::torn);
        CHECK(seen.end.at.value == static_cast<std::int64_t>(second));
        CHECK(seen.end.bytes == static_cast<std::int64_t>(keep));
    }
}

TEST_CASE("a single file is read, also under another name") {
    const Folder folder;
    Log log(folder.path());
    for (int i = 0; i < 5; ++i) log.add(std::string(1200, 'x'));
    log.save();
    const auto second = folder.path() / fmt::format("{:020}", 4096);
    CHECK(walk(second).records == Offsets{4096, 4096 + 1292});
    fs::copy(second, folder.path() / "copy.bin");
    const auto seen = walk(folder.path() / "copy.bin");
    CHECK(seen.records == Offsets{4096, 4096 + 1292});
    CHECK(seen.damage.empty());

    std::ofstream(folder.path() / "other.bin") << std::string(1000, 'z');
    const auto none = LogScan::open(folder.path() / "other.bin");
    REQUIRE(!none);
    CHECK(none.error().code == Errc::corrupt);
    const auto missing = LogScan::open(folder.path() / "nothing");
    REQUIRE(!missing);
    CHECK(missing.error().code == Errc::not_found);
    const auto empty = LogScan::open("/proc/self/task");
    REQUIRE(!empty);
    CHECK(empty.error().code == Errc::not_found);
}

TEST_CASE("a scan starts at the file of an offset or of a time") {
    const Folder folder;
    Log log(folder.path() / "commitlog");
    Offsets at;
    for (int i = 0; i < 9; ++i) at.push_back(log.add(std::string(1200, 'x')));
    log.save();
    const auto scan = LogScan::open(folder.path());
    REQUIRE(scan);
    (*scan)->seek_file({at[4]});
    CHECK((*scan)->position().value == 4096);
    REQUIRE((*scan)->seek_time(1000 + at[7]));
    CHECK((*scan)->position().value == 8192);
    REQUIRE((*scan)->seek_time(0));
    CHECK((*scan)->position().value == 0);
}

TEST_CASE("what is written behind the end is seen by going on, in a new file too") {
    const Folder folder;
    Log log(folder.path() / "commitlog");
    log.add("one");
    log.save();
    const auto size = log.bytes().size();
    const auto scan = LogScan::open(folder.path());
    REQUIRE(scan);
    CHECK(walk(**scan).records.size() == 1);
    CHECK(*(*scan)->grown() == false);

    log.bytes().resize(static_cast<std::size_t>((*scan)->position().value));
    const auto two = log.add("two");
    log.save();
    REQUIRE(log.bytes().size() == size);
    CHECK(*(*scan)->grown() == true);
    CHECK(walk(**scan).records == Offsets{two});

    log.bytes().resize(static_cast<std::size_t>((*scan)->position().value));
    log.end_file();
    const auto three = log.add("three");
    log.save();
    CHECK(*(*scan)->grown() == true);
    CHECK(walk(**scan).records == Offsets{three});
}

TEST_CASE("queues are summed up over fillings, to the first unit never written") {
    const Folder folder;
    const auto dir = folder.path() / "consumequeue" / "T" / "3";
    fs::create_directories(dir);
    Buffer units;
    units.extend(200);
    std::memset(units.data(), 0, 200);
    for (int i = 0; i < 5; ++i)
        Unit{0, Unit::filling_bytes, 0}.store(units.data() + i * Unit::bytes_each);
    for (int i = 5; i < 9; ++i) Unit{i * 100, 100, 0}.store(units.data() + i * Unit::bytes_each);
    std::ofstream(dir / fmt::format("{:020}", 200), std::ios::binary) << units.text();
    fs::create_directories(folder.path() / "consumequeue" / "T" / "not-a-number");

    const auto queues = scan_queues(folder.path(), {600});
    REQUIRE(queues);
    REQUIRE(queues->size() == 1);
    const auto& queue = queues->front();
    CHECK(queue.topic == "T");
    CHECK(queue.id == 3);
    CHECK(queue.first_on_disk == 15);
    CHECK(queue.min.value == 16);
    CHECK(queue.max.value == 19);
    CHECK(queue.bytes == 300);
    CHECK(queue.log_end.value == 900);
}

TEST_CASE("the process that has a store open is named, and nobody when it is closed") {
    const Folder folder;
    CHECK(!store_user(folder.path()));
    // A process's own lock never stands in its way, so another one has to hold it.
    int ready[2], go[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(go) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::close(go[1]);
        const auto lock = posix_files().lock(folder.path() / "lock");
        const char byte = lock ? 'y' : 'n';
        if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
        char ignored;
        [[maybe_unused]] const auto end = ::read(go[0], &ignored, 1);
        ::_exit(0);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    CHECK(byte == 'y');
    CHECK(store_user(folder.path()) == child);
    for (const int fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(!store_user(folder.path()));
}

}  // namespace mqd::store::test
