// A store written by RocketMQ 5.3.3 itself. It is too big to lie in this repository: MQD_SAMPLE_DIR
// names the directory with the archive and its expected.jsonl; without it, a directory
// shared/data beside the source tree is looked for.
#include <stdlib.h>

#include <fstream>

#include "json/value.h"
#include "store/index/index_format.h"
#include "support.h"

namespace mqd::store::test {
namespace {

const char* archive = "rocketmq-5.3.3-store.tar.gz";
const char* extras = "rocketmq-5.3.3-store-extras.tar.gz";

fs::path sample_dir() {
    if (const char* named = ::getenv("MQD_SAMPLE_DIR")) return named;
    for (fs::path dir = fs::path(__FILE__).is_absolute() ? fs::path(__FILE__)
                                                         : fs::absolute(__FILE__);
         dir.has_relative_path(); dir = dir.parent_path())
        if (fs::exists(dir / "shared" / "data" / archive)) return dir / "shared" / "data";
    return {};
}

bool unpack(const fs::path& from, const fs::path& into) {
    const auto command =
        fmt::format("tar xzf '{}' -C '{}' --strip-components=1", from.string(), into.string());
    return ::system(command.c_str()) == 0;
}

Options geometry(const fs::path& root) {
    Options options = small(root);
    options.commit_log_file_bytes = 262'144;
    options.consume_queue_file_bytes = 400;
    options.batch_queue_file_bytes = 460;
    options.index_slots = 500;
    options.index_entries = 300;
    return options;
}

/// Every message of the list lies where it says and is found through its queue.
void check_expected(const Store& store, const fs::path& expected, int count) {
    std::ifstream lines(expected);
    int messages = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto value = json::parse(line);
        REQUIRE(value.has_value());
        if ((*value)["kind"].as_text() != "message") continue;
        ++messages;
        const PhysicalOffset at{(*value)["physicalOffset"].as_int()};
        const auto slice = store.record_at(at);
        REQUIRE(slice.has_value());
        const auto record = message::RecordView::parse(slice->bytes);
        REQUIRE(record.has_value());
        CHECK(record->topic == (*value)["topic"].as_text());
        CHECK(record->body_crc == (*value)["bodyCrc"].as_int());
        CHECK(record->bytes.size() == static_cast<std::size_t>((*value)["size"].as_int()));

        Queue* queue = store.find_queue((*value)["topic"].as_text(),
                                        static_cast<std::int32_t>((*value)["queueId"].as_int()));
        REQUIRE(queue != nullptr);
        ReadLimits limits;
        limits.messages = 1;
        const auto read = store.read(*queue, {(*value)["queueOffset"].as_int()}, limits, nullptr);
        REQUIRE(read.messages == record->messages());
        CHECK(message::RecordView::parse(read.slices[0].bytes)->at == at);
    }
    CHECK(messages == count);
}

/// The list's `queue`, `batchQueue` and `batchUnit` lines: every offset leads to its unit's record.
void check_queues(const Store& store, const fs::path& expected, int count) {
    std::ifstream lines(expected);
    int queues = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto value = json::parse(line);
        REQUIRE(value.has_value());
        const auto kind = (*value)["kind"].as_text();
        if (kind != "queue" && kind != "batchQueue" && kind != "batchUnit") continue;
        Queue* queue = store.find_queue((*value)["topic"].as_text(),
                                        static_cast<std::int32_t>((*value)["queueId"].as_int()));
        REQUIRE(queue != nullptr);
        if (kind != "batchUnit") {
            ++queues;
            CHECK(queue->max().value == (*value)["maxOffset"].as_int());
            CHECK(queue->min().value == (*value)["minOffset"].as_int());
            continue;
        }
        const std::int64_t base = (*value)["baseOffset"].as_int();
        const std::int64_t count_inside = (*value)["batchNum"].as_int();
        const std::int64_t ts_ms = (*value)["storeTimestamp"].as_int();
        for (std::int64_t offset = base; offset < base + count_inside; ++offset) {
            ReadLimits limits;
            limits.messages = 1;
            const auto read = store.read(*queue, {offset}, limits, nullptr);
            REQUIRE(read.messages == count_inside);
            CHECK(read.next.value == base + count_inside);
            const auto record = message::RecordView::parse(read.slices[0].bytes);
            CHECK(record->at.value == (*value)["physicalOffset"].as_int());
            CHECK(record->bytes.size() == static_cast<std::size_t>((*value)["size"].as_int()));
            CHECK(record->queue_offset.value == base);
            CHECK(store.store_time(*queue, {offset}) == ts_ms);
        }
        CHECK(store.offset_by_time(*queue, ts_ms, false).value == base);
    }
    CHECK(queues == count);
}

