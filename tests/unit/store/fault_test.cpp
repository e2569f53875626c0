#include <future>
#include <map>

#include "../passing_files.h"
#include "base/mutex.h"
#include "support.h"

namespace mqd::store::test {
namespace {

/// The real files, but for what a test wants to go wrong.
class WrongFiles final : public mqd::test::PassingFiles {
public:
    enum class Wrong { nothing, no_space, write_error, sync_error, hold_sync };
    /// Applies to paths that hold `part`; a failing write has written half.
    void set(Wrong wrong, std::string part = "commitlog") {
        const Lock lock(lock_);
        wrong_ = wrong;
        part_ = std::move(part);
        changed_.notify_all();
    }
    int writes() const { return writes_; }
    /// Of files whose path holds `part`, that failed because they were to.
    int failed_syncs() const { return failed_syncs_; }
    int queue_syncs() const { return queue_syncs_; }
    int filesystem_syncs() const { return filesystem_syncs_; }

    Result<std::unique_ptr<File>> open(const fs::path& path, OpenMode mode) override {
        TRY(auto file, real_.open(path, mode));
        return std::unique_ptr<File>(std::make_unique<WrongFile>(*this, std::move(file), path));
    }
    Result<> sync_filesystem(const fs::path&) override {
        ++filesystem_syncs_;
        return {};
    }
    Result<Space> space(const fs::path& path) override {
        TRY(auto space, real_.space(path));
        space.used_percent = used_percent;
        return space;
    }

    std::atomic<std::int64_t> used_percent = 10;

private:
    class WrongFile final : public File {
    public:
        WrongFile(WrongFiles& owner, std::unique_ptr<File> real, fs::path path)
            : owner_(owner), real_(std::move(real)), path_(std::move(path)) {}
        Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
            return real_->read(at, into);
        }
        Result<> write(std::int64_t at, Bytes bytes) override {
            ++owner_.writes_;
            switch (owner_.wrong_at(path_)) {
                case Wrong::no_space:
                    break;
                case Wrong::write_error:
                    return Error{Errc::io, "a bad sector"};
                default:
                    return real_->write(at, bytes);
            }
            TRY_OK(real_->write(at, bytes.first(bytes.size() / 2)));
            return Error{Errc::refused, "no space"};
        }
        Result<> sync() override {
            if (path_.string().find("consumequeue") != std::string::npos) ++owner_.queue_syncs_;
            if (owner_.wrong_at(path_) == Wrong::sync_error) {
                ++owner_.failed_syncs_;
                return Error{Errc::io, "not synced"};
            }
            owner_.wait_while_held(path_);
            return real_->sync();
        }
        Result<std::int64_t> size() const override { return real_->size(); }
        Result<> resize(std::int64_t bytes) override { return real_->resize(bytes); }
        Result<std::unique_ptr<Mapping>> map() const override { return real_->map(); }

    private:
        WrongFiles& owner_;
        std::unique_ptr<File> real_;
        fs::path path_;
    };

    Wrong wrong_at(const fs::path& path) {
        const Lock lock(lock_);
        return path.string().find(part_) == std::string::npos ? Wrong::nothing : wrong_;
    }
    void wait_while_held(const fs::path& path) {
        const Lock lock(lock_);
        while (wrong_ == Wrong::hold_sync && path.string().find(part_) != std::string::npos)
            changed_.wait(lock_);
    }

    Mutex lock_;
    Condition changed_;
    Wrong wrong_ GUARDED_BY(lock_) = Wrong::nothing;
    std::string part_ GUARDED_BY(lock_) = "-";
    std::atomic<int> writes_ = 0, failed_syncs_ = 0, queue_syncs_ = 0, filesystem_syncs_ = 0;
};

using Wrong = WrongFiles::Wrong;

/// `count` messages as one append() of as many units; how many were stored.
int append_many(Store& store, std::string_view body, int count) {
    Buffer records;
    std::vector<std::size_t> ends;
    for (int i = 0; i < count; ++i) {
        encode(records, "T", 0, body);
        ends.push_back(records.size());
    }
    std::vector<Append> units(static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t i = 0; i < units.size(); ++i) {
        units[i].queue = store.queue("T", 0);
        units[i].records = records.bytes().subspan(begin, ends[i] - begin);
        begin = ends[i];
    }
    store.append(units);
    return static_cast<int>(
        std::count_if(units.begin(), units.end(), [](const Append& u) { return u.stored; }));
}

PhysicalOffset append_key(Store& store, std::string_view key) {
    std::string properties;
    message::append_property(properties, message::property::uniq_key, key);
    message::Draft draft;
    draft.topic = "T";
    draft.body = "b";
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue("T", 0);
    unit.records = record.bytes();
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    return unit.at;
}

bool synced(Store& store, PhysicalOffset at, std::int64_t timeout_ms = 20'000) {
    std::promise<bool> done;
    store.when_synced(at, timeout_ms, [&](bool ok) { done.set_value(ok); });
    return done.get_future().get();
}

bool dispatched(Store& store, PhysicalOffset at, std::int64_t timeout_ms = 20'000) {
    std::promise<bool> done;
    store.when_dispatched(at, timeout_ms, [&](bool ok) { done.set_value(ok); });
    return done.get_future().get();
}

}  // namespace

