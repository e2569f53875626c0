#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "client/mailbox.h"
#include "sending/fates.h"
#include "../folder.h"
#include "follow/follow_state.h"
#include "follow/followed_file.h"
#include "follow/record_id.h"
#include "follow/rotations.h"

using namespace mqd;
using namespace mqd::sending;
using mqd::testing::Folder;
namespace fs = std::filesystem;

namespace {

/// A file that is followed; what it has given, line by line.
class Followed {
public:
    explicit Followed(std::string path, std::optional<follow::Position> resume = {})
        : file_(std::move(path), {}, std::move(resume)) {}

    /// All that is there now.
    std::vector<std::string> lines() {
        std::vector<std::string> lines;
        REQUIRE(file_.look());
        for (;;) {
            while (auto* const reader = file_.reader()) {
                if (!reader->ready()) break;
                const auto record = reader->next();
                REQUIRE(record);
                if (*record == nullptr) break;
                lines.emplace_back((*record)->body);
                position_ = file_.position();
            }
            const auto filled = file_.fill();
            REQUIRE(filled);
            if (!*filled) return lines;
        }
    }
    /// The same, until the file that was renamed is taken for done.
    std::vector<std::string> lines_over_rename() {
        auto all = lines();
        while (file_.due_ms() >= 0) {
            client::wait_for_either(-1, -1, file_.due_ms() - monotonic_ms() + 1);
            for (auto& line : lines()) all.push_back(std::move(line));
        }
        return all;
    }
    /// As it would be kept.
    follow::Position position() {
        REQUIRE(position_);
        file_.complete(*position_);
        return *position_;
    }
    follow::FollowedFile& file() { return file_; }

private:
    follow::FollowedFile file_;
    std::optional<follow::Position> position_;
};

void append(const fs::path& path, std::string_view text) {
    std::ofstream out(path, std::ios::app | std::ios::binary);
    out << text;
    REQUIRE(out.good());
}

/// The files of before are older than those to come: file systems tell ticks of a few ms apart.
void let_tick_pass(const Folder& folder) {
    const auto probe = folder.path() / "probe";
    const auto now = [&] {
        fs::remove(probe);
        append(probe, "x");
        return fs::last_write_time(probe);
    };
    const auto begin = now();
    while (now() == begin) {
    }
    fs::remove(probe);
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("positions come back as they were kept, and anything else is no list of them") {
    const Folder folder;
    const auto path = folder.path() / "state";
    const auto none = follow::load_positions(path);
    REQUIRE(none);
    CHECK(none->empty());
    follow::Positions positions;
    positions["/a \"b\""] = {{1, ~0ULL >> 1}, 1ULL << 40, std::string("x\0\xff", 3)};
    positions["/c"] = {{2, 3}, 0, {}, 4, 5};
    REQUIRE(follow::save_positions(path, positions));
    const auto loaded = follow::load_positions(path);
    REQUIRE(loaded);
    CHECK(*loaded == positions);
    for (const auto* const bad :
         {"x", "[]", "{\"files\":[{\"offset\":1}]}", "{\"files\":[{\"path\":\"a\",\"offset\":-1}]}",
          "{\"files\":[{\"path\":\"a\",\"offset\":1,\"last\":\"?\"}]}"}) {
        fs::remove(path);
        append(path, bad);
        const auto refused = follow::load_positions(path);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::corrupt);
    }
    CHECK(follow::save_positions(folder.path() / "none" / "state", positions).error().code ==
          Errc::not_found);
}

TEST_CASE("a file gives whole lines as they come, and goes on there another day") {
    const Folder folder;
    const auto path = folder.path() / "log";
    Followed followed(path);
    CHECK(followed.lines().empty());
    append(path, "a\nb\nhal");
    CHECK(followed.lines() == Lines{"a", "b"});
    const auto position = followed.position();
    CHECK(position.offset == 4);
    CHECK(position.last == "a\nb\n");
    append(path, "f\n");
    CHECK(followed.lines() == Lines{"half"});
    Followed again(path, position);
    CHECK(again.lines() == Lines{"half"});
    CHECK(again.file().take_warning().empty());
}

TEST_CASE("renamed files are read to their ends, in their order, however fast they come" *
          doctest::test_suite("slow")) {
    const Folder folder;
    const auto path = folder.path() / "log";
    append(path, "a\n");
    Followed followed(path);
    CHECK(followed.lines() == Lines{"a"});
    fs::rename(path, folder.path() / "log.2");
    append(path, "c\n");
    CHECK(followed.lines().empty());
    append(folder.path() / "log.2", "b");
    fs::rename(path, folder.path() / "log.1");
    append(path, "d\n");
    CHECK(followed.lines_over_rename() == Lines{"b", "c", "d"});
}

TEST_CASE("a position is found again in a file that was renamed, never in another one") {
    const Folder folder;
    const auto path = folder.path() / "log";
    append(path, "a\nb\n");
    follow::Position position;
    {
        Followed followed(path);
        CHECK(followed.lines() == Lines{"a", "b"});
        position = followed.position();
    }
    SUBCASE("renamed") {
        append(path, "c\n");
        fs::rename(path, folder.path() / "elsewhere");
        append(path, "d\n");
        Followed again(path, position);
        CHECK(again.lines_over_rename() == Lines{"c", "d"});
        CHECK(again.file().take_warning().empty());
    }
    SUBCASE("gone") {
        fs::rename(path, folder.path() / "kept");
        append(path, "d\n");
        fs::remove(folder.path() / "kept");
        Followed again(path, position);
        CHECK(again.lines() == Lines{"d"});
        CHECK_FALSE(again.file().take_warning().empty());
    }
    SUBCASE("cut short") {
        fs::resize_file(path, 0);
        append(path, "c\n");
        CHECK(Followed(path, position).lines() == Lines{"c"});
    }
    SUBCASE("cut short, and longer again") {
        fs::resize_file(path, 0);
        append(path, "c\nd\ne\n");
        CHECK(Followed(path, position).lines() == Lines{"c", "d", "e"});
    }
}

TEST_CASE("what was renamed before anybody looked is read in its turn, and nothing else is" *
          doctest::test_suite("slow")) {
    const Folder folder;
    const auto path = folder.path() / "app.log";
    const auto beside = [&](std::string_view name) { return folder.path() / name; };
    append(beside("app.log.7"), "from before\n");
    let_tick_pass(folder);
    append(path, "a\n");
    Followed followed(path);
    CHECK(followed.lines() == Lines{"a"});
    const auto position = followed.position();
    append(path, "b\n");
    fs::rename(path, beside("app.log.2"));
    let_tick_pass(folder);
    append(path, "c\n");
    let_tick_pass(folder);
    fs::rename(path, beside("app.log.1"));
    append(path, "d\n");
    let_tick_pass(folder);
    fs::rename(path, beside("app-2026-11-21T10:00.log"));
    append(beside("app.log.err"), "another's\n");
    append(beside("app.log.9"), "a\nb\n");  // a copy of what is being read
    append(beside("other.log.1"), "another's\n");
    fs::create_directory(beside("app.log.3"));
    append(path, "e\n");
    SUBCASE("in one run") {
        CHECK(followed.lines_over_rename() == Lines{"b", "c", "d", "e"});
        CHECK(followed.file().take_warning().empty());
    }
    SUBCASE("from one run to the next") {
        Followed again(path, position);
        CHECK(again.lines_over_rename() == Lines{"b", "c", "d", "e"});
        CHECK(again.file().take_warning().empty());
    }
    SUBCASE("what was read is gone, what came after it is not") {
        fs::remove(beside("app.log.2"));
        fs::remove(beside("app.log.9"));
        append(beside("app.log.4.gz"), "compressed");
        if (position.born_ns == 0) return;  // this file system does not tell
        Followed again(path, position);
        CHECK(again.lines_over_rename() == Lines{"c", "d", "e"});
        const auto warning = again.file().take_warning();
        CHECK(warning.find("the rest of it is lost") != std::string::npos);
        CHECK(warning.find("the rest is not read: app.log.4.gz") != std::string::npos);
    }
    SUBCASE("the inode is another file's now") {
        if (position.born_ns == 0) return;
        auto earlier = position;
        earlier.born_ns -= 1'000'000'000;
        fs::remove(beside("app.log.9"));
        CHECK(Followed(path, earlier).lines_over_rename().back() == "e");
        Followed again(path, earlier);
        again.lines();
        CHECK(again.file().take_warning().find("the rest of it is lost") != std::string::npos);
    }
}

TEST_CASE("what was renamed and cannot be looked for or opened is told of") {
    const Folder folder;
    const auto path = folder.path() / "app.log";
    append(path, "a\n");
    Followed followed(path);
    CHECK(followed.lines() == Lines{"a"});
    fs::rename(path, folder.path() / "app.log.3");
    for (const auto* const name : {"app.log.2", "app.log.1"}) {
        let_tick_pass(folder);
        append(path, name);
        fs::rename(path, folder.path() / name);
    }
    append(path, "d\n");
    // Descriptors: one for what has the name now, then one for the folder, and again for a file.
    const int next = ::dup(STDERR_FILENO);
    REQUIRE(::close(next) == 0);
    int left = 0;
    std::string said;
    SUBCASE("looked for") {
        left = 1;
        said = "files that were renamed there are not read";
    }
    SUBCASE("opened") {
        left = 2;
        said = "app.log.1: Too many open files; it is not read";
    }
    rlimit before = {};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit scarce = before;
    scarce.rlim_cur = static_cast<rlim_t>(next + left);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &scarce) == 0);
    const auto looked = followed.file().look();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    REQUIRE(looked);
    const auto warning = followed.file().take_warning();
    CHECK_MESSAGE(warning.find(said) != std::string::npos, warning);
}

