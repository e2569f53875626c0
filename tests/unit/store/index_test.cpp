#include <fstream>

#include "store/index/index_file.h"
#include "store/index/index_format.h"
#include "support.h"

namespace mqd::store::test {
namespace {

/// Time that only moves when told to.
class HandClock final : public Clock {
public:
    std::int64_t wall_ms() const override { return now_ms; }
    std::int64_t monotonic_ms() const override { return system_clock().monotonic_ms(); }
    std::atomic<std::int64_t> now_ms = 1'795'220'215'000;
};

Options indexed(const fs::path& root, std::int32_t slots = 50, std::int32_t entries = 40) {
    Options options = small(root);
    options.index_slots = slots;
    options.index_entries = entries;
    return options;
}

PhysicalOffset add(Store& store, std::string_view topic, std::string_view unique,
                   std::string_view keys = {}, std::int32_t sys_flag = 0) {
    std::string properties;
    if (!keys.empty()) message::append_property(properties, message::property::keys, keys);
    if (!unique.empty()) message::append_property(properties, message::property::uniq_key, unique);
    message::Draft draft;
    draft.topic = topic;
    draft.body = "b";
    draft.sys_flag = sys_flag;
    draft.born_host = *message::Host::make("127.0.0.1", 1);
    draft.store_host = *message::Host::make("127.0.0.1", 2);
    draft.properties = properties;
    Buffer record;
    message::encode(draft, record);
    Append unit;
    unit.queue = store.queue(topic, 0);
    unit.records = record.bytes();
    store.append({&unit, 1});
    REQUIRE(unit.stored);
    return unit.at;
}

void wait_indexed(const Store& store) {
    REQUIRE(eventually([&] { return store.indexed() == store.end(); }));
}

std::vector<std::int64_t> places(const Store& store, const KeyQuery& wanted) {
    std::vector<std::int64_t> out;
    for (const Slice& slice : store.query(wanted).records)
        out.push_back(message::RecordView::parse(slice.bytes)->at.value);
    return out;
}
std::vector<std::int64_t> places(const Store& store, std::string_view topic, std::string_view key) {
    return places(store, KeyQuery{topic, key});
}

std::vector<fs::path> index_files(const fs::path& root) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(root / "index")) out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
}

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

IndexHeader header_of(const fs::path& path) {
    const auto bytes = content(path);
    REQUIRE(bytes.size() >= 40);
    return IndexHeader::load(as_bytes(bytes).data());
}

std::int64_t checkpoint_index_ts(const fs::path& root) {
    return load_be<std::int64_t>(as_bytes(content(root / "checkpoint")).data() + 16);
}

/// 200 messages `k0` to `k199`, each also with the key `all`; their places.
std::vector<std::int64_t> fill(Store& store, HandClock& clock) {
    std::vector<std::int64_t> at;
    for (int i = 0; i < 200; ++i) {
        clock.now_ms += 500;
        at.push_back(add(store, "T", fmt::format("k{}", i), "all").value);
    }
    wait_indexed(store);
    return at;
}

void check_filled(const Store& store, const std::vector<std::int64_t>& at) {
    for (std::size_t i = 0; i < at.size(); ++i)
        CHECK(places(store, "T", fmt::format("k{}", i)) == std::vector{at[i]});
    CHECK(places(store, KeyQuery{"T", "all", 64}) ==
          std::vector<std::int64_t>(at.end() - 64, at.end()));
}

void mark_crashed(const fs::path& root) {
    std::ofstream(root / "abort") << "1";
}

}  // namespace

TEST_CASE("the hash of a key is Java's, made positive") {
    CHECK(IndexHash("TopicTest").of("key") == message::java_hash("TopicTest#key"));
    CHECK(IndexHash("t\xC3\xA9").of("\xF0\x9F\x98\x80") >= 0);
    CHECK(std::abs(message::java_hash("T#negative-c")) == IndexHash("T").of("negative-c"));
    // hash("polygenelubricants") is the smallest integer there is, and has no positive.
    CHECK(message::java_hash("polygenelubricants") == std::numeric_limits<std::int32_t>::min());
    CHECK(message::java_hash("lubricants", message::java_hash("polygene")) ==
          message::java_hash("polygenelubricants"));
}

