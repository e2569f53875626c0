// After a kill only what lies behind the milestone is looked at, and the milestone is believed only
// when nobody else can have been at the store (store/log/milestone.h).

#include <fstream>
#include <functional>

#include "../passing_files.h"
#include "base/mutex.h"
#include "store/log/milestone.h"
#include "support.h"

namespace mqd::store::test {
namespace {

/// The real files, and what this thread, which opens the store, has opened of them: behind the
/// start every queue is looked at anyway.
class WatchedFiles final : public mqd::test::PassingFiles {
public:
    Result<std::unique_ptr<File>> open(const fs::path& path, OpenMode mode) override {
        if (std::this_thread::get_id() == thread_) {
            const Lock lock(lock_);
            opened_.push_back(path.string());
        }
        TRY(auto file, real_.open(path, mode));
        return std::unique_ptr<File>(std::make_unique<WatchedFile>(*this, std::move(file), path));
    }
    Result<std::int64_t> changed_ns(const fs::path& path) override {
        TRY(const auto ns, real_.changed_ns(path));
        return path.filename() == touched ? ns + 5'000'000'000 : ns;
    }
    std::string boot_id() override { return boot; }
    Result<> sync_filesystem(const fs::path&) override { return {}; }

    bool has_opened(const std::string& part) const {
        const Lock lock(lock_);
        return std::any_of(opened_.begin(), opened_.end(),
                           [&](const std::string& path) { return path.find(part) != path.npos; });
    }

    std::string boot = "01234567-89ab-cdef-0123-456789abcdef";
    std::string touched;  // the name of a file that seems to have changed since
    std::atomic<bool> sync_fails = false;

private:
    class WatchedFile final : public File {
    public:
        WatchedFile(WatchedFiles& owner, std::unique_ptr<File> real, const fs::path& path)
            : owner_(owner),
              real_(std::move(real)),
              of_log_(path.parent_path().filename() == "commitlog") {}
        Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
            return real_->read(at, into);
        }
        Result<> write(std::int64_t at, Bytes bytes) override { return real_->write(at, bytes); }
        Result<> sync() override {
            if (of_log_ && owner_.sync_fails) return Error{Errc::io, "not synced"};
            return real_->sync();
        }
        Result<std::int64_t> size() const override { return real_->size(); }
        Result<> resize(std::int64_t bytes) override { return real_->resize(bytes); }
        Result<std::unique_ptr<Mapping>> map() const override { return real_->map(); }

    private:
        WatchedFiles& owner_;
        std::unique_ptr<File> real_;
        const bool of_log_;
    };

    const std::thread::id thread_ = std::this_thread::get_id();
    mutable Mutex lock_;
    std::vector<std::string> opened_ GUARDED_BY(lock_);
};

constexpr int busy_messages = 2000;
const std::string padding(250, '.');

Options one_log_file(const fs::path& root) {
    Options options = small(root);
    options.commit_log_file_bytes = 4 << 20;
    options.consume_queue_file_bytes = 20'000;
    return options;
}

std::vector<std::string> busy_bodies() {
    return numbered(padding, 0, busy_messages);
}

/// One message for `quiet`, then some 700 KB for `busy`, then the process is killed.
void live_and_die(const Options& options) {
    WatchedFiles files;
    const auto store = open(options, files);
    append(*store, "quiet", 0, "first");
    for (const auto& body : busy_bodies()) {
        append(*store, "busy", 0, body);
        if (store->end().value - store->dispatched().value > 64 << 10) wait_dispatched(*store);
    }
    wait_dispatched(*store);
}

/// Everything is there, whichever way was taken, and numbering goes on.
void check_all(Store& store) {
    CHECK(bodies(store, *store.queue("busy", 0)) == busy_bodies());
    CHECK(bodies(store, *store.queue("quiet", 0)) == std::vector<std::string>{"first"});
    CHECK(append(store, "quiet", 0, "second").queue_offset.value == 1);
    CHECK(append(store, "busy", 0, "more").queue_offset.value == busy_messages);
    wait_dispatched(store);
    CHECK(bodies(store, *store.queue("quiet", 0)) == std::vector<std::string>{"first", "second"});
}

bool opens_every_queue(const Options& options, WatchedFiles& files) {
    const auto store = open(options, files);
    const bool every = files.has_opened("consumequeue/quiet");
    check_all(*store);
    return every;
}

void overwrite(const fs::path& path, std::int64_t at, const std::string& bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
}

const fs::path log_file = fs::path("commitlog") / "00000000000000000000";

}  // namespace