TEST_CASE("the names of rotated files have a number or a date") {
    for (const auto* const name : {"app.log.1", "app.log-20261121", "app.log.2026-11-21T10:00",
                                   "app.1.log", "app-20261121.log", "app.log.10"})
        CHECK_MESSAGE(follow::is_rotation_name(name, "app.log"), name);
    for (const auto* const name :
         {"app.log", "app.log.", "app.log.err", "app.log1x", "app.log.1.gz", "app-x.log",
          "app..log", "ap.1.log", "app.1.lo", "app", ".log"})
        CHECK_MESSAGE(!follow::is_rotation_name(name, "app.log"), name);
    CHECK(follow::is_rotation_name("log.1", "log"));
    CHECK_FALSE(follow::is_rotation_name("1.log", ".log"));
}

TEST_CASE("a file that was cut short begins anew, and so does what is kept of it") {
    const Folder folder;
    const auto path = folder.path() / "log";
    append(path, "a\nb\nc");
    Followed followed(path);
    CHECK(followed.lines() == Lines{"a", "b"});
    fs::resize_file(path, 0);
    append(path, "a much longer line than before\n");
    CHECK(followed.lines() == Lines{"a much longer line than before"});
    const auto position = followed.position();
    CHECK(position.offset == 31);
    fs::resize_file(path, 0);
    CHECK(followed.lines().empty());
    // What was delivered of it is not in it any more.
    CHECK(followed.position().offset == 0);
}

