#include "record/part_file.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using namespace mqd;
using record::FileNames;
using record::Folder;
using record::PartFile;

namespace {

struct Place {
    Place() {
        REQUIRE(::mkdtemp(path) != nullptr);
        auto opened = Folder::open(path);
        REQUIRE(opened);
        folder = std::move(*opened);
    }
    ~Place() { std::filesystem::remove_all(path); }

    std::unique_ptr<PartFile> create(std::string_view pattern = "a.txt") const {
        auto file = PartFile::create(*folder, *FileNames::parse(pattern), 0);
        REQUIRE(file);
        return std::move(*file);
    }
    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& entry : std::filesystem::directory_iterator(path))
            all.push_back(entry.path().filename());
        std::sort(all.begin(), all.end());
        return all;
    }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(std::string(path) + "/" + name) << text;
    }
    std::string text(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream(std::string(path) + "/" + name).rdbuf();
        return text.str();
    }

    char path[32] = "/tmp/mqd-part-file-XXXXXX";
    std::unique_ptr<Folder> folder;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a file has its name only when it is whole") {
    const Place place;
    auto file = place.create();
    REQUIRE(file->write(as_bytes("one\n")));
    CHECK(place.names() == Names{"a.txt.part"});
    REQUIRE(file->write(as_bytes("two\n")));
    CHECK(file->bytes() == 8);
    REQUIRE(file->finish());
    file.reset();
    CHECK(place.names() == Names{"a.txt"});
    CHECK(place.text("a.txt") == "one\ntwo\n");
}

TEST_CASE("one that was not finished leaves nothing") {
    const Place place;
    auto file = place.create();
    REQUIRE(file->write(as_bytes("one\n")));
    file.reset();
    CHECK(place.names().empty());
}

TEST_CASE("no file takes the place of another, begun, whole, or made in between") {
    const Place place;
    place.put("a.txt", "old");
    auto first = place.create();
    auto second = place.create();
    CHECK(place.names() == Names{"a-1.txt.part", "a-2.txt.part", "a.txt"});
    REQUIRE(first->write(as_bytes("first")));
    place.put("a-1.txt", "in between");
    REQUIRE(first->finish());
    REQUIRE(second->finish());
    CHECK(place.text("a.txt") == "old");
    CHECK(place.text("a-1.txt") == "in between");
    CHECK(place.text("a-2.txt") == "first");
    CHECK(place.text("a-3.txt").empty());
    CHECK(place.names() == Names{"a-1.txt", "a-2.txt", "a-3.txt", "a.txt"});
}

TEST_CASE("of .part files only those that nobody writes, and of our names, are abandoned") {
    const Place place;
    const auto names = *FileNames::parse("a.txt");
    const auto file = place.create();
    place.put("a-1.txt.part", "of a killed run");
    place.put("movie.part", "of something else");
    CHECK(*place.folder->abandoned(names, false) == 1);
    CHECK(place.names().size() == 3);
    CHECK(*place.folder->abandoned(names, true) == 1);
    CHECK(place.names() == Names{"a.txt.part", "movie.part"});
    REQUIRE(file->finish());
}

TEST_CASE("a folder is made with those above it, and one that takes no file is an error") {
    const Place place;
    const auto deep = std::string(place.path) + "/a/b//c/";
    CHECK(Folder::open(deep));
    CHECK(Folder::open(deep));
    CHECK(std::filesystem::is_directory(std::string(place.path) + "/a/b/c"));
    const auto in_proc = Folder::open("/proc/a/b");
    REQUIRE_FALSE(in_proc);
    CHECK(in_proc.error().what.starts_with("/proc/a: "));
    CHECK_FALSE(Folder::open(""));
    CHECK_FALSE(Folder::open("/dev/null/a"));
    auto proc = Folder::open("/proc");
    REQUIRE(proc);
    const auto file = PartFile::create(**proc, *FileNames::parse("a.txt"), 0);
    REQUIRE_FALSE(file);
    CHECK(file.error().code == Errc::io);
    CHECK(file.error().what.starts_with("/proc/a.txt.part: "));
}