TEST_CASE("a file of the default geometry has the reference's length") {
    CHECK(IndexGeometry{}.file_bytes() == 420'000'040);
}

TEST_CASE("a message is found by its unique key and by each of its keys, in its topic only") {
    const Folder folder;
    const auto store = open(indexed(folder.path()));
    CHECK(store->query({"T", "a"}).records.empty());
    const auto first = add(*store, "T", "u1", "a  b a");
    const auto second = add(*store, "T", "u2", "b");
    add(*store, "Other", "u3", "a b");
    wait_indexed(*store);
    CHECK(places(*store, "T", "u1") == std::vector{first.value});
    CHECK(places(*store, "T", "a") == std::vector{first.value});
    CHECK(places(*store, "T", "b") == std::vector{first.value, second.value});
    CHECK(places(*store, "T", "a  b a").empty());
    CHECK(places(*store, "T", "u3").empty());
    CHECK(places(*store, "T", "").empty());
    const auto hits = store->query({"T", "nothing"});
    CHECK(hits.index_at > second);
    CHECK(hits.index_ts_ms > 0);
}

TEST_CASE("a rollback has no keys, a half message has") {
    const Folder folder;
    const auto store = open(indexed(folder.path()));
    add(*store, "T", "gone", {}, 0xC);
    const auto half = add(*store, "T", "half", {}, 0x4);
    wait_indexed(*store);
    CHECK(places(*store, "T", "gone").empty());
    CHECK(places(*store, "T", "half") == std::vector{half.value});
}

TEST_CASE("keys of one hash are told apart") {
    const Folder folder;
    const auto store = open(indexed(folder.path()));
    REQUIRE(message::java_hash("Aa") == message::java_hash("BB"));
    const auto first = add(*store, "T", "Aa");
    const auto second = add(*store, "T", "BB");
    wait_indexed(*store);
    CHECK(places(*store, "T", "Aa") == std::vector{first.value});
    CHECK(places(*store, "T", "BB") == std::vector{second.value});
}

TEST_CASE("full files roll, and all of them are searched from the newest on") {
    const Folder folder;
    HandClock clock;
    const auto options = indexed(folder.path());
    const auto store = open(options, posix_files(), clock);
    const auto at = fill(*store, clock);
    check_filled(*store, at);

    const auto files = index_files(folder.path());
    REQUIRE(files.size() == 11);  // 400 keys, 39 a file
    IndexHeader before;
    std::int32_t keys = 0;
    for (const auto& path : files) {
        CHECK(path.filename().string().size() == 17);
        CHECK(fs::file_size(path) == 40 + 4 * 50 + 20 * 40);
        const auto header = header_of(path);
        CHECK(header.begin_at >= before.end_at);
        CHECK(header.begin_ts_ms >= before.end_ts_ms);
        keys += header.next - 1;
        before = header;
    }
    CHECK(keys == 400);
    CHECK(before.end_at == at.back());

    REQUIRE(store->close().has_value());
    CHECK(checkpoint_index_ts(folder.path()) == header_of(files[9]).end_ts_ms);
}

TEST_CASE("the first entry of a file counts its seconds from the end of the file before it") {
    const Folder folder;
    HandClock clock;
    const auto store = open(indexed(folder.path(), 5, 3), posix_files(), clock);
    add(*store, "T", "u0");
    clock.now_ms += 3000;
    add(*store, "T", "u1");
    clock.now_ms += 5000;
    const auto at = add(*store, "T", "u2");
    wait_indexed(*store);
    const auto files = index_files(folder.path());
    REQUIRE(files.size() == 2);
    CHECK(header_of(files[1]).begin_ts_ms == clock.now_ms);
    const auto bytes = content(files[1]);
    const auto entry = IndexEntry::load(as_bytes(bytes).data() + 40 + 4 * 5 + 20);
    CHECK(entry.at == at.value);
    CHECK(entry.seconds == 5);
    CHECK(places(*store, KeyQuery{"T", "u2", 1, clock.now_ms, clock.now_ms}) ==
          std::vector{at.value});
}

