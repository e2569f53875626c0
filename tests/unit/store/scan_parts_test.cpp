// What is read from outside beside the log: units of all kinds, the index, tables, timers.
#include <fstream>

#include "message/properties.h"
#include "store/index/index_file.h"
#include "store/index/index_geometry.h"
#include "store/queue/delay_levels.h"
#include "store/check/scan_index.h"
#include "store/check/scan_tables.h"
#include "store/check/scan_timers.h"
#include "store/check/scan_units.h"
#include "support.h"

namespace mqd::store::test {
namespace {

void write_file(const fs::path& path, std::string_view bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

struct Unit20 {
    std::int64_t at;
    std::int32_t bytes;
    std::int64_t tags;
};

std::string units(const std::vector<Unit20>& list, std::size_t file_bytes) {
    std::string out(file_bytes, '\0');
    for (std::size_t i = 0; i < list.size(); ++i)
        Unit{list[i].at, list[i].bytes, list[i].tags}.store(
            reinterpret_cast<std::byte*>(out.data()) + 20 * i);
    return out;
}

std::string extension(std::int64_t tags, std::int64_t ts_ms, std::string_view bitmap) {
    Buffer out;
    out.put_be(static_cast<std::int16_t>(20 + bitmap.size()));
    out.put_be(tags);
    out.put_be(ts_ms);
    out.put_be(static_cast<std::int16_t>(bitmap.size()));
    out.put(bitmap);
    return std::string(out.text());
}

std::string batch(std::int64_t at, std::int64_t first, std::int16_t count) {
    Buffer out;
    out.put_be(at);
    out.put_be(std::int32_t{100});
    out.put_be(std::int64_t{0});
    out.put_be(std::int64_t{5000});
    out.put_be(first);
    out.put_be(count);
    out.put_be(std::int32_t{-1});
    out.put_be(std::int32_t{0});
    return std::string(out.text());
}

std::vector<QueueUnit> rest(QueueScan& scan) {
    std::vector<QueueUnit> out;
    for (;;) {
        auto unit = scan.next();
        REQUIRE(unit);
        if (!*unit) return out;
        out.push_back(**unit);
    }
}

std::vector<std::int64_t> offsets(QueueScan& scan) {
    std::vector<std::int64_t> out;
    for (const auto& unit : rest(scan)) out.push_back(unit.offset);
    return out;
}

using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t hour_ms = 3'600'000;

std::string timer_unit(std::int64_t previous, std::int64_t written_ms, std::int32_t delay_ms,
                       std::int64_t at, std::int32_t magic = TimerUnit::normal) {
    std::string out(TimerUnit::bytes_each, '\0');
    TimerUnit{previous, magic, written_ms, delay_ms, at, 100, 0}.store(
        reinterpret_cast<std::byte*>(out.data()));
    return out;
}

/// Appends a record that waits for its time; gives its log offset.
std::int64_t wait_for(Store& store, std::string_view properties_key, std::int64_t out_ms,
                      std::string_view recalls = {}) {
    std::string properties;
    message::append_property(properties, "REAL_TOPIC", "T");
    message::append_property(properties, "REAL_QID", "0");
    message::append_property(properties, "UNIQ_KEY", properties_key);
    message::append_property(properties, "TIMER_OUT_MS", std::to_string(out_ms));
    if (!recalls.empty()) message::append_property(properties, "TIMER_DEL_UNIQKEY", recalls);
    message::Draft draft;
    draft.topic = timer_topic_name;
    draft.body = "later";
    draft.properties = properties;
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(timer_topic_name, 0);
    unit.records = record.bytes();
    const auto at = store.end().value;
    store.append({&unit, 1});
    return at;
}

}  // namespace

TEST_CASE("the units of a queue are read over fillings and files, from any offset") {
    const Folder folder;
    const auto dir = folder.path() / "consumequeue" / "T" / "0";
    const Unit20 filling{0, Unit::filling_bytes, 0};
    write_file(dir / "00000000000000000100",
               units({filling, filling, {700, 10, 7}, {710, 10, 0}, {720, 10, -9}}, 100));
    write_file(dir / "00000000000000000200", units({{730, 10, 1}, {740, 10, 2}}, 100));
    const auto scan = QueueScan::open(folder.path(), "T", 0);
    REQUIRE(scan);
    CHECK((*scan)->kind() == QueueScan::Kind::plain);
    const auto all = rest(**scan);
    REQUIRE(all.size() == 5);
    CHECK(all[0].offset == 7);
    CHECK(all[0].at.value == 700);
    CHECK(all[0].tags_code == 7);
    CHECK(all[2].tags_code == -9);
    CHECK(all[4].offset == 11);
    for (const auto& [from, expected] :
         std::vector<std::pair<std::int64_t, Numbers>>{{0, {7, 8, 9, 10, 11}},
                                                       {8, {8, 9, 10, 11}},
                                                       {10, {10, 11}},
                                                       {11, {11}},
                                                       {12, {}},
                                                       {INT64_MAX, {}}}) {
        REQUIRE((*scan)->seek(from));
        CHECK(offsets(**scan) == expected);
    }
    REQUIRE((*scan)->seek_back(2));
    CHECK(offsets(**scan) == Numbers{10, 11});
    REQUIRE((*scan)->seek_back(100));
    CHECK(offsets(**scan).size() == 5);
    const auto file = QueueScan::open_file(dir / "00000000000000000200");
    REQUIRE(file);
    CHECK(offsets(**file) == Numbers{10, 11});
    for (const auto* topic : {"U", "..", "", "T/0"})
        CHECK(QueueScan::open(folder.path(), topic, 0).error().code == Errc::not_found);
    CHECK(QueueScan::open(folder.path(), "T", 1).error().code == Errc::not_found);
}

TEST_CASE("a unit's extension is found by its address, over files, or told to be missing") {
    const Folder folder;
    const auto first = extension(11, 1000, "ab");
    const auto second = extension(22, 2000, "");
    std::string file = first + std::string("\xff\xff", 2);
    file.resize(64);
    const auto dir = folder.path() / "consumequeue_ext" / "T" / "0";
    write_file(dir / "00000000000000000000", file);
    write_file(dir / "00000000000000000064", second + std::string(44, '\0'));
    write_file(folder.path() / "consumequeue" / "T" / "0" / "00000000000000000000",
               units({{10, 5, ExtensionUnit::address_of(0)},
                      {20, 5, ExtensionUnit::address_of(64)},
                      {30, 5, ExtensionUnit::address_of(22)},
                      {40, 5, ExtensionUnit::address_of(1 << 20)},
                      {50, 5, -5}},
                     200));
    const auto scan = QueueScan::open(folder.path(), "T", 0);
    REQUIRE(scan);
    const auto next = [&] {
        const auto unit = (*scan)->next();
        REQUIRE(unit);
        REQUIRE(unit->has_value());
        return **unit;
    };
    auto unit = next();
    CHECK(unit.tags_code == 11);
    CHECK(unit.store_ts_ms == 1000);
    REQUIRE(unit.extension);
    CHECK(as_text(unit.extension->bitmap) == "ab");
    unit = next();
    CHECK(unit.tags_code == 22);
    CHECK(unit.extension->bitmap.empty());
    for (int i = 0; i < 2; ++i) {
        unit = next();
        CHECK(unit.address);
        CHECK_FALSE(unit.extension);
    }
    unit = next();
    CHECK(unit.tags_code == -5);
    CHECK_FALSE(unit.address);

    const auto alone = QueueScan::open_file(dir / "00000000000000000000");
    REQUIRE(alone);
    CHECK((*alone)->kind() == QueueScan::Kind::extension);
    CHECK(rest(**alone).size() == 1);
    fs::copy_file(dir / "00000000000000000064", folder.path() / "copy");
    const auto copy = QueueScan::open_file(folder.path() / "copy");
    REQUIRE(copy);
    CHECK((*copy)->kind() == QueueScan::Kind::extension);
    CHECK(rest(**copy).size() == 1);
}

TEST_CASE("batch units are read by the offset of any message in them, and known in a copy") {
    const Folder folder;
    const auto dir = folder.path() / "batchconsumequeue" / "T" / "0";
    write_file(dir / "00000000000000000000", batch(0, 0, 3) + batch(100, 3, 4));
    write_file(dir / "00000000000000000092", batch(200, 7, 1) + std::string(46, '\0'));
    const auto scan = QueueScan::open(folder.path(), "T", 0);
    REQUIRE(scan);
    CHECK((*scan)->kind() == QueueScan::Kind::batch);
    const auto all = rest(**scan);
    REQUIRE(all.size() == 3);
    CHECK(all[1].offset == 3);
    CHECK(all[1].count == 4);
    CHECK(all[1].store_ts_ms == 5000);
    REQUIRE((*scan)->seek(5));
    CHECK(offsets(**scan) == Numbers{3, 7});
    REQUIRE((*scan)->seek(7));
    CHECK(offsets(**scan) == Numbers{7});
    fs::copy_file(dir / "00000000000000000000", folder.path() / "copy");
    CHECK((*QueueScan::open_file(folder.path() / "copy"))->kind() == QueueScan::Kind::batch);
    write_file(folder.path() / "text", std::string(100, 'x'));
    CHECK(QueueScan::open_file(folder.path() / "text").error().code == Errc::corrupt);
    write_file(folder.path() / "empty", "");
    CHECK(QueueScan::open_file(folder.path() / "empty").error().code == Errc::corrupt);
}

TEST_CASE("the geometry of an index file is found by its chains, whatever it is") {
    const Folder folder;
    for (const IndexGeometry geometry :
         {IndexGeometry{1, 2}, IndexGeometry{7, 50}, IndexGeometry{500, 300},
          IndexGeometry{12, 300}, IndexGeometry{100'003, 1000}}) {
        for (const int keys : {1, 2, 40, 250}) {
            if (keys >= geometry.entries) continue;
            CAPTURE(geometry.slots);
            CAPTURE(keys);
            const auto path = folder.path() / fmt::format("{}-{}", geometry.slots, keys);
            auto file = IndexFile::create(posix_files(), path, geometry, {});
            REQUIRE(file);
            for (int i = 0; i < keys; ++i)
                REQUIRE((*file)->add({IndexHash("T").of(std::to_string(i)), 100 * i, 1000 + i}));
            REQUIRE((*file)->flush([] {}));
            const auto scan = ScanFile::open(path);
            REQUIRE(scan);
            const auto found = index_geometry(scan->bytes(), [](std::int64_t) {
                return std::vector<std::int32_t>{IndexHash("T").of("0")};
            });
            REQUIRE(found);
            CHECK(found->slots == geometry.slots);
            CHECK(found->entries == geometry.entries);
            CHECK_FALSE(index_geometry(scan->bytes(), [](std::int64_t) {
                return std::vector<std::int32_t>{IndexHash("T").of("another")};
            }));
        }
    }
    const std::vector<std::byte> zeros(8040);
    const auto no_hashes = [](std::int64_t) { return std::vector<std::int32_t>(); };
    CHECK_FALSE(index_geometry(zeros, no_hashes));
    CHECK_FALSE(index_geometry(Bytes(zeros).first(10), no_hashes));
}

TEST_CASE("a key is found in all index files of a store, newest first, and damage is told") {
    const Folder folder;
    Options options = small(folder.path());
    options.index_slots = 10;
    options.index_entries = 30;
    {
        const auto store = open(options);
        for (int i = 0; i < 100; ++i) {
            std::string properties;
            message::append_property(properties, "KEYS", i % 10 == 0 ? "ten" : std::to_string(i));
            message::Draft draft;
            draft.topic = "T";
            draft.properties = properties;
            draft.body = "b";
            draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
            Buffer record;
            message::encode(draft, record);
            Append unit;
            unit.queue = store->queue("T", 0);
            unit.records = record.bytes();
            store->append({&unit, 1});
        }
        REQUIRE(eventually([&] { return store->indexed() == store->end(); }));
    }
    auto index = IndexScan::open(folder.path());
    const auto log = LogScan::open(folder.path());
    REQUIRE(index);
    REQUIRE(log);
    CHECK(index->files().size() == 4);
    std::vector<std::int64_t> found;
    const auto take = [&](const IndexHit& hit) {
        const auto record = (*log)->record_at(hit.at);
        if (record && has_key(*record, "ten")) found.push_back(record->queue_offset.value);
        return true;
    };
    REQUIRE(index->find(IndexHash("T").of("ten"), log->get(), take));
    CHECK(found == Numbers{90, 80, 70, 60, 50, 40, 30, 20, 10, 0});

    // One file's slots lead to entries that no file has.
    std::fstream file(index->files()[1].path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(40) << std::string(40, '\x7f');
    file.close();
    found.clear();
    CHECK(index->find(IndexHash("T").of("ten"), log->get(), take).error().code == Errc::corrupt);
    CHECK(found.size() < 10);
    CHECK(found.size() >= 6);
    CHECK(found.front() == 90);

    const auto last = (*log)->record_at({0});
    REQUIRE(last);
    CHECK(last->queue_offset.value == 0);
    CHECK((*log)->record_at({1}).error().code == Errc::corrupt);
    CHECK((*log)->record_at({1 << 30}).error().code == Errc::not_found);
    CHECK((*log)->record_at({-1}).error().code != Errc::invalid);
    CHECK_FALSE(IndexScan::open(folder.path() / "nothing"));
}

TEST_CASE("the tables are read from their files, else from the .bak, in RocketMQ's own dialect") {
    const Folder folder;
    const auto config = folder.path() / "config";
    CHECK(scan_topics(folder.path())->empty());
    CHECK(scan_offsets(folder.path())->empty());
    CHECK(scan_delay_offsets(folder.path())->empty());
    write_file(config / "topics.json", "{\"topicConf");
    write_file(config / "topics.json.bak",
               R"({"topicConfigTable":{"B":{"perm":4,"readQueueNums":2,"writeQueueNums":3},)"
               R"("A":{"attributes":{"queue.type":"BatchCQ"},"order":true}}})");
    const auto topics = scan_topics(folder.path());
    REQUIRE(topics);
    REQUIRE(topics->size() == 2);
    CHECK((*topics)[0].name == "A");
    CHECK((*topics)[0].order);
    CHECK((*topics)[0].attributes.at(0).second == "BatchCQ");
    CHECK((*topics)[1].write_queues == 3);
    write_file(config / "topics.json.bak", "x");
    CHECK(scan_topics(folder.path()).error().code == Errc::corrupt);

    write_file(config / "consumerOffset.json",
               R"({"offsetTable":{"%RETRY%g@g":{0:5},"T@g":{1:3,0:50,"x":1,2:-1},"odd":{0:1}}})");
    write_file(config / "lmqConsumerOffset.json", R"({"lmqOffsetTable":{"%LMQ%q@h":7}})");
    const auto offsets = scan_offsets(folder.path());
    REQUIRE(offsets);
    std::string all;
    for (const auto& row : *offsets)
        all += fmt::format("{} {} {} {};", row.group, row.topic, row.queue, row.next);
    CHECK(all == "g %RETRY%g 0 5;g T 0 50;g T 1 3;h %LMQ%q 0 7;");
    write_file(config / "delayOffset.json", R"({"offsetTable":{1:3,18:0,0:4,"x":1}})");
    CHECK(*scan_delay_offsets(folder.path()) ==
          std::map<std::int32_t, std::int64_t>{{1, 3}, {18, 0}});
}

TEST_CASE("what waits for its time is told from log, timer log and timercheck alone") {
    const Folder folder;
    const std::int64_t now = 1'800'000'000'000;
    std::vector<std::int64_t> at;
    {
        const auto store = open(small(folder.path()));
        at.push_back(wait_for(*store, "gone", now - hour_ms));
        at.push_back(wait_for(*store, "soon", now + 5000));
        at.push_back(wait_for(*store, "far", now + 90 * hour_ms));
        at.push_back(wait_for(*store, "not wanted", now + 7000));
        at.push_back(wait_for(*store, "recall", now + 7000, "T+not wanted"));
        at.push_back(wait_for(*store, "new", now + 6000));
        wait_dispatched(*store);
    }
    // Two files; the first ends with a blank, and behind the last unit lies nothing.
    std::string first =
        timer_unit(-1, now - 2 * hour_ms, hour_ms, at[0]) + timer_unit(-1, now - 1000, 6000, at[1]);
    Buffer blank;
    blank.put_be(std::int32_t{40});
    blank.put_be(std::int64_t{0});
    blank.put_be(message::magic_blank);
    first += blank.text();
    first.resize(144);
    std::string second =
        timer_unit(-1, now, 48 * hour_ms, at[2], TimerUnit::normal | TimerUnit::roll) +
        timer_unit(-1, now, 7000, at[3]) +
        timer_unit(196, now, 7000, at[4], TimerUnit::normal | TimerUnit::remove);
    second.resize(300);
    write_file(folder.path() / "timerlog" / "00000000000000000000", first);
    write_file(folder.path() / "timerlog" / "00000000000000000144", second);
    std::string check(TimerCheck::file_bytes, '\0');
    TimerCheck{now, 0, 5, 5, 0, 0, 0}.store(reinterpret_cast<std::byte*>(check.data()));
    write_file(folder.path() / "config" / "timercheck", check);
    CHECK((*scan_timer_check(folder.path()))->queue_offset == 5);

    const auto log = LogScan::open(folder.path());
    REQUIRE(log);
    const auto told = [&] {
        const auto pending = scan_pending(folder.path(), **log);
        REQUIRE(pending);
        std::string out;
        for (const auto& each : *pending)
            out += fmt::format("{} {};", each.due_ms - now, each.at.value);
        return out;
    };
    CHECK(told() == fmt::format("5000 {};6000 {};{} {};", at[1], at[5], 90 * hour_ms, at[2]));

    // A delay level: its queue's units say when, delayOffset.json says which are over.
    write_file(
        folder.path() / "consumequeue" / std::string(schedule_topic) / "2" / "00000000000000000000",
        units({{at[0], 10, now - 10}, {at[1], 10, now + 10}, {at[2], 10, now + 20}}, 200));
    write_file(folder.path() / "config" / "delayOffset.json", R"({"offsetTable":{3:1}})");
    CHECK(told() == fmt::format("10 {};20 {};5000 {};6000 {};{} {};", at[1], at[2], at[1], at[5],
                                90 * hour_ms, at[2]));
}

}  // namespace mqd::store::test
