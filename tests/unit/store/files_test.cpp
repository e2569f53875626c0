#include <chrono>
#include <fstream>

#include "support.h"

namespace mqd::store::test {

TEST_CASE("a file tells when it was last written, and so does its absence") {
    const Folder folder;
    const auto path = folder.path() / "file";
    std::ofstream(path) << "x";
    const auto now_ms = wall_ms();
    const auto fresh = posix_files().modified_ms(path);
    REQUIRE(fresh.has_value());
    CHECK(std::abs(*fresh - now_ms) < 60'000);
    fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(73));
    const auto old = posix_files().modified_ms(path);
    REQUIRE(old.has_value());
    CHECK(*fresh - *old == 73 * 3'600'000);
    CHECK(posix_files().modified_ms(folder.path() / "none").error().code == Errc::not_found);
}

}  // namespace mqd::store::test