TEST_CASE("a query keeps to its time range, to the millisecond, and to its maximum") {
    const Folder folder;
    HandClock clock;
    const auto store = open(indexed(folder.path()), posix_files(), clock);
    const std::int64_t start_ms = clock.now_ms;
    const auto at = fill(*store, clock);
    const auto ts_of = [&](int i) { return start_ms + 500 * (i + 1); };
    for (int i : {0, 1, 19, 20, 100, 199}) {
        CAPTURE(i);
        const auto wanted = std::vector{at[static_cast<std::size_t>(i)]};
        CHECK(places(*store, KeyQuery{"T", "all", 64, ts_of(i), ts_of(i)}) == wanted);
        CHECK(places(*store, KeyQuery{"T", "all", 64, ts_of(i) + 1, ts_of(i) + 499}).empty());
        CHECK(places(*store, KeyQuery{"T", "all", 64, ts_of(i) - 499, ts_of(i) + 499}) == wanted);
    }
    CHECK(places(*store, KeyQuery{"T", "all", 64, ts_of(50), ts_of(99)}) ==
          std::vector<std::int64_t>(at.begin() + 50, at.begin() + 100));
    CHECK(places(*store, KeyQuery{"T", "all", 3, 0, ts_of(99)}) ==
          std::vector<std::int64_t>(at.begin() + 97, at.begin() + 100));
    CHECK(places(*store, KeyQuery{"T", "all", 0}).empty());
    CHECK(places(*store, KeyQuery{"T", "all", 64, ts_of(200)}).empty());
    CHECK(places(*store, KeyQuery{"T", "all", 64, 10, 0}).empty());
}

TEST_CASE("after a clean stop the index goes on where it was, and nothing is in it twice") {
    const Folder folder;
    HandClock clock;
    std::int32_t entries = 1000;
    SUBCASE("in one file") {}
    SUBCASE("with a message's keys in two files") {
        entries = 11;
    }
    SUBCASE("with full files at each stop") {
        entries = 22;
    }
    const auto options = indexed(folder.path(), 50, entries);
    std::vector<std::int64_t> at;
    std::int32_t keys = 0;
    for (int round = 0; round < 4; ++round) {
        const auto store = open(options, posix_files(), clock);
        for (int i = 0; i < 7; ++i, ++keys)
            at.push_back(add(*store, "T", fmt::format("k{}", keys), "all one").value);
        wait_indexed(*store);
        CHECK(places(*store, KeyQuery{"T", "all", 64}) == at);
        REQUIRE(store->close().has_value());
        std::int32_t in_files = 0;
        for (const auto& path : index_files(folder.path())) in_files += header_of(path).next - 1;
        CHECK(in_files == 3 * keys);
    }
}

TEST_CASE("after a crash the index is built again, byte for byte" * doctest::test_suite("slow")) {
    const Folder folder;
    HandClock clock;
    const auto options = indexed(folder.path());
    std::vector<std::int64_t> at;
    {
        const auto store = open(options, posix_files(), clock);
        at = fill(*store, clock);
        SUBCASE("killed") {}
        SUBCASE("cleanly stopped, but with `abort`") {
            REQUIRE(store->close().has_value());
        }
    }
    std::vector<std::string> before;
    for (const auto& path : index_files(folder.path())) before.push_back(content(path));
    mark_crashed(folder.path());
    SUBCASE("as it was") {}
    SUBCASE("with a damaged last file") {
        std::ofstream(index_files(folder.path()).back()) << "torn";
    }
    SUBCASE("with a file ahead of the log") {
        auto bytes = before.back();
        auto header = header_of(index_files(folder.path()).back());
        header.end_at = 1 << 30;
        header.store(reinterpret_cast<std::byte*>(bytes.data()));
        std::ofstream(index_files(folder.path()).back()) << bytes;
    }
    SUBCASE("without its first file") {
        fs::remove(index_files(folder.path()).front());
        fs::remove(folder.path() / "checkpoint");
    }
    const auto store = open(options, posix_files(), clock);
    wait_indexed(*store);
    check_filled(*store, at);
    std::vector<std::string> after;
    for (const auto& path : index_files(folder.path())) after.push_back(content(path));
    CHECK(after == before);
}

