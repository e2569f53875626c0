#include "store/table/places.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "store/table/config_file.h"
#include "store/store.h"
#include "support.h"

using namespace mqd;
using namespace mqd::store;
using namespace mqd::store::test;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("what lies apart is written down, found again, and may come back when it is empty") {
    const Folder folder;
    const auto root = folder.path() / "root";
    Places places(root);
    places.put("commitlog", folder.path() / "disk1/log");
    places.put("index", root / "index");
    REQUIRE(places.settle(posix_files()));
    const auto found = Places::find(posix_files(), root);
    REQUIRE(found);
    CHECK(*found / "commitlog/1" == folder.path() / "disk1/log/1");
    CHECK(*found / "index" == root / "index");
    REQUIRE(Places(root).settle(posix_files()));
    CHECK(*Places::find(posix_files(), root) / "commitlog" == root / "commitlog");
}

TEST_CASE("a store all in one place has no list of places") {
    const Folder folder;
    REQUIRE(Places(folder.path() / "root").settle(posix_files()));
    CHECK(!fs::exists(folder.path() / "root"));
}

TEST_CASE("a store's data is never left behind, nor taken from two places") {
    const Folder folder;
    const auto root = folder.path() / "root", apart = folder.path() / "disk1";
    write(root / "commitlog/00000000000000000000", "x");
    Places places(root);
    places.put("commitlog", apart);
    const auto left = places.settle(posix_files());
    REQUIRE(!left);
    CHECK(left.error().code == Errc::refused);
    CHECK(left.error().what ==
          "the commit log of this store lies in " + (root / "commitlog").string() +
              ", and storePathCommitLog says " + apart.string() +
              ": move it there, or write storePathCommitLog=" + (root / "commitlog").string());
    write(apart / "00000000000000000000", "x");
    const auto two = places.settle(posix_files());
    REQUIRE(!two);
    CHECK(two.error().what.find("move one of them away") != std::string::npos);
    fs::remove_all(root / "commitlog");
    CHECK(places.settle(posix_files()));

    // The key is gone, and the data is not where it would be.
    CHECK(!Places(root).settle(posix_files()));
    CHECK(!Places(root).settle(posix_files()));
    CHECK(*Places::find(posix_files(), root) / "commitlog" == apart);
}

TEST_CASE("one place by two names is one place") {
    const Folder folder;
    const auto root = folder.path() / "root", apart = folder.path() / "disk1";
    write(apart / "00000000000000000000", "x");
    fs::create_directories(root);
    fs::create_directory_symlink(apart, root / "commitlog");
    Places places(root);
    places.put("commitlog", apart);
    CHECK(places.settle(posix_files()));
}

TEST_CASE("a damaged list of places is no empty one") {
    const Folder folder;
    const auto root = folder.path() / "root";
    Places places(root);
    places.put("index", folder.path() / "index");
    REQUIRE(places.settle(posix_files()));
    write(root / "config/mqd.places", "{\"ind");
    CHECK(*Places::find(posix_files(), root) / "index" == folder.path() / "index");
    write(root / "config/mqd.places.bak", "");
    CHECK(Places::find(posix_files(), root).error().code == Errc::corrupt);
}
