// Holes of files: NULs that nobody has written are passed over, those that somebody wrote are data.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "pipe.h"
#include "record/reader.h"

using namespace mqd;
using namespace std::string_literals;
using record::Input;

namespace {

using Bodies = std::vector<std::string>;

/// A file that is written at any place.
class Sparse {
public:
    Sparse() {
        std::string name = (std::filesystem::temp_directory_path() / "mqd-holes-XXXXXX").string();
        fd_ = ::mkstemp(name.data());
        REQUIRE(fd_ >= 0);
        ::unlink(name.c_str());
    }
    ~Sparse() { ::close(fd_); }
    Sparse(const Sparse&) = delete;
    Sparse& operator=(const Sparse&) = delete;

    void put(std::int64_t at, std::string_view text) const {
        REQUIRE(::pwrite(fd_, text.data(), text.size(), at) == static_cast<ssize_t>(text.size()));
    }
    void end_at(std::int64_t at) const { REQUIRE(::ftruncate(fd_, at) == 0); }
    int fd() const { return fd_; }
    bool has_hole_at(std::int64_t at) const {
        const auto place = ::lseek(fd_, 0, SEEK_CUR);
        const auto data = ::lseek(fd_, at, SEEK_DATA);
        const bool is_hole = data > at || (data < 0 && errno == ENXIO);
        ::lseek(fd_, place, SEEK_SET);
        return is_hole;
    }

private:
    int fd_ = -1;
};

/// Whether the file system of the tests has holes at all.
bool has_holes() {
    const Sparse file;
    file.put(1 << 20, "x");
    if (file.has_hole_at(0)) return true;
    MESSAGE("the file system has no holes");
    return false;
}

struct Seen {
    Bodies bodies;
    std::vector<std::uint64_t> begins, ends;
    std::vector<std::string> told;
};

Seen read_all(const Sparse& file, record::ReaderOptions options = {}) {
    Seen seen;
    options.tell = [&](std::string_view line) { seen.told.emplace_back(line); };
    record::Reader reader(file.fd(), "in", std::move(options));
    for (;;) {
        const auto next = reader.next();
        REQUIRE(next);
        if (*next == nullptr) return seen;
        seen.bodies.emplace_back((*next)->body);
        seen.begins.push_back(reader.begin_at());
        seen.ends.push_back(reader.end_at());
    }
}

}  // namespace

TEST_CASE("a hole in front is passed over, with what pads its last block") {
    if (!has_holes()) return;
    for (const std::int64_t at : {100'000, 98'304, 98'303, 98'305}) {
        CAPTURE(at);
        const Sparse file;
        file.put(at, "after\nnext\n");
        const auto seen = read_all(file);
        CHECK(seen.bodies == Bodies{"after", "next"});
        const auto from = static_cast<std::uint64_t>(at);
        CHECK(seen.begins == std::vector{from, from + 6});
        CHECK(seen.ends == std::vector{from + 6, from + 11});
        REQUIRE(seen.told.size() == 1);
        CHECK(seen.told[0].find("in: skips bytes 0 to ") == 0);
    }
}

TEST_CASE("a hole in the middle is passed over, between lines and within one") {
    if (!has_holes()) return;
    const Sparse file;
    file.put(0, "one\ntwo\nthr");
    file.put(200'000, "ee\nfour\n");
    file.put(400'000, "five");
    const auto seen = read_all(file);
    CHECK(seen.bodies == Bodies{"one", "two", "three", "four", "five"});
    CHECK(seen.begins == std::vector<std::uint64_t>{0, 4, 8, 200'003, 400'000});
    CHECK(seen.ends == std::vector<std::uint64_t>{4, 8, 200'003, 200'008, 400'004});
    CHECK(seen.told.size() == 2);
}

TEST_CASE("a hole at the end is nothing, and whoever follows waits before it") {
    if (!has_holes()) return;
    const Sparse file;
    file.put(0, "a\nb");
    file.end_at(1 << 20);
    CHECK(read_all(file).bodies == Bodies{"a", "b"});

    REQUIRE(::lseek(file.fd(), 0, SEEK_SET) == 0);
    record::ReaderOptions options;
    options.follow = true;
    record::Reader reader(file.fd(), "in", options);
    Bodies bodies;
    const auto take = [&] {
        for (;;) {
            while (reader.ready()) {
                const auto next = reader.next();
                REQUIRE(next);
                if (*next == nullptr) break;
                bodies.emplace_back((*next)->body);
            }
            const auto filled = reader.fill();
            REQUIRE(filled);
            if (!*filled) return;
        }
    };
    take();
    CHECK(bodies == Bodies{"a"});
    CHECK(reader.end_at() == 2);
    file.put(1 << 20, "c\n");
    take();
    CHECK(bodies == Bodies{"a", "bc"});
    CHECK(reader.end_at() == (1 << 20) + 2);
}

TEST_CASE("NULs that somebody wrote are data") {
    const auto nuls = std::string(10'000, '\0');
    const Sparse file;
    file.put(0, nuls + "a\n" + nuls + "\n");
    CHECK(read_all(file).bodies == Bodies{nuls + "a", nuls});
    if (!has_holes()) return;
    // Before and behind a hole too, but for its own blocks.
    const Sparse mixed;
    mixed.put(0, "a"s + nuls + "b\n");
    mixed.put(1 << 20, "c"s + nuls + "\n");
    CHECK(read_all(mixed).bodies == Bodies{"a" + nuls + "b", "c" + nuls});
}

TEST_CASE("holes between chunks that end with a NUL leave each its own") {
    if (!has_holes()) return;
    const Sparse file;
    file.put(0, "a\0\0b\0"s);
    file.put(300'000, "c\0"s);
    const auto seen = read_all(file, {.input = Input::nul});
    CHECK(seen.bodies == Bodies{"a", "", "b", "c"});
}

TEST_CASE("a whole file is what it reads as") {
    const Sparse file;
    file.put(10'000, "x");
    CHECK(read_all(file, {.input = Input::file}).bodies == Bodies{std::string(10'000, '\0') + "x"});
}

TEST_CASE("lines of many blocks around holes of many sizes all come through") {
    if (!has_holes()) return;
    const Sparse file;
    Bodies wanted;
    std::int64_t at = 0;
    for (int piece = 0; piece < 8; ++piece) {
        std::string text;
        for (int line = 0; line < 40'000 * (piece % 3) + 7; ++line) {
            wanted.push_back(std::to_string(piece) + ":" + std::to_string(line) +
                             std::string(static_cast<std::size_t>(line % 50), 'x'));
            text += wanted.back() + "\n";
        }
        file.put(at, text);
        at += static_cast<std::int64_t>(text.size()) + 12'288 + 5000 * piece;
    }
    for (const std::size_t read_bytes : {std::size_t{64} << 20, std::size_t{5000}}) {
        REQUIRE(::lseek(file.fd(), 0, SEEK_SET) == 0);
        const auto seen = read_all(file, {.read_bytes_max = read_bytes});
        CHECK(seen.bodies == wanted);
    }
}