TEST_CASE("an index of another geometry, or of none, is built again from the log") {
    const Folder folder;
    HandClock clock;
    auto options = indexed(folder.path());
    std::vector<std::int64_t> at;
    {
        const auto store = open(options, posix_files(), clock);
        at = fill(*store, clock);
        REQUIRE(store->close().has_value());
    }
    SUBCASE("other") {
        options.index_slots = 70;
        options.index_entries = 300;
    }
    SUBCASE("none") {
        fs::remove_all(folder.path() / "index");
    }
    const auto store = open(options, posix_files(), clock);
    wait_indexed(*store);
    check_filled(*store, at);
    for (const auto& path : index_files(folder.path()))
        CHECK(fs::file_size(path) == static_cast<std::uintmax_t>(40 + 4 * options.index_slots +
                                                                 20 * options.index_entries));
}

TEST_CASE("without messageIndexEnable nothing is added, and it is caught up with later") {
    const Folder folder;
    auto options = indexed(folder.path());
    PhysicalOffset first, second;
    for (const bool enabled : {true, false, true}) {
        options.index = enabled;
        const auto store = open(options);
        if (first.value == 0 && enabled) {
            add(*store, "T", "u0");
            first = add(*store, "T", "u1");
            wait_indexed(*store);
        } else if (!enabled) {
            second = add(*store, "T", "u2");
            wait_dispatched(*store);
            CHECK(places(*store, "T", "u1") == std::vector{first.value});
            CHECK(places(*store, "T", "u2").empty());
        } else {
            wait_indexed(*store);
            CHECK(places(*store, "T", "u2") == std::vector{second.value});
        }
        REQUIRE(store->close().has_value());
    }
}

TEST_CASE("the slots of an index file give their memory back, and lose nothing by it") {
    Folder dir;
    const IndexGeometry geometry{10'000, 2'000};
    auto made = IndexFile::create(posix_files(), dir.path() / "1", geometry, {});
    REQUIRE(made);
    IndexFile& file = **made;
    const auto key = [](std::int32_t i) {
        return IndexKey{(i % 500) * 20, 100LL * i, 1'000'000 + i};
    };
    const auto flush = [&] { REQUIRE(file.flush([] {})); };
    std::int32_t next = 0;
    const auto add = [&](std::int32_t count) {
        for (const auto end = next + count; next < end; ++next) REQUIRE(file.add(key(next)));
    };
    const auto chain = [&](std::int32_t hash) {
        std::vector<std::int64_t> at;
        REQUIRE(read_index_chain(*file.file(), geometry, hash, [&](std::int32_t, const auto& e) {
            at.push_back(e.at);
            return true;
        }));
        return at;
    };
    CHECK(file.resident_pages() == 0);
    add(500);
    CHECK(file.resident_pages() == 10);  // of 40,000 bytes
    file.release();                      // not before they are in the file
    CHECK(file.resident_pages() == 10);
    flush();
    file.release();
    CHECK(file.resident_pages() == 0);
    // The older entries of a slot are found again, also by one that opens the file.
    add(250);
    flush();
    CHECK(chain(0) == std::vector<std::int64_t>{50'000, 0});
    CHECK(chain(499 * 20) == std::vector<std::int64_t>{49'900});
    auto opened = IndexFile::open(posix_files(), dir.path() / "1", geometry, file.header());
    REQUIRE(opened);
    CHECK((*opened)->resident_pages() == 0);
    REQUIRE((*opened)->add(key(1'000)));
    REQUIRE((*opened)->flush([] {}));
    CHECK(chain(0) == std::vector<std::int64_t>{100'000, 50'000, 0});
}

TEST_CASE("foreign things in the index directory are left alone") {
    const Folder folder;
    fs::create_directories(folder.path() / "index" / "20200101000000000");
    std::ofstream(folder.path() / "index" / "README") << "not a number";
    const auto store = open(indexed(folder.path()));
    const auto at = add(*store, "T", "u");
    wait_indexed(*store);
    CHECK(places(*store, "T", "u") == std::vector{at.value});
    CHECK(fs::exists(folder.path() / "index" / "README"));
    CHECK(fs::is_directory(folder.path() / "index" / "20200101000000000"));
}

}  // namespace mqd::store::test
