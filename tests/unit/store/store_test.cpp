#include <sys/wait.h>
#include <unistd.h>

#include <future>

#include "support.h"

namespace mqd::store::test {
namespace {

class TagFilter : public ReadFilter {
public:
    explicit TagFilter(std::string_view tag) : code_(message::java_hash(tag)) {}
    bool code_matches(std::int64_t code) const override { return code == code_; }

private:
    std::int64_t code_;
};

class BodyFilter final : public ReadFilter {
public:
    explicit BodyFilter(std::string body) : body_(std::move(body)) {}
    bool code_matches(std::int64_t) const override { return true; }
    bool needs_record() const override { return true; }
    bool record_matches(const message::RecordView& record) const override {
        return record.body == body_;
    }

private:
    std::string body_;
};

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("what is appended is read back in order, queue by queue") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    for (int i = 0; i < 100; ++i) {
        const auto unit = append(*store, "T", i % 3, "m" + std::to_string(i / 3));
        REQUIRE(unit.stored);
        CHECK(unit.queue_offset.value == i / 3);
    }
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 34));
    CHECK(bodies(*store, *store->queue("T", 2)) == numbered("m", 0, 33));
    CHECK(store->queue("T", 1)->max().value == 33);
    CHECK(store->close().has_value());
}

TEST_CASE("a full log file ends with a blank that says how much is left") {
    const Folder folder;
    const auto options = small(folder.path());
    const auto store = open(options);
    const std::string body(1000, 'x');
    std::vector<std::int64_t> at;
    for (int i = 0; i < 9; ++i) at.push_back(append(*store, "T", 0, body).at.value);
    const std::int64_t record_bytes = at[1] - at[0];
    CHECK(record_bytes == 91 + 1000 + 1);
    CHECK(at[2] == 2 * record_bytes);
    CHECK(at[3] == options.commit_log_file_bytes);
    CHECK(at[6] == 2 * options.commit_log_file_bytes);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == std::vector<std::string>(9, body));

    const auto file = posix_files().open(folder.path() / "commitlog" / "00000000000000000000",
                                         OpenMode::read_only);
    REQUIRE(file.has_value());
    std::array<std::byte, 8> blank;
    REQUIRE((*file)->read(3 * record_bytes, blank).has_value());
    const auto head = message::RecordHead::read(blank.data());
    CHECK(head.is_blank());
    CHECK(head.total_bytes == options.commit_log_file_bytes - 3 * record_bytes);
}

TEST_CASE("a record that fits only without the eight bytes of a blank goes to the next file") {
    const Folder folder;
    const auto options = small(folder.path());
    const auto store = open(options);
    const auto of_bytes = [&](std::int64_t bytes) {
        return append(*store, "T", 0, std::string(static_cast<std::size_t>(bytes - 92), 'x'));
    };
    CHECK(of_bytes(options.commit_log_file_bytes - 8).at.value == 0);
    CHECK(of_bytes(200).at.value == options.commit_log_file_bytes);
    CHECK(of_bytes(options.commit_log_file_bytes - 207).at.value ==
          2 * options.commit_log_file_bytes);
    const auto too_long = of_bytes(options.commit_log_file_bytes - 7);
    CHECK_FALSE(too_long.stored);
    CHECK(too_long.why_not == Errc::invalid);
    CHECK(of_bytes(100).queue_offset.value == 3);
}

TEST_CASE("a unit of several records stays in one file and gets consecutive offsets") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    append(*store, "T", 0, std::string(3600, 'x'));
    Buffer records;
    for (int i = 0; i < 5; ++i) encode(records, "T", 0, "b" + std::to_string(i));
    Buffer other;
    encode(other, "U", 0, "u");
    std::vector<Append> units(2);
    units[0].queue = store->queue("T", 0);
    units[0].records = records.bytes();
    units[0].count = 5;
    units[1].queue = store->queue("U", 0);
    units[1].records = other.bytes();
    store->append(units);
    CHECK(units[0].stored);
    CHECK(units[1].stored);
    CHECK(units[0].at.value == 4096);
    CHECK(units[0].queue_offset.value == 1);
    CHECK(units[1].at.value == 4096 + static_cast<std::int64_t>(records.size()));
    CHECK(append(*store, "T", 0, "after").queue_offset.value == 6);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0), 1) ==
          std::vector<std::string>{"b0", "b1", "b2", "b3", "b4", "after"});
}