TEST_CASE("what need not be read again ends at the first that failed, or does not") {
    for (const bool stops : {true, false}) {
        auto made = Fates::open(Print::nothing, "", {}, "");
        REQUIRE(made);
        Fates& fates = **made;
        CHECK_FALSE(fates.keeps_messages());
        fates.count_kept(stops);
        CHECK(fates.keeps_messages());
        const auto first = fates.begin("a", "");
        fates.rejected("", "malformed");
        const auto third = fates.begin("b", "");
        CHECK(third == 2);
        CHECK(fates.begun() == 3);
        CHECK(fates.kept() == 0);
        fates.left_in_spool(first);
        CHECK(fates.kept() == (stops ? 1 : 2));
        fates.left_in_spool(third);
        CHECK(fates.kept() == (stops ? 1 : 3));
    }
}

TEST_CASE("a record's id is that of its place, its file and its text") {
    const follow::Position at{{1, 2}, 300, "", 0};
    const auto id = follow::record_id("T", at, 5, "text");
    CHECK(id == follow::record_id("T", {{1, 2}, 300, "whatever stood before it", 0}, 5, "text"));
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789ABCDEF") == std::string::npos);
    // What has been sent must be known again by the next version, too.
    CHECK(id == "0C73966F0AFCF7F5200FDEDFE517B675");
    std::vector<std::string> others = {
        follow::record_id("U", at, 5, "text"),
        follow::record_id("T", {{9, 2}, 300, "", 0}, 5, "text"),
        follow::record_id("T", {{1, 9}, 300, "", 0}, 5, "text"),
        follow::record_id("T", {{2, 1}, 300, "", 0}, 5, "text"),
        follow::record_id("T", {{1, 2}, 301, "", 0}, 5, "text"),
        follow::record_id("T", {{1, 2}, 300, "", 1}, 5, "text"),
        follow::record_id("T", at, 6, "text"),
        follow::record_id("T", at, 5, "text "),
        follow::record_id("T", at, 5, ""),
    };
    others.push_back(id);
    std::sort(others.begin(), others.end());
    CHECK(std::adjacent_find(others.begin(), others.end()) == others.end());
}

TEST_CASE("after a file was cut short, what its writer left out is passed over") {
    const Folder folder;
    const auto path = fs::path(folder.path()) / "a.log";
    const auto put = [&](std::uint64_t at, std::string_view text) {
        std::fstream out(path, std::ios::in | std::ios::out | std::ios::binary);
        out.seekp(static_cast<std::streamoff>(at));
        out << text;
        REQUIRE(out.good());
    };
    using Lines = std::vector<std::string>;
    append(path, "before\n");
    Followed followed(path);
    CHECK(followed.lines() == Lines{"before"});
    const auto kept = followed.position();
    fs::resize_file(path, 0);

    SUBCASE("less than a block, where no file system has a hole") {
        put(7, "after\nnext\n");
        CHECK(followed.lines() == Lines{"after", "next"});
        CHECK(followed.file().take_warning().find("skips its first 7 bytes, a hole") !=
              std::string::npos);
        CHECK(followed.position().offset == 18);
        append(path, "more\n");
        CHECK(followed.lines() == Lines{"more"});
    }
    SUBCASE("a hole of many blocks") {
        put(100 << 20, "after\n");
        CHECK(followed.lines() == Lines{"after"});
        CHECK(followed.position().offset == (100 << 20) + 6);
    }
    SUBCASE("the line comes later than the hole") {
        fs::resize_file(path, 5000);
        CHECK(followed.lines() == Lines{});
        put(5000, "after\n");
        CHECK(followed.lines() == Lines{"after"});
    }
    SUBCASE("fewer NULs than it had been read are written ones") {
        append(path, std::string("\0\0\0x\n", 5));
        CHECK(followed.lines() == Lines{std::string("\0\0\0x", 4)});
    }
    SUBCASE("while nobody looked") {
        put(9000, "after\n");
        Followed next(path, kept);
        CHECK(next.lines() == Lines{"after"});
    }
}
