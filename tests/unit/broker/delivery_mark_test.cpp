// How far a delivery came, over ends of the process and of the power.

#include "broker/delivery_mark.h"

#include <fstream>

#include "waiting.h"

using namespace mqd;
using namespace mqd::test;
using broker::DeliveryMark;

namespace {

namespace fs = std::filesystem;
using Values = std::vector<std::int64_t>;

struct Fixture : WaitingStore {
    fs::path path = folder.path / "mark";

    Fixture() { open_store(); }
    ~Fixture() { close_store(); }

    DeliveryMark mark() { return {store::posix_files(), *store, path}; }
    /// What a new process finds.
    std::optional<Values> left() {
        auto loaded = mark().load();
        REQUIRE(loaded);
        if (!*loaded) return std::nullopt;
        return (*loaded)->values;
    }
    void damage(std::int64_t at) const {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(at);
        file.put('\x7f');
    }
    void append_one() {
        message::Draft draft;
        draft.body = "b";
        draft.born_host = draft.store_host = *message::Host::parse("127.0.0.1:1");
        append(draft, *store->queue("T", 0));
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the newer of the two slots counts, whichever it is") {
    CHECK_FALSE(left());
    auto writes = mark();
    for (std::int64_t value = 1; value <= 4; ++value) {
        REQUIRE(writes.write(false, Values{value, 10 * value}));
        CHECK(left() == Values{value, 10 * value});
    }
}

TEST_CASE_FIXTURE(Fixture, "a new process goes on behind the newer slot") {
    for (std::int64_t value = 1; value <= 4; ++value) {
        auto anew = mark();
        REQUIRE(anew.load());
        REQUIRE(anew.write(false, Values{value}));
        CHECK(left() == Values{value});
    }
}

TEST_CASE_FIXTURE(Fixture, "a torn slot leaves the one before, and two torn ones leave nothing") {
    auto writes = mark();
    for (std::int64_t value = 1; value <= 3; ++value) REQUIRE(writes.write(false, Values{value}));
    damage(4096 + 24);  // the third's, where its value stands
    CHECK(left() == Values{2});
    damage(24);
    CHECK_FALSE(left());
}

TEST_CASE_FIXTURE(Fixture,
                  "a mark of what the log has lost counts for nothing, one of its very end does") {
    append_one();
    REQUIRE(mark().write(false, Values{7}));
    CHECK(left() == Values{7});
    // The same mark beside a log that is shorter: a power cut.
    close_store();
    fs::remove_all(settings.store.root);
    open_store();
    CHECK_FALSE(left());
    append_one();
    CHECK(left() == Values{7});
}