TEST_CASE("a unit whose records do not add up is refused and the others are stored") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    Buffer good;
    encode(good, "T", 0, "good");
    Buffer bad;
    encode(bad, "T", 0, "bad");
    std::vector<Append> units(2);
    units[0].queue = units[1].queue = store->queue("T", 0);
    units[0].records = bad.bytes();
    units[0].count = 2;
    units[1].records = good.bytes();
    store->append(units);
    CHECK_FALSE(units[0].stored);
    CHECK(units[0].why_not == Errc::invalid);
    CHECK(units[1].stored);
    CHECK(units[1].queue_offset.value == 0);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == std::vector<std::string>{"good"});
}

TEST_CASE("a prepared message gets no queue offset and is not read") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    message::Draft draft;
    draft.topic = "T";
    draft.sys_flag = 0x4;
    draft.body = "half";
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store->queue("T", 0);
    unit.records = record.bytes();
    unit.consumes_offset = false;
    store->append({&unit, 1});
    CHECK(unit.stored);
    CHECK(append(*store, "T", 0, "whole").queue_offset.value == 0);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == std::vector<std::string>{"whole"});
}

TEST_CASE("store times never go back, whatever the clock does") {
    struct JumpingClock final : Clock {
        mutable std::int64_t now = 1'000'000;
        std::int64_t wall_ms() const override { return now -= 10; }
        std::int64_t monotonic_ms() const override { return 0; }
    };
    const Folder folder;
    const JumpingClock clock;
    const auto store = open(small(folder.path()), posix_files(), clock);
    const auto first = append(*store, "T", 0, "a").store_ts_ms;
    CHECK(append(*store, "T", 0, "b").store_ts_ms == first);
}

TEST_CASE("a read says why it has nothing") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    Queue* queue = store->queue("T", 0);
    CHECK(store->read(*queue, {0}, {}, nullptr).status == ReadStatus::no_message_in_queue);
    CHECK(store->read(*queue, {5}, {}, nullptr).next.value == 0);
    append(*store, "T", 0, "a");
    append(*store, "T", 0, "b");
    wait_dispatched(*store);
    const auto at_end = store->read(*queue, {2}, {}, nullptr);
    CHECK(at_end.status == ReadStatus::offset_overflow_one);
    CHECK(at_end.next.value == 2);
    const auto beyond = store->read(*queue, {9}, {}, nullptr);
    CHECK(beyond.status == ReadStatus::offset_overflow_badly);
    CHECK(beyond.next.value == 2);
    const auto before = store->read(*queue, {-1}, {}, nullptr);
    CHECK(before.status == ReadStatus::offset_too_small);
    CHECK(before.next.value == 0);
}

TEST_CASE("a read keeps to its limits, and neighbours in the log are one slice") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 20;
    const auto store = open(options);
    for (int i = 0; i < 50; ++i) append(*store, "T", 0, "body");
    append(*store, "Other", 0, "between");
    for (int i = 0; i < 50; ++i) append(*store, "T", 0, "body");
    wait_dispatched(*store);
    Queue* queue = store->queue("T", 0);
    ReadLimits limits;
    limits.messages = 70;
    auto result = store->read(*queue, {0}, limits, nullptr);
    CHECK(result.status == ReadStatus::found);
    CHECK(result.messages == 70);
    CHECK(result.next.value == 70);
    CHECK(result.slices.size() == 2);
    CHECK(result.bytes == 70 * (92 + 4));
    limits.bytes = 3 * 96;
    CHECK(store->read(*queue, {0}, limits, nullptr).messages == 3);
    limits.bytes = 1;
    CHECK(store->read(*queue, {0}, limits, nullptr).messages == 1);
    limits.messages = 5000;
    limits.bytes = 1 << 20;
    result = store->read(*queue, {0}, limits, nullptr);
    CHECK(result.messages == 100);
    CHECK(result.next.value == 100);
}