/// Every key of every message of the list leads to it; how many keys there were.
int check_keys(const Store& store, const fs::path& expected) {
    REQUIRE(eventually([&] { return store.indexed() == store.end(); }));
    std::ifstream lines(expected);
    int keys = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto value = json::parse(line);
        REQUIRE(value.has_value());
        if ((*value)["kind"].as_text() != "message") continue;
        const std::int64_t at = (*value)["physicalOffset"].as_int();
        const std::int64_t ts_ms = (*value)["storeTimestamp"].as_int();
        const auto slice = store.record_at({at});
        REQUIRE(slice.has_value());
        const auto record = message::RecordView::parse(slice->bytes);
        for_each_index_key(record->properties, [&](std::string_view key) {
            ++keys;
            CAPTURE(key);
            const auto hits = store.query({record->topic, key, 64, ts_ms, ts_ms});
            const bool found = std::any_of(
                hits.records.begin(), hits.records.end(),
                [&](const Slice& hit) { return load_be<std::int64_t>(&hit.bytes[28]) == at; });
            CHECK(found);
        });
    }
    return keys;
}

std::vector<std::string> index_files(const fs::path& root) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(root / "index")) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> out;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return out;
}

/// The list's `index` lines.
void check_headers(const std::vector<std::string>& files, const fs::path& expected) {
    std::ifstream lines(expected);
    std::size_t i = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto value = json::parse(line);
        REQUIRE(value.has_value());
        if ((*value)["kind"].as_text() != "index") continue;
        REQUIRE(i < files.size());
        const auto header = IndexHeader::load(as_bytes(files[i]).data());
        CHECK(static_cast<std::int64_t>(files[i++].size()) == (*value)["size"].as_int());
        CHECK(header.begin_ts_ms == (*value)["beginTimestamp"].as_int());
        CHECK(header.end_ts_ms == (*value)["endTimestamp"].as_int());
        CHECK(header.begin_at == (*value)["beginPhyOffset"].as_int());
        CHECK(header.end_at == (*value)["endPhyOffset"].as_int());
        CHECK(header.slots_used == (*value)["hashSlotCount"].as_int());
        CHECK(header.next == (*value)["indexCount"].as_int());
    }
    CHECK(i == files.size());
}

}  // namespace

TEST_CASE("the index files of the real RocketMQ are read, and made again byte for byte") {
    const fs::path sample = sample_dir();
    if (sample.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample store");
        return;
    }
    const Folder folder;
    REQUIRE(unpack(sample / archive, folder.path()));
    const fs::path root = folder.path() / "store";
    const auto theirs = index_files(root);
    REQUIRE(theirs.size() == 4);
    SUBCASE("after its clean stop") {}
    SUBCASE("after a crash, which the last file does not survive") {
        std::ofstream(root / "abort") << "1";
    }
    SUBCASE("without its index") {
        fs::remove_all(root / "index");
    }
    SUBCASE("without its index after a crash") {
        fs::remove_all(root / "index");
        std::ofstream(root / "abort") << "1";
    }
    const auto store = open(geometry(root));
    CHECK(check_keys(*store, sample / "expected.jsonl") > 477);
    REQUIRE(store->close().has_value());
    check_headers(index_files(root), sample / "expected.jsonl");
    CHECK((index_files(root) == theirs));
}

