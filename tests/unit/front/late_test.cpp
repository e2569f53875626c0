// Answers to sends that wait for the disk or for replicas, and get neither in time.

#include <atomic>

#include "../passing_files.h"
#include "base/clock.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;

namespace {

/// The real files, on a disk whose syncs can be held up, all of them, and so can its writes to the
/// log.
class SlowFiles final : public mqd::test::PassingFiles {
public:
    void hold(bool held) {
        const Lock lock(mutex_);
        held_ = held;
        changed_.notify_all();
    }
    void hold_writes(bool held) {
        const Lock lock(mutex_);
        writes_held_ = held;
        changed_.notify_all();
    }
    Result<std::unique_ptr<store::File>> open(const std::filesystem::path& path,
                                              store::OpenMode mode) override {
        TRY(auto file, real_.open(path, mode));
        return std::unique_ptr<store::File>(std::make_unique<SlowFile>(
            *this, std::move(file), path.parent_path().filename() == "commitlog"));
    }
    Result<> sync_directory(const std::filesystem::path& dir) override {
        wait();
        return real_.sync_directory(dir);
    }
    Result<> sync_filesystem(const std::filesystem::path& path) override {
        wait();
        return real_.sync_filesystem(path);
    }

private:
    class SlowFile final : public store::File {
    public:
        SlowFile(SlowFiles& owner, std::unique_ptr<store::File> real, bool is_log)
            : owner_(owner), real_(std::move(real)), is_log_(is_log) {}
        Result<std::size_t> read(std::int64_t at, MutableBytes into) const override {
            return real_->read(at, into);
        }
        Result<> write(std::int64_t at, Bytes bytes) override {
            if (is_log_) owner_.wait_to_write();
            return real_->write(at, bytes);
        }
        Result<> sync() override {
            owner_.wait();
            return real_->sync();
        }
        Result<std::int64_t> size() const override { return real_->size(); }
        Result<> resize(std::int64_t bytes) override { return real_->resize(bytes); }
        Result<std::unique_ptr<store::Mapping>> map() const override { return real_->map(); }

    private:
        SlowFiles& owner_;
        std::unique_ptr<store::File> real_;
        bool is_log_;
    };

    void wait() {
        const Lock lock(mutex_);
        while (held_) changed_.wait(mutex_);
    }
    void wait_to_write() {
        const Lock lock(mutex_);
        while (writes_held_) changed_.wait(mutex_);
    }

    Mutex mutex_;
    Condition changed_;
    bool held_ GUARDED_BY(mutex_) = false, writes_held_ GUARDED_BY(mutex_) = false;
};

struct SlowDisk {
    SlowFiles slow;  // outlives the broker
};

struct Late : SlowDisk, Fixture {
    Late() {
        files = &slow;
        settings.durability.flush_timeout_ms = settings.durability.slave_timeout_ms = 50;
    }
    ~Late() {
        slow.hold(false);
        slow.hold_writes(false);
    }
};

}  // namespace

TEST_CASE_FIXTURE(Late, "a disk that hangs is a FLUSH_DISK_TIMEOUT, and the message is stored") {
    settings.durability.flush_sync = true;
    start();
    const auto user = client();
    const auto no_wait = properties({{"WAIT", "false"}});
    REQUIRE(user->call(code::send_message_v2, send_header(no_wait), "m0").code == rc::success);
    slow.hold(true);
    const auto late =
        user->call(code::send_message_v2, send_header(properties({{"UNIQ_KEY", "ID"}})), "m1");
    CHECK(late.code == rc::flush_disk_timeout);
    CHECK(late.remark == "FLUSH_DISK_TIMEOUT");
    CHECK(late.find("queueOffset") == "1");
    CHECK(late.find("transactionId") == "ID");
    CHECK(message::parse_offset_id(late.find("msgId")));
    // It waits for nobody, and is not held up by those that do.
    const auto unwaited = user->call(code::send_message_v2, send_header(no_wait), "m2");
    CHECK(unwaited.code == rc::success);
    CHECK(unwaited.find("queueOffset") == "2");
    CHECK(store->synced() < store->end());

    slow.hold(false);
    wait_readable(3);
    const auto found = records(user->call(code::pull_message, pull_header(0)).body);
    REQUIRE(found.size() == 3);
    CHECK(found[1].body == "m1");
    CHECK(found[2].body == "m2");
    // And all is as before, though on a busy machine not at once.
    const auto give_up = monotonic_ms() + 10'000;
    while (user->call(code::send_message_v2, send_header(), "m").code != rc::success)
        REQUIRE(monotonic_ms() < give_up);
}