TEST_CASE("a tag filter lets its tag through and moves on over the rest") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    for (int i = 0; i < 60; ++i)
        append(*store, "T", 0, "m" + std::to_string(i), i == 7 || i == 30 ? "red" : "blue");
    wait_dispatched(*store);
    Queue* queue = store->queue("T", 0);
    const TagFilter red("red");
    CHECK(bodies(*store, *queue, 0, &red) == std::vector<std::string>{"m7", "m30"});
    const TagFilter green("green");
    ReadLimits limits;
    limits.units_scanned = 40;
    const auto result = store->read(*queue, {0}, limits, &green);
    CHECK(result.status == ReadStatus::no_matched_message);
    CHECK(result.next.value == 40);
    const BodyFilter one("m12");
    CHECK(bodies(*store, *queue, 0, &one) == std::vector<std::string>{"m12"});
}

TEST_CASE("a delayed message's unit says when it is due") {
    const Folder folder;
    auto options = small(folder.path());
    options.delay_levels = {"1s", "1m"};
    const auto store = open(options);
    std::promise<Arrival> arrived;
    store->on_arrival([&](std::span<const Arrival> arrivals) { arrived.set_value(arrivals[0]); });
    store->queue("SCHEDULE_TOPIC_XXXX", 1)->watch();
    message::Draft draft;
    draft.topic = "SCHEDULE_TOPIC_XXXX";
    draft.queue_id = 1;
    draft.properties =
        "DELAY\x01"
        "9\x02";  // above the highest: that one
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store->queue("SCHEDULE_TOPIC_XXXX", 1);
    unit.records = record.bytes();
    store->append({&unit, 1});
    CHECK(arrived.get_future().get().tags_code == unit.store_ts_ms + 60'000);
}

TEST_CASE("arrivals are told for watched queues only, and can be read by then") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    std::atomic<int> seen = 0;
    std::atomic<bool> wrong = false;
    store->on_arrival([&](std::span<const Arrival> arrivals) {
        for (const auto& arrival : arrivals) {
            if (arrival.queue->max() <= arrival.offset || arrival.record.topic != "W") wrong = true;
            ++seen;
        }
    });
    store->queue("W", 0)->watch();
    for (int i = 0; i < 10; ++i) {
        append(*store, "W", 0, "w");
        append(*store, "N", 0, "n");
    }
    CHECK(eventually([&] { return seen == 10; }));
    wait_dispatched(*store);
    CHECK(seen == 10);
    CHECK_FALSE(wrong);
}

TEST_CASE("while the dispatcher sleeps, what is waited for is dispatched by who appends it") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    std::atomic<std::thread::id> told_by;
    store->on_arrival([&](std::span<const Arrival>) { told_by = std::this_thread::get_id(); });
    store->queue("T", 0)->watch();
    // When the thread has fallen asleep nobody but itself knows.
    CHECK(eventually([&] {
        append(*store, "T", 0, "m");
        wait_dispatched(*store);
        return told_by.load() == std::this_thread::get_id();
    }));
    store->queue("T", 0)->unwatch();
    CHECK(store->close().has_value());
}

