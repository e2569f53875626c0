#include "cli/progress.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <string>

using namespace mqd;
using cli::Progress;

namespace {

/// What it writes to something that is no terminal.
class Seen {
public:
    Seen() { REQUIRE(::pipe(fds_.data()) == 0); }
    ~Seen() {
        ::close(fds_[0]);
        ::close(fds_[1]);
    }
    Seen(const Seen&) = delete;
    Seen& operator=(const Seen&) = delete;
    int fd() const { return fds_[1]; }
    std::string text() const {
        REQUIRE(::write(fds_[1], "|", 1) == 1);
        char block[4096];
        const auto n = ::read(fds_[0], block, sizeof block);
        REQUIRE(n > 0);
        return {block, static_cast<std::size_t>(n) - 1};
    }

private:
    std::array<int, 2> fds_{};
};

}  // namespace

TEST_CASE("the line says how much is done, how fast, and what is left where that is known") {
    CHECK(Progress::line({0, 0, {}}, 0, 0) == "0 messages, 0/s, 0 B");
    CHECK(Progress::line({1, 7, {}}, 1, 7) == "1 message, 1/s, 7 B");
    CHECK(Progress::line({1'234'567, 102'900'000, {}}, 45'000, 3e6) ==
          "1234567 messages, 45000/s, 102.9 MB");
    CHECK(Progress::line({5, 999, 2000}, 1, 100.1) == "5 messages, 1/s, 999 B, 49%, 0:10 left");
    CHECK(Progress::line({5, 1000, 7'400'000}, 1, 1000) ==
          "5 messages, 1/s, 1.0 kB, 0%, 2:03:19 left");
    // A file that grew meanwhile, and an input that stands still.
    CHECK(Progress::line({5, 300, 200}, 1, 100) == "5 messages, 1/s, 300 B, 100%, 0:00 left");
    CHECK(Progress::line({5, 100, 200}, 0, 0) == "5 messages, 0/s, 100 B, 50%");
    CHECK(Progress::line({5, 100, 0}, 0, 0) == "5 messages, 0/s, 100 B");
    // What is filtered out is passed all the same.
    CHECK(Progress::line({5, 100, {}, 60, 80}, 1, 10) == "5 messages, 1/s, 100 B, 75%, 0:02 left");
}

TEST_CASE("it is on where stderr is a terminal, and where somebody wants it") {
    const Seen seen;
    CHECK_FALSE(Progress({}, false, seen.fd()).is_on());
    CHECK_FALSE(Progress(false, false, seen.fd()).is_on());
    Progress progress(true, true, seen.fd());
    CHECK(progress.is_on());
    CHECK(progress.due_ms() > 0);
    Progress off(false, false, seen.fd());
    CHECK(off.due_ms() == -1);
    off.show({1, 1, {}});
    off.clear();
    CHECK(seen.text().empty());
}

TEST_CASE("a line covers the one before it, and a file keeps the last one") {
    const Seen seen;
    Progress progress(true, false, seen.fd());
    progress.show({1'000'000, 5, {}});
    const auto first = seen.text();
    CHECK(first.starts_with("\r1000000 messages, "));
    progress.show({1'000'000, 5, {}});
    CHECK(seen.text().size() == first.size());
    progress.clear();
    CHECK(seen.text() == "\n");
    progress.clear();
    CHECK(seen.text().empty());
}