TEST_CASE("after a kill, queues that nothing came for are not opened") {
    const Folder folder;
    const auto options = one_log_file(folder.path());
    live_and_die(options);
    WatchedFiles files;
    CHECK_FALSE(opens_every_queue(options, files));

    SUBCASE("nor after another") {
        WatchedFiles again;
        const auto store = open(options, again);
        CHECK(bodies(*store, *store->queue("quiet", 0)).size() == 2);
        CHECK(bodies(*store, *store->queue("busy", 0)).size() == busy_messages + 1);
    }
    SUBCASE("and a clean stop leaves no milestone") {
        WatchedFiles again;
        const auto store = open(options, again);
        CHECK(fs::exists(folder.path() / "mqd-milestone"));
        REQUIRE(store->close().has_value());
        CHECK_FALSE(fs::exists(folder.path() / "mqd-milestone"));
    }
}

TEST_CASE(
    "after a kill, a queue is written to where it goes on, without a look at the rest of it") {
    const Folder folder;
    const auto options = one_log_file(folder.path());
    live_and_die(options);
    WatchedFiles files;
    const auto store = open(options, files);
    CHECK(files.has_opened("busy/0/00000000000000020000"));
    CHECK_FALSE(files.has_opened("busy/0/00000000000000000000"));
    check_all(*store);
}

TEST_CASE("a milestone is not believed when others may have been there") {
    const Folder folder;
    const auto options = one_log_file(folder.path());
    {
        WatchedFiles files;
        const auto store = open(options, files);
        append(*store, "earlier", 0, "for a checkpoint");
        REQUIRE(store->close().has_value());
    }
    live_and_die(options);
    WatchedFiles files;
    SUBCASE("the system has been started anew") {
        files.boot.front() = 'f';
    }
    SUBCASE("the system does not say whether it has") {
        files.boot.clear();
    }
    SUBCASE("another broker has written abort") {
        std::ofstream(folder.path() / "abort", std::ios::trunc) << "1";
    }
    SUBCASE("the files are a copy") {
        files.touched = "mqd-milestone";
    }
    SUBCASE("the checkpoint has been removed") {
        fs::remove(folder.path() / "checkpoint");
    }
    SUBCASE("it is damaged") {
        overwrite(folder.path() / "mqd-milestone", 13, "?");
    }
    SUBCASE("it is cut short") {
        fs::resize_file(folder.path() / "mqd-milestone", 100);
    }
    SUBCASE("it is gone") {
        fs::remove(folder.path() / "mqd-milestone");
    }
    CHECK(opens_every_queue(options, files));
}

TEST_CASE("a milestone that the log or a queue contradicts is not followed") {
    const Folder folder;
    const auto options = one_log_file(folder.path());
    live_and_die(options);
    WatchedFiles files;
    const auto milestone = MilestoneFile(files, folder.path(), 1)
                               .load(*Checkpoint::load(files, folder.path() / "none"));
    REQUIRE(milestone.has_value());

    SUBCASE("its last record is damaged") {
        std::string body(8, '?');  // more than one bit
        overwrite(folder.path() / log_file, milestone->last_at + 100, body);
        const auto store = open(options, files);
        CHECK(files.has_opened("consumequeue/quiet"));
        // What lies behind it is sound and stays.
        CHECK(store->end().value > milestone->end);
        CHECK(bodies(*store, *store->queue("busy", 0)).size() == busy_messages - 1);
    }
    SUBCASE("a queue ends before what is behind it") {
        const std::string nothing(20'000, '\0');
        overwrite(folder.path() / "consumequeue" / "busy" / "0" / "00000000000000020000", 0,
                  nothing);
        CHECK(opens_every_queue(options, files));
    }
}

TEST_CASE("a milestone is withdrawn when the disk fails") {
    const Folder folder;
    const auto options = one_log_file(folder.path());
    WatchedFiles files;
    const auto store = open(options, files);
    append(*store, "a", 0, padding);
    wait_dispatched(*store);
    for (int i = 0; i < busy_messages; ++i) append(*store, "a", 0, padding);
    wait_dispatched(*store);
    REQUIRE(fs::exists(folder.path() / "mqd-milestone"));
    files.sync_fails = true;
    append(*store, "a", 0, padding);
    std::atomic<bool> told = false;
    store->when_synced(store->end(), 10'000, [&told](bool synced) { told = !synced; });
    CHECK(eventually([&] { return told.load(); }));
    CHECK(eventually([&] { return !fs::exists(folder.path() / "mqd-milestone"); }));
}

}  // namespace mqd::store::test