TEST_CASE("arrivals are told one call at a time and in order, whoever appended") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    const auto store = open(options);
    constexpr int writers = 4;
    constexpr int messages = 1000;
    std::atomic<int> calls = 0;
    std::atomic<int> seen = 0;
    std::int64_t next = 0;  // a call at a time: no lock
    std::atomic<bool> wrong = false;
    store->on_arrival([&](std::span<const Arrival> arrivals) {
        if (calls.fetch_add(1) != 0) wrong = true;
        for (const auto& arrival : arrivals)
            if (arrival.offset.value != next++) wrong = true;
        seen += static_cast<int>(arrivals.size());
        calls.fetch_sub(1);
    });
    store->queue("T", 0)->watch();
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&] {
            for (int i = 0; i < messages; ++i) {
                append(*store, "T", 0, "m");
                // Now and then the dispatcher gets time to fall asleep.
                if (i % 16 == 0) wait_dispatched(*store);
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(eventually([&] { return seen == writers * messages; }));
    CHECK_FALSE(wrong);
}

TEST_CASE("many writers and readers at once: every queue is whole and in order") {
    const Folder folder;
    auto options = small(folder.path());
    options.commit_log_file_bytes = 1 << 16;
    const auto store = open(options);
    constexpr int writers = 4;
    constexpr int messages = 500;
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
            for (int i = 0; i < messages; ++i) append(*store, "T", w, "m" + std::to_string(i));
        });
    std::vector<std::vector<std::string>> seen(writers);
    for (int r = 0; r < writers; ++r)
        threads.emplace_back([&, r] {
            Queue* queue = store->queue("T", r);
            auto& mine = seen[static_cast<std::size_t>(r)];
            while (mine.size() < messages) {
                ReadLimits limits;
                const auto result =
                    store->read(*queue, {static_cast<std::int64_t>(mine.size())}, limits, nullptr);
                for (const auto& slice : result.slices)
                    for (Bytes rest = slice.bytes; !rest.empty();) {
                        const auto record = message::RecordView::parse(rest);
                        if (!record) return;
                        mine.emplace_back(record->body);
                        rest = rest.subspan(record->bytes.size());
                    }
            }
        });
    for (auto& thread : threads) thread.join();
    for (const auto& bodies_seen : seen) CHECK(bodies_seen == numbered("m", 0, messages));
    CHECK(store->close().has_value());
}

TEST_CASE("a record is found by its position, and nothing else is taken for one") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    append(*store, "T", 0, "a");
    const auto unit = append(*store, "T", 0, "b");
    const auto slice = store->record_at(unit.at);
    REQUIRE(slice.has_value());
    CHECK(message::RecordView::parse(slice->bytes)->body == "b");
    CHECK(store->record_at(unit.at + 1).error().code == Errc::corrupt);
    CHECK(store->record_at(store->end()).error().code == Errc::not_found);
    CHECK(store->record_at({-1}).error().code == Errc::not_found);
    CHECK(store->record_at({1'000'000}).error().code == Errc::not_found);
}

TEST_CASE("an offset is found by its store time") {
    struct SteppingClock final : Clock {
        mutable std::int64_t now = 1000;
        std::int64_t wall_ms() const override { return now; }
        std::int64_t monotonic_ms() const override { return 0; }
    };
    const Folder folder;
    const SteppingClock clock;
    const auto store = open(small(folder.path()), posix_files(), clock);
    Queue* queue = store->queue("T", 0);
    CHECK(store->offset_by_time(*queue, 5, false).value == 0);
    for (const std::int64_t t : {1000, 2000, 2000, 3000}) {
        clock.now = t;
        append(*store, "T", 0, "m");
    }
    wait_dispatched(*store);
    const auto lower = [&](std::int64_t t) {
        return store->offset_by_time(*queue, t, false).value;
    };
    const auto upper = [&](std::int64_t t) { return store->offset_by_time(*queue, t, true).value; };
    CHECK(lower(0) == 0);
    CHECK(lower(1000) == 0);
    CHECK(lower(1001) == 1);
    CHECK(lower(2000) == 1);
    CHECK(lower(3000) == 3);
    CHECK(lower(3001) == 4);
    CHECK(upper(0) == 0);
    CHECK(upper(1000) == 0);
    CHECK(upper(2000) == 2);
    CHECK(upper(9999) == 3);
    CHECK(store->store_time(*queue, {3}) == 3000);
    CHECK_FALSE(store->store_time(*queue, {4}).has_value());
}

