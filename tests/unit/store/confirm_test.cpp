// One limit for all that shows messages: Options::confirmed and Store::confirm().

#include <array>
#include <fstream>
#include <future>

#include "message/sys_flag.h"
#include "support.h"
#include "verify_support.h"

namespace mqd::store::test {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

Options limited(const fs::path& root, std::int64_t confirmed) {
    auto options = small(root);
    options.confirmed = confirmed;
    return options;
}

/// With its number as key, and 0, 1, 2 in turn as queue.
Append append_key(Store& store, std::string_view topic, int number, std::int32_t queue = 0,
                  std::int32_t batch = 0) {
    std::string properties;
    message::append_property(properties, message::property::uniq_key, std::to_string(number));
    message::Draft draft;
    if (batch > 0) {
        draft.sys_flag = message::sys_flag::inner_batch | message::sys_flag::need_unwrap;
        message::append_inner_batch(properties, batch);
    }
    const auto body = "m" + std::to_string(number);
    draft.topic = topic;
    draft.queue_id = queue;
    draft.body = body;
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(topic, queue);
    unit.records = record.bytes();
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    unit.records = {};
    return unit;
}

/// Half messages, which get no unit, over more than a file.
void append_halves(Store& store) {
    message::Draft draft;
    const std::string body(400, 'h');
    draft.topic = "Half";
    draft.sys_flag = message::sys_flag::transaction_prepared;
    draft.body = body;
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    for (int i = 0; i < 20; ++i) {
        Buffer record;
        message::encode(draft, record);
        Append unit;
        unit.queue = store.queue("Half", 0);
        unit.records = record.bytes();
        unit.consumes_offset = false;
        store.append({&unit, 1});
        REQUIRE(unit.stored);
    }
}

bool dispatched(Store& store, PhysicalOffset at, std::int64_t timeout_ms = 20'000) {
    std::promise<bool> done;
    store.when_dispatched(at, timeout_ms, [&](bool ok) { done.set_value(ok); });
    return done.get_future().get();
}

std::size_t hits(const Store& store, std::string_view topic, int number) {
    return store.query({topic, std::to_string(number)}).records.size();
}

/// That exactly the first `shown` of these messages of queue 0 are seen, by whatever way.
void check_shown(Store& store, const std::vector<Append>& all, std::size_t shown) {
    CAPTURE(shown);
    Queue& queue = *store.queue("T", 0);
    const auto count = static_cast<std::int64_t>(shown);
    CHECK(queue.max().value == count);
    CHECK(bodies(store, queue) == numbered("m", 0, static_cast<int>(shown)));
    CHECK(store.offset_by_time(queue, never, false).value == count);
    CHECK(store.dispatched() <= store.shown());
    for (std::size_t i = 0; i < all.size(); ++i) {
        CAPTURE(i);
        const bool seen = i < shown;
        const QueueOffset offset{static_cast<std::int64_t>(i)};
        CHECK(store.read(queue, offset, {}, nullptr).slices.empty() != seen);
        const auto now = store.read_now(queue, offset, {}, nullptr);
        if (!seen) CHECK((!now || now->slices.empty()));
        CHECK(store.record_at(all[i].at).has_value() == seen);
        if (!seen) CHECK(store.record_at(all[i].at).error().code != Errc::io);
        CHECK(store.next_record(all[i].at).has_value() == seen);
        CHECK(store.position(queue, offset).has_value() == seen);
        CHECK(store.store_time(queue, offset).has_value() == seen);
    }
}

}  // namespace