TEST_CASE("a store of the real RocketMQ is opened, read and written on" *
          doctest::test_suite("slow")) {
    const fs::path sample = sample_dir();
    if (sample.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample store");
        return;
    }
    const Folder folder;
    REQUIRE(unpack(sample / archive, folder.path()));
    const fs::path root = folder.path() / "store";
    SUBCASE("after its clean stop") {}
    SUBCASE("after a crash") {
        std::ofstream(root / "abort") << "1";
    }
    SUBCASE("without its queues") {
        fs::remove_all(root / "consumequeue");
    }
    SUBCASE("after a crash without queues and checkpoint") {
        std::ofstream(root / "abort") << "1";
        fs::remove_all(root / "consumequeue");
        fs::remove(root / "checkpoint");
    }
    std::int64_t next = 0;
    {
        const auto store = open(geometry(root));
        check_expected(*store, sample / "expected.jsonl", 477);
        Queue* queue = store->queue("OrdersTopic", 0);
        next = queue->max().value;
        CHECK(append(*store, "OrdersTopic", 0, "one more").queue_offset.value == next);
        REQUIRE(store->close().has_value());
    }
    const auto store = open(geometry(root));
    check_expected(*store, sample / "expected.jsonl", 477);
    CHECK(bodies(*store, *store->queue("OrdersTopic", 0), next) ==
          std::vector<std::string>{"one more"});
}

TEST_CASE("a store of RocketMQ with IPv6, extensions, batches and expired files is opened") {
    const fs::path sample = sample_dir();
    if (sample.empty()) {
        MESSAGE("skipped: MQD_SAMPLE_DIR does not name the sample store");
        return;
    }
    const Folder folder;
    REQUIRE(unpack(sample / extras, folder.path()));
    const fs::path root = folder.path() / "store";
    SUBCASE("after its clean stop") {}
    SUBCASE("after a crash") {
        std::ofstream(root / "abort") << "1";
    }
    SUBCASE("without its queues") {
        fs::remove_all(root / "consumequeue");
    }
    SUBCASE("after a crash without queues of either kind") {
        std::ofstream(root / "abort") << "1";
        fs::remove_all(root / "consumequeue");
        fs::remove_all(root / "batchconsumequeue");
    }
    SUBCASE("after a crash that tore the batch queue") {
        std::ofstream(root / "abort") << "1";
        fs::resize_file(root / "batchconsumequeue/BatchTopic/0/00000000000000000000", 92);
        fs::resize_file(root / "batchconsumequeue/BatchTopic/0/00000000000000000000", 460);
        fs::remove(root / "batchconsumequeue/BatchTopic/0/00000000000000000460");
        fs::remove(root / "checkpoint");
    }
    Options options = geometry(root);
    options.commit_log_file_bytes = 65'536;
    const auto store = open(options);
    CHECK(store->begin().value == 65'536);
    CHECK(store->end().value == 168'004);
    check_expected(*store, sample / "extras.expected.jsonl", 54);
    Queue* queue = store->find_queue("FilterTopic", 0);
    CHECK(queue->min().value == 25);
    CHECK(queue->max().value == 60);
    check_queues(*store, sample / "extras.expected.jsonl", 4);
    CHECK(check_keys(*store, sample / "extras.expected.jsonl") > 54);
    CHECK(append(*store, "BatchTopic", 0, "one more").queue_offset.value == 68);
    wait_dispatched(*store);
    CHECK(bodies(*store, *store->find_queue("BatchTopic", 0), 68) ==
          std::vector<std::string>{"one more"});
    CHECK(fs::exists(root / "consumequeue_ext" / "FilterTopic" / "0"));
    CHECK(store->close().has_value());
}

}  // namespace mqd::store::test