TEST_CASE("with synchronous flush nothing is seen before it is on disk") {
    const Folder folder;
    auto options = small(folder.path());
    options.flush_sync = true;
    const auto store = open(options);
    std::atomic<bool> early = false;
    store->on_arrival([&](std::span<const Arrival> arrivals) {
        for (const auto& arrival : arrivals)
            if (arrival.record.at >= store->synced()) early = true;
    });
    store->queue("T", 0)->watch();
    for (int i = 0; i < 20; ++i) {
        const auto unit = append(*store, "T", 0, "m");
        std::promise<bool> done;
        store->when_synced(unit.at + 1, 5000, [&](bool ok) { done.set_value(ok); });
        CHECK(done.get_future().get());
        CHECK(store->synced() > unit.at);
    }
    wait_dispatched(*store);
    CHECK_FALSE(early);
}

TEST_CASE("with asynchronous flush a waiter brings the log to disk at once") {
    const Folder folder;
    auto options = small(folder.path());
    options.flush_interval_ms = 1'000'000;
    const auto store = open(options);
    const auto unit = append(*store, "T", 0, "m");
    std::promise<bool> done;
    store->when_synced(unit.at + 1, 60'000, [&](bool ok) { done.set_value(ok); });
    CHECK(done.get_future().get());
}

TEST_CASE("a deleted topic begins anew at offset 0 with none of its old messages") {
    const Folder folder;
    const auto options = small(folder.path());
    auto store = open(options);
    for (int i = 0; i < 30; ++i) append(*store, "T", 0, "old" + std::to_string(i));
    Queue* old = store->queue("T", 0);
    REQUIRE(store->delete_topic("T").has_value());
    CHECK_FALSE(fs::exists(folder.path() / "consumequeue" / "T"));
    CHECK(store->find_queue("T", 0) == nullptr);
    CHECK(old->max().value == 0);
    Buffer record;
    encode(record, "T", 0, "refused");
    Append unit;
    unit.queue = old;
    unit.records = record.bytes();
    store->append({&unit, 1});
    CHECK_FALSE(unit.stored);

    for (int i = 0; i < 5; ++i) append(*store, "T", 0, "new" + std::to_string(i));
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("new", 0, 5));
    CHECK(old->max().value == 0);
    REQUIRE(store->close().has_value());
    store = open(options);
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("new", 0, 5));
}

TEST_CASE("a second process is refused and told who has the store") {
    const Folder folder;
    const auto options = small(folder.path());
    const auto store = open(options);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto second = Store::open(posix_files(), system_clock(), options);
        const auto wanted = "process " + std::to_string(::getppid());
        const bool refused = !second && second.error().code == Errc::refused &&
                             second.error().what.find(wanted) != std::string::npos;
        ::_exit(refused ? 0 : 1);
    }
    int status = 1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("abort stands while the store is open and goes with a clean stop") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    CHECK(fs::file_size(folder.path() / "abort") == std::to_string(::getpid()).size());
    append(*store, "T", 0, "m");
    CHECK(store->close().has_value());
    CHECK_FALSE(fs::exists(folder.path() / "abort"));
    CHECK(fs::file_size(folder.path() / "checkpoint") == 4096);
    CHECK(std::distance(fs::directory_iterator(folder.path() / "commitlog"),
                        fs::directory_iterator()) == 1);
    CHECK_FALSE(append(*store, "T", 0, "late").stored);
}

TEST_CASE("many queues cost no descriptors" * doctest::test_suite("slow")) {
    const Folder folder;
    const auto options = small(folder.path());
    constexpr int topics = 300;
    {
        const auto store = open(options);
        for (int i = 0; i < topics; ++i)
            for (int q = 0; q < 4; ++q) append(*store, "topic-" + std::to_string(i), q, "m");
        CHECK(store->close().has_value());
    }
    const std::size_t before = open_descriptors();
    const auto store = open(options);
    CHECK(store->queues().size() == topics * 4);
    CHECK(open_descriptors() < before + 20);
    for (Queue* queue : store->queues()) CHECK(queue->max().value == 1);
    CHECK(open_descriptors() < before + 530);
}

}  // namespace mqd::store::test