TEST_CASE("what is not confirmed is nowhere seen, and all of it once it is") {
    const Folder folder;
    const auto store = open(limited(folder.path(), 0));
    std::atomic<int> arrivals = 0;
    store->on_arrival([&](std::span<const Arrival> some) {
        for (const Arrival& arrival : some)
            if (arrival.record.at < store->shown()) ++arrivals;
    });
    // Watched, so that an append dispatches itself whatever may be dispatched.
    store->queue("T", 0)->watch();
    std::vector<Append> all;
    for (int i = 0; i < 60; ++i) all.push_back(append_key(*store, "T", i));
    const auto end = store->end();
    REQUIRE(end.value > 4096);  // over several files
    CHECK(store->shown().value == 0);
    check_shown(*store, all, 0);
    bool told = false;
    store->when_dispatched(all[0].at + 1, 1, [&](bool) { told = true; });
    CHECK_FALSE(told);

    const auto expect = [&](std::size_t shown) {
        CHECK(dispatched(*store, shown == 0 ? PhysicalOffset{0} : all[shown - 1].at + 1));
        REQUIRE(eventually([&] { return store->indexed() == store->dispatched(); }));
        check_shown(*store, all, shown);
        CHECK(arrivals == static_cast<int>(shown));
        for (int i = 0; i < 60; ++i)
            CHECK(hits(*store, "T", i) == (static_cast<std::size_t>(i) < shown ? 1 : 0));
    };
    store->confirm(all[3].at);
    expect(3);
    store->confirm(all[2].at);  // it never moves back
    CHECK(store->shown() == all[3].at);
    // Within a record, by so little and by so much: it waits.
    for (const auto within : {all[3].at + 1, all[3].at + 4, all[4].at + -1}) {
        store->confirm(within);
        CHECK_FALSE(dispatched(*store, all[3].at + 1, 20));
    }
    append_key(*store, "Other", 1000);
    expect(3);
    store->confirm(all[4].at);
    expect(4);
    store->confirm(all[50].at);
    expect(50);
    store->confirm(end + -1);
    store->confirm(end);
    expect(60);
    CHECK(hits(*store, "Other", 1000) == 0);
    store->confirm({never});
    REQUIRE(dispatched(*store, store->end()));
    REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
    CHECK(hits(*store, "Other", 1000) == 1);
    all.push_back(append_key(*store, "T", 60));
    expect(61);
}

TEST_CASE("the walk over damage stops at the limit, also where what looks like a blank does not") {
    const Folder folder;
    const auto store = open(limited(folder.path(), 0));
    std::vector<Append> all;
    for (int i = 0; i < 3; ++i) all.push_back(append_key(*store, "T", i));
    {
        // Damage that came after it was written: the first is no record, and the second one's body
        // is a blank that reaches to the file's end, where the log has not come yet.
        std::fstream file(folder.path() / "commitlog" / "00000000000000000000",
                          std::ios::in | std::ios::out | std::ios::binary);
        const auto put = [&](std::int64_t at, std::uint32_t word) {
            std::array<std::byte, 4> bytes;
            store_be(bytes.data(), word);
            file.seekp(at);
            file.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        };
        const auto fake = all[1].at.value + 50;
        REQUIRE(fake + 8 < all[2].at.value);
        put(all[0].at.value + 4, 0);
        put(fake, static_cast<std::uint32_t>(small({}).commit_log_file_bytes - fake));
        put(fake + 4, message::magic_blank);
        file.flush();
        REQUIRE(file.good());
    }
    store->confirm(store->end());
    REQUIRE(dispatched(*store, store->end()));
    CHECK(bodies(*store, *store->queue("T", 0)).back() == "m2");
    REQUIRE(store->close());
}

TEST_CASE("a store without a limit gets none") {
    const Folder folder;
    const auto store = open(small(folder.path()));
    store->confirm({0});
    std::vector<Append> all;
    for (int i = 0; i < 3; ++i) all.push_back(append_key(*store, "T", i));
    CHECK(dispatched(*store, store->end()));
    check_shown(*store, all, 3);
}