TEST_CASE_FIXTURE(
    Late,
    "while the disk takes no write for more than a second, senders wait and nothing is lost") {
    start();
    net::IoThreads own(2, "test-client");  // the broker's are going to wait
    Client one(own.at(0), address()), two(own.at(1), address());
    REQUIRE(one.call(code::send_message_v2, send_header(), "m").code == rc::success);
    slow.hold_writes(true);
    std::atomic<int> stored = 0, refused = 0;
    for (Client* const user : {&one, &two}) {
        for (int i = 0; i < 50; ++i)
            user->channel->oneway(code::send_message_v2, send_header(), as_bytes("m"));
        user->channel->call(code::send_message_v2, send_header(), as_bytes("m"), 20'000,
                            [&](const Result<remoting::Answer>& answer) {
                                ++(answer && answer->code == rc::success ? stored : refused);
                            });
    }
    // osPageCacheBusyTimeOutMills, after which RocketMQ answers that it is busy.
    const auto begin = monotonic_ms();
    while (monotonic_ms() - begin < 1200)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(stored == 0);
    CHECK(refused == 0);
    slow.hold_writes(false);
    wait_readable(1 + 2 * 51);
    const auto give_up = monotonic_ms() + 10'000;
    while (stored < 2) REQUIRE(monotonic_ms() < give_up);
    CHECK(refused == 0);
}

TEST_CASE_FIXTURE(Late, "who has gone gets no late answer, and nobody else does") {
    settings.durability.flush_sync = true;
    settings.durability.flush_timeout_ms = 10'000;
    start();
    const auto stays = client();
    REQUIRE(stays->call(code::send_message_v2, send_header(), "m0").code == rc::success);
    slow.hold(true);
    {
        const auto leaves = client();
        leaves->channel->call(code::send_message_v2, send_header(), as_bytes("m1"), 10'000,
                              [](Result<remoting::Answer>) {});
        const auto give_up = monotonic_ms() + 10'000;
        while (broker->counters().totals().put_messages < 2) REQUIRE(monotonic_ms() < give_up);
    }
    slow.hold(false);
    wait_readable(2);
    CHECK(stays->call(code::send_message_v2, send_header(), "m2").find("queueOffset") == "2");
}

TEST_CASE_FIXTURE(Late, "replicas that are wanted and not there are a FLUSH_SLAVE_TIMEOUT") {
    settings.durability.sync_master = true;
    settings.durability.in_sync_replicas = 2;
    SUBCASE("with asynchronous flush") {}
    SUBCASE("with synchronous flush") {
        settings.durability.flush_sync = true;
    }
    bool hangs = false;
    SUBCASE("with a disk that hangs too") {
        settings.durability.flush_sync = hangs = true;
        settings.durability.flush_timeout_ms = 10;
    }
    start();
    const auto user = client();
    const auto no_wait = properties({{"WAIT", "false"}});
    REQUIRE(user->call(code::send_message_v2, send_header(no_wait), "m").code == rc::success);
    if (hangs) slow.hold(true);  // the log has its file
    const auto late = user->call(code::send_message_v2, send_header(), "m0");
    CHECK(late.code == rc::flush_slave_timeout);
    CHECK(late.remark == "FLUSH_SLAVE_TIMEOUT");
    CHECK(late.find("queueOffset") == "1");
    CHECK(message::parse_offset_id(late.find("msgId")));
    const auto unwaited = user->call(code::send_message_v2, send_header(no_wait), "m1");
    CHECK(unwaited.code == rc::success);
    slow.hold(false);
    wait_readable(3);
    CHECK(records(user->call(code::pull_message, pull_header(0)).body).size() == 3);
}

TEST_CASE_FIXTURE(Late, "a master that wants no copy but its own waits for nobody") {
    SUBCASE("SYNC_MASTER") {
        settings.durability.sync_master = true;
    }
    SUBCASE("ASYNC_MASTER") {
        settings.durability.in_sync_replicas = 2;
    }
    settings.durability.slave_timeout_ms = 60'000;
    start();
    const auto user = client();
    CHECK(user->call(code::send_message_v2, send_header(), "m").code == rc::success);
}

TEST_CASE_FIXTURE(Late, "a recall is answered when it is on disk, as a send is") {
    settings.durability.flush_sync = settings.rocketmq.recall = true;
    SUBCASE("a disk that hangs") {}
    SUBCASE("replicas that are not there") {
        settings.durability.sync_master = true;
        settings.durability.in_sync_replicas = 2;
    }
    start();
    const auto user = client();
    const auto of = properties({{"WAIT", "false"}, {"TIMER_DELAY_SEC", "3600"}});
    const auto sent = user->call(code::send_message_v2, send_header(of), "m");
    REQUIRE(sent.code == rc::success);
    slow.hold(true);
    const wire::RecallMessage recall{"P", "T", sent.find("recallHandle")};
    const auto late = user->call(code::recall_message, recall);
    CHECK(late.code ==
          (settings.durability.sync_master ? rc::flush_slave_timeout : rc::flush_disk_timeout));
    CHECK(late.find("msgId") == sent.find("transactionId"));

    slow.hold(false);
    if (settings.durability.sync_master) return;
    const auto give_up = monotonic_ms() + 10'000;
    while (user->call(code::recall_message, recall).code != rc::success)
        REQUIRE(monotonic_ms() < give_up);
    CHECK(store->synced() == store->end());
}