TEST_CASE("a full disk refuses, keeps nothing half, and goes on when there is room") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    auto store = open(options, files);
    REQUIRE(append(*store, "T", 0, "m0").stored);
    const auto end = store->end();
    files.set(Wrong::no_space);
    CHECK(append_many(*store, "x1", 10) == 0);
    const auto refused = append(*store, "T", 0, "refused");
    CHECK_FALSE(refused.stored);
    CHECK(refused.why_not == Errc::refused);
    CHECK_FALSE(store->writable());
    CHECK(store->end() == end);

    const int writes = files.writes();
    for (int i = 0; i < 1000; ++i) append(*store, "T", 0, "storm");
    CHECK(files.writes() < writes + 100);  // probes, not attempts

    files.set(Wrong::nothing);
    CHECK(eventually([&] { return append(*store, "T", 0, "m1").stored; }));
    CHECK(store->writable());
    CHECK(append(*store, "T", 0, "m2").queue_offset.value == 2);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 3));
    store.reset();
    store = open(options, files);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 3));
}

TEST_CASE("what a failed write left is no record after a crash") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    auto store = open(options, files);
    REQUIRE(append(*store, "T", 0, "m0").stored);
    const auto end = store->end();
    files.set(Wrong::no_space);
    CHECK(append_many(*store, "x1", 10) == 0);  // five of them are on disk
    files.set(Wrong::nothing);
    // As long as the first of those: the second would continue it.
    CHECK(eventually([&] { return append(*store, "T", 0, "m1").stored; }));
    store.reset();
    store = open(options, files);
    CHECK(store->end().value == end.value + end.value);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 2));
}

TEST_CASE("after a write error the log refuses until it is opened again") {
    const Folder folder;
    WrongFiles files;
    const auto options = small(folder.path());
    auto store = open(options, files);
    REQUIRE(append(*store, "T", 0, "m0").stored);
    files.set(Wrong::write_error);
    CHECK(append(*store, "T", 0, "lost").why_not == Errc::io);
    files.set(Wrong::nothing);
    const auto later = append(*store, "T", 0, "later");
    CHECK_FALSE(later.stored);
    CHECK(later.why_not == Errc::io);
    CHECK_FALSE(store->writable());
    store.reset();
    store = open(options, files);
    CHECK(append(*store, "T", 0, "m1").queue_offset.value == 1);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 2));
}

TEST_CASE("after a failed sync nothing more is acknowledged, and the stop is not clean") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.flush_sync = true;
    const auto store = open(options, files);
    const auto first = append(*store, "T", 0, "m0");
    REQUIRE(synced(*store, first.at + 1));
    wait_dispatched(*store);
    files.set(Wrong::sync_error);
    const auto second = append(*store, "T", 0, "m1");
    CHECK(second.stored);
    CHECK_FALSE(synced(*store, second.at + 1));
    files.set(Wrong::nothing);
    CHECK_FALSE(synced(*store, second.at + 1));
    CHECK(append(*store, "T", 0, "m2").why_not == Errc::io);
    CHECK_FALSE(store->writable());
    CHECK(store->queue("T", 0)->max().value == 1);
    CHECK(store->close().error().code == Errc::io);
    CHECK(fs::exists(folder.path() / "abort"));
}

TEST_CASE("who waits for a hanging sync is told when the time is over") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.flush_sync = true;
    options.house_tick_ms = 3'600'000;  // the housekeeper may hang in a sync of its own
    const auto store = open(options, files);
    REQUIRE(synced(*store, append(*store, "T", 0, "m0").at + 1));
    wait_dispatched(*store);
    files.set(Wrong::hold_sync);
    const auto unit = append(*store, "T", 0, "m1");
    CHECK_FALSE(synced(*store, unit.at + 1, 50));
    CHECK(store->queue("T", 0)->max().value == 1);
    files.set(Wrong::nothing);
    CHECK(synced(*store, unit.at + 1));
}

TEST_CASE("queues that cannot be written are caught up when they can") {
    const Folder folder;
    WrongFiles files;
    const auto store = open(small(folder.path()), files);
    REQUIRE(append(*store, "T", 0, "m0").stored);
    wait_dispatched(*store);
    files.set(Wrong::no_space, "consumequeue");
    REQUIRE(append(*store, "T", 0, "m1").stored);
    CHECK(eventually([&] { return !store->writable(); }));
    CHECK(store->queue("T", 0)->max().value == 1);
    files.set(Wrong::nothing);
    CHECK(eventually([&] { return store->writable(); }));
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 2));
    CHECK(store->close().has_value());
}

