#include <fstream>

#include "store/config_file.h"
#include "support.h"

namespace mqd::store::test {
namespace {

Result<> no_x(std::string_view text) {
    if (text.find('x') == text.npos) return {};
    return Error{Errc::invalid, "an x"};
}

void write(const fs::path& path, std::string_view text) {
    std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("a configuration file is saved, its former text kept beside it") {
    const Folder folder;
    const auto path = folder.path() / "config" / "topics.json";
    CHECK(load_config(posix_files(), path, no_x).error().code == Errc::not_found);
    REQUIRE(save_config(posix_files(), path, "one").has_value());
    REQUIRE(save_config(posix_files(), path, "two").has_value());
    CHECK(*load_config(posix_files(), path, no_x) == "two");
    fs::remove(path);
    CHECK(*load_config(posix_files(), path, no_x) == "one");
    CHECK(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a configuration file that is broken or empty gives way to its second chance") {
    const Folder folder;
    const auto path = folder.path() / "offsets.json";
    write(folder.path() / "offsets.json.bak", "good");
    SUBCASE("broken") {
        write(path, "x");
    }
    SUBCASE("empty") {
        write(path, "");
    }
    CHECK(*load_config(posix_files(), path, no_x) == "good");
    write(folder.path() / "offsets.json.bak", "xx");
    const auto neither = load_config(posix_files(), path, no_x);
    CHECK(neither.error().code == Errc::corrupt);
    CHECK(neither.error().what.find("offsets.json.bak") != std::string::npos);
}

TEST_CASE("an empty configuration file does not replace the good text beside it") {
    const Folder folder;
    const auto path = folder.path() / "offsets.json";
    write(folder.path() / "offsets.json.bak", "good");
    write(path, "");
    REQUIRE(save_config(posix_files(), path, "new").has_value());
    fs::remove(path);
    CHECK(*load_config(posix_files(), path, no_x) == "good");
}

}  // namespace mqd::store::test
