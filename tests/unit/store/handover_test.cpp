// What a clean stop leaves behind for RocketMQ, mqd-store(5), HANDING OVER, point by point and on
// the bytes: nothing here reads by the store's own code.
#include <algorithm>
#include <fstream>
#include <map>

#include "base/crc.h"
#include "message/sys_flag.h"
#include "support.h"

namespace mqd::store::test {
namespace {

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T number(const std::string& bytes, std::size_t at) {
    REQUIRE(at + sizeof(T) <= bytes.size());
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
    return static_cast<T>(out);
}

bool is_zero(const std::string& bytes, std::size_t from) {
    return bytes.find_first_not_of('\0', from) == std::string::npos;
}

/// The files of a directory by name.
std::map<std::string, std::string> files_of(const fs::path& dir) {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(dir))
        out[entry.path().filename().string()] = content(entry.path());
    return out;
}

std::string twenty_digits(std::int64_t value) {
    return fmt::format("{:020}", value);
}

struct Record {
    std::string queue;  // topic/id
    std::int64_t at, offset, store_ts_ms, messages;
    std::int32_t bytes;
};

Record record_at(const std::string& file, std::size_t from, std::int64_t base) {
    Record out;
    out.at = base + static_cast<std::int64_t>(from);
    out.bytes = number<std::int32_t>(file, from);
    REQUIRE(out.bytes >= 91);
    REQUIRE(from + static_cast<std::size_t>(out.bytes) <= file.size());
    CHECK(number<std::uint32_t>(file, from + 4) == 0xDAA320A7U);
    CHECK(number<std::int64_t>(file, from + 28) == out.at);
    out.offset = number<std::int64_t>(file, from + 20);
    out.store_ts_ms = number<std::int64_t>(file, from + 56);
    const auto body_bytes = number<std::uint32_t>(file, from + 84);
    const std::string body = file.substr(from + 88, body_bytes);
    const auto crc = number<std::int32_t>(file, from + 8);
    CHECK(crc >= 0);
    CHECK(crc == crc31(as_bytes(body)));
    const std::size_t topic = from + 88 + body_bytes;
    const auto topic_bytes = static_cast<std::size_t>(file[topic]);
    out.queue = fmt::format("{}/{}", file.substr(topic + 1, topic_bytes),
                            number<std::int32_t>(file, from + 12));
    const bool inner = (number<std::int32_t>(file, from + 36) & 0x80) != 0;
    out.messages = inner ? 3 : 1;
    const auto properties = number<std::uint16_t>(file, topic + 1 + topic_bytes);
    CHECK(topic + 3 + topic_bytes + properties == from + static_cast<std::size_t>(out.bytes));
    return out;
}

constexpr std::size_t log_file_bytes = 4096;

/// Walks the log, of which nothing but whole records, blanks and zeros may be left.
std::vector<Record> read_log(const fs::path& dir) {
    std::vector<Record> out;
    std::int64_t base = 0;
    const auto files = files_of(dir);
    for (const auto& [name, bytes] : files) {
        CHECK(name == twenty_digits(base));
        REQUIRE(bytes.size() == log_file_bytes);
        std::size_t at = 0;
        bool blank = false;
        while (!blank && number<std::int32_t>(bytes, at) != 0) {
            if (number<std::uint32_t>(bytes, at + 4) == 0xCBD43194U) {
                CHECK(number<std::uint32_t>(bytes, at) == log_file_bytes - at);
                blank = true;
                at += 8;
            } else {
                out.push_back(record_at(bytes, at, base));
                at += static_cast<std::size_t>(out.back().bytes);
            }
        }
        CHECK(is_zero(bytes, at));
        // Only the last file may be open, and it holds a record: none has been made for later.
        CHECK(blank == (name != files.rbegin()->first));
        CHECK(at > 0);
        base += log_file_bytes;
    }
    return out;
}

struct Written {
    Folder folder;
    std::vector<Record> log;

    Written() {
        Options options = small(folder.path());
        options.batch_topics = {"Packed"};
        options.index_entries = 60;
        const auto store = open(options);
        for (int i = 0; i < 150; ++i) {
            append(*store, "T", i % 3, "body " + std::to_string(i), "tag");
            append(*store, "Packed", 0, "single");
            append_keyed(*store, i);
        }
        REQUIRE(store->close().has_value());
        log = read_log(folder.path() / "commitlog");
    }
    static void append_keyed(Store& store, int number) {
        message::Draft draft;
        draft.topic = "Packed";
        draft.sys_flag = message::sys_flag::inner_batch | message::sys_flag::need_unwrap;
        draft.body = "three messages, were it not for this text";
        draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
        std::string properties;
        message::append_property(properties, message::property::uniq_key, std::to_string(number));
        message::append_inner_batch(properties, 3);
        draft.properties = properties;
        Buffer record;
        message::encode(draft, record);
        Append unit;
        unit.queue = store.queue("Packed", 0);
        unit.records = record.bytes();
        store.append({&unit, 1});
        REQUIRE(unit.stored);
    }
};

/// The units of a queue's files; behind them only zeros, and no file without a unit.
std::vector<std::string> units_of(const fs::path& dir, std::size_t unit_bytes,
                                  std::size_t file_bytes) {
    std::vector<std::string> out;
    const auto files = files_of(dir);
    std::int64_t base = 0;
    for (const auto& [name, bytes] : files) {
        CHECK(name == twenty_digits(base));
        REQUIRE(bytes.size() == file_bytes);
        std::size_t at = 0;
        while (at < bytes.size() && number<std::int32_t>(bytes, at + 8) != 0) {
            out.push_back(bytes.substr(at, unit_bytes));
            at += unit_bytes;
        }
        CHECK(at > 0);
        CHECK(is_zero(bytes, at));
        CHECK((at == bytes.size() || name == files.rbegin()->first));
        base += static_cast<std::int64_t>(file_bytes);
    }
    return out;
}

}  // namespace