TEST_CASE("who waits for a dispatcher that cannot write is told when the time is over") {
    const Folder folder;
    WrongFiles files;
    const auto store = open(small(folder.path()), files);
    REQUIRE(dispatched(*store, append(*store, "T", 0, "m0").at + 1));
    files.set(Wrong::no_space, "consumequeue");
    const auto unit = append(*store, "T", 0, "m1");
    CHECK_FALSE(dispatched(*store, unit.at + 1, 50));
    CHECK(store->queue("T", 0)->max().value == 1);
    std::promise<bool> later;
    store->when_dispatched(unit.at + 1, 60'000, [&](bool ok) { later.set_value(ok); });
    files.set(Wrong::nothing);
    CHECK(later.get_future().get());
    CHECK(store->queue("T", 0)->max().value == 2);
}

TEST_CASE("queues that could not be synced once make the stop an unclean one") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.house_tick_ms = options.flush_queues_ms = 1;
    auto store = open(options, files);
    REQUIRE(append(*store, "T", 0, "m0").stored);
    wait_dispatched(*store);
    files.set(Wrong::sync_error, "consumequeue");
    REQUIRE(append(*store, "T", 0, "m1").stored);
    wait_dispatched(*store);
    REQUIRE(eventually([&] { return files.failed_syncs() > 0; }));
    // The disk would take it now, but what the failed sync was to save may be gone.
    files.set(Wrong::nothing);
    CHECK(append(*store, "T", 0, "m2").stored);
    wait_dispatched(*store);
    CHECK(store->close().error().code == Errc::io);
    CHECK(fs::exists(folder.path() / "abort"));
    store.reset();
    fs::remove_all(folder.path() / "consumequeue" / "T");
    store = open(options, files);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 3));
    CHECK(store->close().has_value());
}

TEST_CASE("few queues are synced one by one, many with their file system") {
    const Folder folder;
    for (const int queues : {2, 100}) {
        CAPTURE(queues);
        WrongFiles files;
        auto options = small(folder.path() / std::to_string(queues));
        const auto store = open(options, files);
        for (int i = 0; i < queues; ++i) REQUIRE(append(*store, "T", i, "m").stored);
        wait_dispatched(*store);
        CHECK(store->close().has_value());
        CHECK((files.filesystem_syncs() > 0) == (queues == 100));
        CHECK(files.queue_syncs() <= 16);
    }
}

TEST_CASE("an index that cannot be written is caught up when it can, and holds up nobody") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.index_slots = 3;
    options.index_entries = 5;
    const auto store = open(options, files);
    SUBCASE("no space") {
        files.set(Wrong::no_space, "/index/");
    }
    SUBCASE("a write error") {
        files.set(Wrong::write_error, "/index/");
    }
    std::vector<PhysicalOffset> at;
    for (int i = 0; i < 10; ++i) at.push_back(append_key(*store, fmt::format("k{}", i)));
    wait_dispatched(*store);
    CHECK(store->writable());
    CHECK(store->queue("T", 0)->max().value == 10);
    CHECK(store->indexed().value == 0);
    files.set(Wrong::nothing);
    REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
    for (std::size_t i = 0; i < at.size(); ++i) {
        const auto key = fmt::format("k{}", i);
        const auto hits = store->query({"T", key});
        REQUIRE(hits.records.size() == 1);
        CHECK(message::RecordView::parse(hits.records[0].bytes)->at == at[i]);
    }
    CHECK(store->close().has_value());
}

TEST_CASE("a stop that leaves the index behind is no clean one") {
    const Folder folder;
    WrongFiles files;
    const auto store = open(small(folder.path()), files);
    files.set(Wrong::no_space, "/index/");
    append_key(*store, "k");
    CHECK(store->close().error().code == Errc::io);
    CHECK(fs::exists(folder.path() / "abort"));
}

TEST_CASE("a disk used beyond the limit refuses until it is below again") {
    const Folder folder;
    WrongFiles files;
    auto options = small(folder.path());
    options.disk_full_percent = 90;
    const auto store = open(options, files);
    CHECK(store->disk_use().fuller() == 10);
    files.used_percent = 91;
    CHECK(eventually([&] { return store->disk_use().fuller() == 91; }));
    CHECK(append(*store, "T", 0, "m").why_not == Errc::refused);
    CHECK_FALSE(store->writable());
    files.used_percent = 90;
    CHECK(eventually([&] { return store->writable(); }));
    CHECK(append(*store, "T", 0, "m").stored);
}

}  // namespace mqd::store::test
