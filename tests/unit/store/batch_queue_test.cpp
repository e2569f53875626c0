// Topics with queue.type=BatchCQ: records that hold many messages, and single ones among them.
#include <fstream>

#include "message/sys_flag.h"
#include "store/queue/batch_unit.h"
#include "support.h"

namespace mqd::store::test {
namespace {

/// Appends one record of `count` messages whose body is `body`.
Append append_batch(Store& store, std::string_view topic, std::int32_t count,
                    std::string_view body) {
    message::Draft draft;
    draft.topic = topic;
    draft.sys_flag = message::sys_flag::inner_batch | message::sys_flag::need_unwrap;
    draft.body = body;
    draft.born_host = *message::Host::make("127.0.0.1", 1);
    draft.store_host = draft.born_host;
    std::string properties;
    message::append_inner_batch(properties, count);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(topic, 0);
    unit.records = record.bytes();
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    unit.records = {};
    return unit;
}

struct Found {
    ReadResult read;  // has the record's bytes
    message::RecordView record;
};

/// The record that holds `offset`.
Found at(const Store& store, Queue& queue, std::int64_t offset) {
    ReadLimits limits;
    limits.messages = 1;
    auto read = store.read(queue, {offset}, limits, nullptr);
    REQUIRE(read.slices.size() == 1);
    const auto record = message::RecordView::parse(read.slices[0].bytes);
    REQUIRE(record.has_value());
    CHECK(read.messages == record->messages());
    CHECK(read.next == record->queue_offset + record->messages());
    return {std::move(read), *record};
}

constexpr std::int32_t rounds = 40;

/// Batches of 3 and single messages in turn, over several files of log and queue.
void fill(Store& store) {
    for (std::int32_t i = 0; i < rounds; ++i) {
        CHECK(append_batch(store, "B", 3, "batch " + std::to_string(i)).queue_offset.value ==
              4 * i);
        CHECK(append(store, "B", 0, "single " + std::to_string(i)).queue_offset.value == 4 * i + 3);
    }
    wait_dispatched(store);
}

void check_filled(const Store& store) {
    Queue* queue = store.find_queue("B", 0);
    REQUIRE(queue != nullptr);
    CHECK(queue->min().value == 0);
    CHECK(queue->max().value == 4 * rounds);
    for (std::int32_t offset = 0; offset < 4 * rounds; ++offset) {
        const auto found = at(store, *queue, offset);
        const auto& record = found.record;
        CHECK(record.queue_offset.value == (offset % 4 == 3 ? offset : offset / 4 * 4));
        CHECK(record.body == (offset % 4 == 3 ? "single " : "batch ") + std::to_string(offset / 4));
        if (offset % 4 == 3) continue;
        CHECK(message::find_property(record.properties, "INNER_NUM") == "3");
        CHECK(message::find_property(record.properties, "INNER_BASE") ==
              fmt::format("{:019}", offset / 4 * 4));
    }
}

Options with_batch_topic(const fs::path& root) {
    Options options = small(root);
    options.batch_topics = {"B"};
    return options;
}

class OneTag final : public ReadFilter {
public:
    bool code_matches(std::int64_t code) const override { return code == message::java_hash("t"); }
};

}  // namespace

TEST_CASE("every offset of a batch queue leads to the record that holds it") {
    const Folder folder;
    const auto options = with_batch_topic(folder.path());
    const auto store = open(options);
    fill(*store);
    check_filled(*store);
    CHECK(bodies(*store, *store->find_queue("B", 0)).size() == 2 * rounds);
    REQUIRE(store->close().has_value());
    CHECK_FALSE(fs::exists(folder.path() / "consumequeue" / "B"));
    check_filled(*open(options));
}

TEST_CASE("a batch queue's unit is what the reference writes") {
    const Folder folder;
    const auto options = with_batch_topic(folder.path());
    const auto store = open(options);
    append(*store, "B", 0, "first");
    const auto sent = append_batch(*store, "B", 300, "second");
    REQUIRE(store->close().has_value());
    std::ifstream file(folder.path() / "batchconsumequeue/B/0/00000000000000000000",
                       std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    REQUIRE(bytes.size() == 460);
    const std::byte* unit = as_bytes(bytes).data() + BatchUnit::bytes_each;
    CHECK(load_be<std::int64_t>(unit) == sent.at.value);
    CHECK(load_be<std::int64_t>(unit + 12) == 0);
    CHECK(load_be<std::int64_t>(unit + 20) == sent.store_ts_ms);
    CHECK(load_be<std::int64_t>(unit + 28) == 1);
    CHECK(load_be<std::int16_t>(unit + 36) == 300);
    CHECK(load_be<std::int32_t>(unit + 38) == -1);
    CHECK(bytes.substr(2 * BatchUnit::bytes_each) ==
          std::string(460 - 2 * BatchUnit::bytes_each, '\0'));
}

TEST_CASE("a batch queue is made again from the log after a crash") {
    const Folder folder;
    const auto options = with_batch_topic(folder.path());
    fill(*open(options));  // not closed
    const fs::path queue = folder.path() / "batchconsumequeue" / "B" / "0";
    SUBCASE("as it was") {}
    SUBCASE("without its files") {
        fs::remove_all(folder.path() / "batchconsumequeue");
    }
    SUBCASE("with a torn end") {
        fs::resize_file(queue / "00000000000000000920", 46 * 3 + 11);
        fs::resize_file(queue / "00000000000000000920", 460);
    }
    SUBCASE("with a hole") {
        std::fstream file(queue / "00000000000000000460",
                          std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(46);
        file.write(std::string(92, '\0').data(), 92);
        file.close();
        fs::remove(folder.path() / "checkpoint");
    }
    const auto store = open(options);
    check_filled(*store);
    CHECK(append_batch(*store, "B", 2, "more").queue_offset.value == 4 * rounds);
}

TEST_CASE("the log's end cuts the batch queue's") {
    const Folder folder;
    const auto options = with_batch_topic(folder.path());
    std::int64_t cut = 0;
    {
        const auto store = open(options);
        for (int i = 0; i < 5; ++i) append_batch(*store, "B", 3, "kept");
        cut = append_batch(*store, "B", 3, "lost").at.value;
        append(*store, "B", 0, "lost");
        wait_dispatched(*store);
    }
    {
        std::fstream log(folder.path() / "commitlog/00000000000000000000",
                         std::ios::in | std::ios::out | std::ios::binary);
        log.seekp(cut);
        log.write(std::string(4096 - static_cast<std::size_t>(cut), '\0').data(), 4096 - cut);
    }
    const auto store = open(options);
    CHECK(store->find_queue("B", 0)->max().value == 15);
    CHECK(append(*store, "B", 0, "next").queue_offset.value == 15);
    REQUIRE(store->close().has_value());
    const auto again = open(options);
    CHECK(bodies(*again, *again->find_queue("B", 0)).size() == 6);
}

TEST_CASE("whole batches count against the messages of a read, and the first always fits") {
    const Folder folder;
    const auto store = open(with_batch_topic(folder.path()));
    fill(*store);
    Queue& queue = *store->find_queue("B", 0);
    ReadLimits limits;
    limits.messages = 6;
    const auto read = store->read(queue, {0}, limits, nullptr);
    CHECK(read.messages == 4);
    CHECK(read.next.value == 4);
    limits.messages = 2;
    CHECK(store->read(queue, {4}, limits, nullptr).messages == 3);
}

TEST_CASE("a tag filter lets through batches that hide their messages' tags") {
    const Folder folder;
    const auto store = open(with_batch_topic(folder.path()));
    append_batch(*store, "B", 3, "batch");
    append(*store, "B", 0, "mine", "t");
    append(*store, "B", 0, "other", "u");
    append(*store, "B", 0, "none");
    wait_dispatched(*store);
    const OneTag filter;
    CHECK(bodies(*store, *store->find_queue("B", 0), 0, &filter) ==
          std::vector<std::string>{"batch", "mine"});
}

TEST_CASE("a topic's queues keep their kind until it is deleted") {
    const Folder folder;
    auto options = small(folder.path());
    {
        const auto store = open(options);
        append(*store, "B", 0, "single");
        store->set_batch("B", true);
        append(*store, "B", 1, "single");
        wait_dispatched(*store);
        CHECK(fs::exists(folder.path() / "consumequeue" / "B" / "1"));
        REQUIRE(store->delete_topic("B").has_value());
        store->set_batch("B", true);
        append(*store, "B", 0, "in a batch queue");
        REQUIRE(store->close().has_value());
    }
    CHECK_FALSE(fs::exists(folder.path() / "consumequeue" / "B"));
    options.batch_topics = {};
    const auto store = open(options);
    CHECK(bodies(*store, *store->find_queue("B", 0)) ==
          std::vector<std::string>{"in a batch queue"});
    REQUIRE(store->delete_topic("B").has_value());
    CHECK_FALSE(fs::exists(folder.path() / "batchconsumequeue" / "B"));
    append(*store, "B", 0, "single");
    wait_dispatched(*store);
    CHECK(fs::exists(folder.path() / "consumequeue" / "B" / "0"));
}

TEST_CASE("a batch queue follows the log that is cut behind it") {
    const Folder folder;
    auto options = with_batch_topic(folder.path());
    options.batch_queue_file_bytes = 460;  // ten units
    options.flush_sync = true;             // only what is on disk goes
    options.retention.keep_ms = 0;
    options.retention.pause_ms = 0;
    const auto dir = folder.path() / "batchconsumequeue" / "B" / "0";
    const auto files = [&] { return std::distance(fs::directory_iterator(dir), {}); };
    auto store = open(options);
    fill(*store);
    REQUIRE(files() == 8);
    store->delete_expired(1);
    REQUIRE(eventually([&] { return store->end() - store->begin() < 4096; }));
    std::atomic<bool> told = false;
    store->clean_queues([&](const Result<>& ok) { told = ok.has_value(); });
    REQUIRE(eventually([&] { return told.load(); }));

    Queue& queue = *store->queue("B", 0);
    const auto min = queue.min();
    CHECK(min.value > 0);
    CHECK(queue.max().value == 4 * rounds);
    CHECK(at(*store, queue, min.value).record.at == store->begin());
    CHECK(files() == 8 - min.value / 20);
    CHECK(store->read(queue, {min.value - 1}, {}, nullptr).status == ReadStatus::offset_too_small);
    REQUIRE(store->close().has_value());
    store = open(options);
    CHECK(store->queue("B", 0)->min() == min);
    CHECK(at(*store, *store->queue("B", 0), min.value).record.at == store->begin());
}

}  // namespace mqd::store::test
