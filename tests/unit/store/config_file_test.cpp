#include <fstream>

#include "store/table/config_file.h"
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
std::string read(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
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

TEST_CASE("where it is wanted, the second chance has the same text") {
    const Folder folder;
    const auto path = folder.path() / "topics.json";
    REQUIRE(save_config(posix_files(), path, "one", Spare::same));
    CHECK(read(folder.path() / "topics.json.bak") == "one");
    REQUIRE(save_config(posix_files(), path, "two", Spare::same));
    write(path, "x");
    CHECK(*load_config(posix_files(), path, no_x) == "two");
    CHECK_FALSE(fs::exists(folder.path() / "topics.json.bak.tmp"));
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
    std::string said;
    const auto say = [&](std::string_view what) { said = what; };
    CHECK(*peek_config(posix_files(), path, no_x, say) == "good");
    CHECK(said.starts_with(path.string()));
    CHECK(fs::exists(path));
    CHECK(*load_config(posix_files(), path, no_x) == "good");
    CHECK_FALSE(fs::exists(path));
    write(path, "x");
    write(folder.path() / "offsets.json.bak", "xx");
    const auto neither = load_config(posix_files(), path, no_x);
    CHECK(neither.error().code == Errc::corrupt);
    CHECK(neither.error().what.find("offsets.json.bak") != std::string::npos);
    CHECK(read(path) == "x");
    CHECK(read(folder.path() / "offsets.json.bak") == "xx");
}

TEST_CASE("a damaged configuration file is set aside, and never written over") {
    const Folder folder;
    const auto path = folder.path() / "offsets.json";
    for (const auto* aside : {"offsets.json.damaged", "offsets.json.damaged.2"}) {
        write(folder.path() / "offsets.json.bak", "good");
        write(path, std::string("x of ") + aside);
        CHECK(*load_config(posix_files(), path, no_x) == "good");
        CHECK(read(folder.path() / aside) == std::string("x of ") + aside);
        // However often it is loaded and saved before it is whole again.
        CHECK(*load_config(posix_files(), path, no_x) == "good");
        REQUIRE(save_config(posix_files(), path, "new").has_value());
        CHECK(read(folder.path() / "offsets.json.bak") == "good");
        REQUIRE(save_config(posix_files(), path, "newer").has_value());
        CHECK(read(folder.path() / "offsets.json.bak") == "new");
    }
    write(path, "x");
    write(folder.path() / "offsets.json.bak", "xx");
    REQUIRE(set_aside_config(posix_files(), path).has_value());
    CHECK(read(folder.path() / "offsets.json.damaged.3") == "x");
    CHECK(read(folder.path() / "offsets.json.bak.damaged") == "xx");
    CHECK(load_config(posix_files(), path, no_x).error().code == Errc::not_found);
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