TEST_CASE_FIXTURE(Written,
                  "handing over: no abort, and the log ends in zeros without a spare file") {
    CHECK_FALSE(fs::exists(folder.path() / "abort"));
    CHECK(log.size() == 450);
    CHECK(files_of(folder.path() / "commitlog").size() > 10);
    CHECK(content(folder.path() / "lock") == "lock");
    for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
        CHECK((entry.is_directory() || entry.file_size() > 0));
}

TEST_CASE_FIXTURE(Written, "handing over: offsets are dense, and store times go one way") {
    std::map<std::string, std::int64_t> next;
    std::int64_t ts_ms = 0;
    for (const auto& record : log) {
        CHECK(record.offset == next[record.queue]);
        next[record.queue] += record.messages;
        CHECK(record.store_ts_ms >= ts_ms);
        ts_ms = record.store_ts_ms;
    }
    CHECK(next["T/0"] == 50);
    CHECK(next["Packed/0"] == 600);
}

TEST_CASE_FIXTURE(Written, "handing over: every record is dispatched, once and in order") {
    std::map<std::string, std::vector<Record>> queues;
    for (const auto& record : log) queues[record.queue].push_back(record);
    for (const auto& [queue, records] : queues) {
        CAPTURE(queue);
        const bool packed = queue == "Packed/0";
        const auto units = packed ? units_of(folder.path() / "batchconsumequeue" / queue, 46, 460)
                                  : units_of(folder.path() / "consumequeue" / queue, 20, 200);
        REQUIRE(units.size() == records.size());
        for (std::size_t i = 0; i < units.size(); ++i) {
            CHECK(number<std::int64_t>(units[i], 0) == records[i].at);
            CHECK(number<std::int32_t>(units[i], 8) == records[i].bytes);
            CHECK(number<std::int64_t>(units[i], 12) == (packed ? 0 : 114'586));  // jhash("tag")
            if (!packed) continue;
            CHECK(number<std::int64_t>(units[i], 20) == records[i].store_ts_ms);
            CHECK(number<std::int64_t>(units[i], 28) == records[i].offset);
            CHECK(number<std::int16_t>(units[i], 36) == records[i].messages);
            CHECK(number<std::int32_t>(units[i], 38) == -1);
            CHECK(number<std::int32_t>(units[i], 42) == 0);
        }
    }
    CHECK_FALSE(fs::exists(folder.path() / "consumequeue" / "Packed"));
}

TEST_CASE_FIXTURE(Written, "handing over: the checkpoint says no more than what is there") {
    const auto checkpoint = content(folder.path() / "checkpoint");
    REQUIRE(checkpoint.size() == 4096);
    CHECK(number<std::int64_t>(checkpoint, 0) == log.back().store_ts_ms);
    CHECK(number<std::int64_t>(checkpoint, 8) == log.back().store_ts_ms);
    CHECK(is_zero(checkpoint, 24));

    std::int64_t full_end_ms = 0;
    const auto index = files_of(folder.path() / "index");
    REQUIRE(index.size() == 3);  // 150 keys, 59 a file
    std::int64_t before = 0;
    for (const auto& [name, bytes] : index) {
        CHECK(name.size() == 17);
        REQUIRE(bytes.size() == 40 + 4 * 100 + 20 * 60);
        const auto end_ms = number<std::int64_t>(bytes, 8);
        CHECK(number<std::int64_t>(bytes, 0) <= end_ms);
        CHECK(number<std::int64_t>(bytes, 16) >= before);
        before = number<std::int64_t>(bytes, 24);
        const auto next = number<std::int32_t>(bytes, 36);
        if (next == 60) full_end_ms = end_ms;
        CHECK(is_zero(bytes, 40 + 4 * 100 + 20 * static_cast<std::size_t>(next)));
    }
    CHECK(number<std::int64_t>(checkpoint, 16) == full_end_ms);
    CHECK(full_end_ms > 0);
}

}  // namespace mqd::store::test