TEST_CASE("with synchronous flush the lower of both limits counts") {
    const Folder folder;
    auto options = limited(folder.path(), 0);
    options.flush_sync = true;
    const auto store = open(options);
    std::vector<Append> all;
    for (int i = 0; i < 3; ++i) all.push_back(append_key(*store, "T", i));
    std::promise<bool> done;
    store->when_synced(store->end(), 20'000, [&](bool ok) { done.set_value(ok); });
    REQUIRE(done.get_future().get());
    CHECK(store->shown().value == 0);
    check_shown(*store, all, 0);
    store->confirm({never});
    CHECK(dispatched(*store, store->end()));
    check_shown(*store, all, 3);
}

TEST_CASE("files whose messages are not confirmed are kept, whatever their age") {
    const Folder folder;
    auto options = limited(folder.path(), 0);
    options.retention.keep_ms = 0;
    options.retention.pause_ms = 0;
    options.retention.interval_ms = 1;
    options.flush_interval_ms = 1;
    const auto store = open(options);
    std::vector<Append> all;
    while (store->end().value < 5 * 4096)
        all.push_back(append_key(*store, "T", static_cast<int>(all.size())));
    std::promise<bool> done;
    store->when_synced(store->end(), 20'000, [&](bool ok) { done.set_value(ok); });
    REQUIRE(done.get_future().get());
    const auto removed_to = [&](std::int64_t wanted) {
        store->delete_expired(20);
        CHECK(eventually([&] { return store->begin().value == wanted; }));
        // Rounds have gone on with nothing to take.
        std::promise<void> cleaned;
        store->clean_queues([&](Result<>) { cleaned.set_value(); });
        cleaned.get_future().get();
        CHECK(store->begin().value == wanted);
    };
    removed_to(0);
    store->confirm({2 * 4096 + 10});
    CHECK(dispatched(*store, {2 * 4096}));
    removed_to(2 * 4096);
}

TEST_CASE("a store is opened with a limit below what it showed before, and numbers go on" *
          doctest::test_suite("slow")) {
    for (const bool clean : {true, false})
        for (const bool power : {true, false})
            for (const std::size_t shown : {0U, 1U, 30U, 58U, 59U, 60U}) {
                CAPTURE(clean);
                CAPTURE(power);
                CAPTURE(shown);
                const Folder folder;
                std::vector<Append> all;
                PhysicalOffset last_end;
                const SteppingClock clock;
                {
                    auto options = small(folder.path());
                    // At the end, above the limit, or after the first messages.
                    options.milestone_bytes = shown % 2 == 0 ? 1 : 1 << 30;
                    options.batch_topics = {"Batch"};
                    // So old that recovery need not begin with the first file.
                    const auto store = open(options, posix_files(), clock);
                    for (int i = 0; i < 60; ++i) {
                        all.push_back(append_key(*store, "T", i));
                        last_end = append_key(*store, "Batch", 100 + i, 0, 3).at;
                        if (i == 0) wait_dispatched(*store);
                    }
                    append_key(*store, "New", 0, 7);  // whose only message is not confirmed
                    append_halves(*store);
                    wait_dispatched(*store);
                    if (clean) REQUIRE(store->close().has_value());
                }
                if (power) cut_power(folder.path());
                const auto limit = shown < 60 ? all[shown].at : last_end;
                auto options = limited(folder.path(), limit.value);
                options.batch_topics = {"Batch"};
                auto store = Store::open(posix_files(), clock, options);
                REQUIRE(store.has_value());
                check_shown(**store, all, shown);
                const auto found = (*store)->query({"T", "0"});
                CHECK(found.records.size() <= shown);
                CHECK((found.index_at.value == 0 || found.index_at < limit));
                CHECK((*store)->queue("Batch", 0)->max().value ==
                      static_cast<std::int64_t>(std::min<std::size_t>(shown, 59) * 3));
                CHECK((*store)->queue("New", 7)->max().value == 0);
                CHECK(append_key(**store, "T", 60).queue_offset.value == 60);
                CHECK(append_key(**store, "Batch", 160, 0, 3).queue_offset.value == 180);
                CHECK(append_key(**store, "New", 1, 7).queue_offset.value == 1);
                const auto end = (*store)->end();
                if (shown % 2 == 0) {  // what was not confirmed is not confirmed by the stop
                    REQUIRE((*store)->close().has_value());
                    store = Store::open(posix_files(), clock, options);
                    REQUIRE(store.has_value());
                    check_shown(**store, all, shown);
                    CHECK((*store)->end() == end);
                    (*store)->confirm({never});
                } else {
                    (*store)->confirm({never});
                }
                CHECK(dispatched(**store, end));
                CHECK(bodies(**store, *(*store)->queue("T", 0)) == numbered("m", 0, 61));
                CHECK((*store)->queue("Batch", 0)->max().value == 183);
                CHECK((*store)->queue("New", 7)->max().value == 2);
                CHECK(append_key(**store, "T", 61).queue_offset.value == 61);
                CHECK((*store)->close().has_value());
            }
}

TEST_CASE("a store that was closed with a limit shows everything without one") {
    const Folder folder;
    {
        const auto store = open(limited(folder.path(), 0));
        for (int i = 0; i < 30; ++i) append_key(*store, "T", i);
        store->confirm(store->end());
        wait_dispatched(*store);
        for (int i = 30; i < 60; ++i) append_key(*store, "T", i);
        append_halves(*store);
        REQUIRE(store->close().has_value());
    }
    const auto store = open(small(folder.path()));
    CHECK(bodies(*store, *store->queue("T", 0)) == numbered("m", 0, 60));
    CHECK(append_key(*store, "T", 60).queue_offset.value == 60);
    REQUIRE(store->close().has_value());
    CHECK_FALSE(fs::exists(folder.path() / "abort"));
}

}  // namespace mqd::store::test
