#include "store/log/cold_pages.h"

#include <set>

#include "store/log/commit_log.h"
#include "support.h"

namespace mqd::store::test {
namespace {

constexpr std::int64_t part = ColdPages::part_bytes;

/// Knows which of its parts the system has been told to fetch, and has not been told to give up.
class WatchedFile final : public File {
public:
    void will_need(std::int64_t at, std::int64_t) const override { held_.insert(at / part); }
    void wont_need(std::int64_t at, std::int64_t bytes) const override {
        CHECK(bytes == part);
        CHECK(held_.erase(at / part) == 1);
    }
    const std::set<std::int64_t>& held() const { return held_; }

    Result<std::size_t> read(std::int64_t, MutableBytes) const override { return 0U; }
    Result<> write(std::int64_t, Bytes) override { return {}; }
    Result<> sync() override { return {}; }
    Result<std::int64_t> size() const override { return 0; }
    Result<> resize(std::int64_t) override { return {}; }
    Result<std::unique_ptr<Mapping>> map() const override {
        return Error{Errc::unsupported, "nobody maps it"};
    }

private:
    mutable std::set<std::int64_t> held_;
};

/// A log file of 200 parts; nobody looks at its bytes.
struct Reading {
    LogFile log;
    std::shared_ptr<WatchedFile> file = std::make_shared<WatchedFile>();
    ColdPages pages;
    std::vector<std::byte> none{1};

    Reading() { log.bytes = Bytes(none.data(), static_cast<std::size_t>(200 * part)); }
    void read(std::int64_t from, std::int64_t to, bool fetched = true) {
        pages.reading(log, file, from, to, fetched);
    }
};

}  // namespace

TEST_CASE("a long read keeps no more of the log in memory than 64 parts of it") {
    Reading is;
    for (std::int64_t at = 0; at < 200 * part; at += part / 4) {
        is.read(at, at + part / 4);
        CHECK(is.file->held().size() <= ColdPages::parts_max);
    }
    // What it has last read is still there, what lies before was given up.
    CHECK(is.file->held().size() == ColdPages::parts_max);
    CHECK(*is.file->held().begin() == 200 - static_cast<std::int64_t>(ColdPages::parts_max));
    CHECK(*is.file->held().rbegin() == 199);
}

TEST_CASE("a long read goes ahead of its reader by a part, and not beyond the file") {
    Reading is;
    is.read(0, 1000);
    CHECK(is.file->held() == std::set<std::int64_t>{0, 1});
    is.read(198 * part, 199 * part);
    CHECK(is.file->held() == std::set<std::int64_t>{0, 1, 199});
    is.read(199 * part, 200 * part);
    CHECK(is.file->held() == std::set<std::int64_t>{0, 1, 199});
}

TEST_CASE("what others keep in memory is not given up by who only reads it") {
    Reading is;
    for (std::int64_t at = 0; at < 200 * part; at += part) is.read(at, at + part, false);
    CHECK(is.file->held().empty());
}

}  // namespace mqd::store::test
