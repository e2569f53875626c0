#pragma once
// What the store's tests share: a folder of their own, records to append, reads to the end.

#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "message/properties.h"
#include "store/store.h"

namespace mqd::store::test {

namespace fs = std::filesystem;

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "mqd-store-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

inline Options small(const fs::path& root) {
    Options options;
    options.root = root;
    options.commit_log_file_bytes = 4096;
    options.consume_queue_file_bytes = 200;
    options.batch_queue_file_bytes = 460;
    options.index_slots = 100;
    options.index_entries = 200;
    options.disk_full_percent = 100;  // however full the machine's is
    options.retention.hours = {};
    options.retention.begin_percent = options.retention.force_percent = 100;
    return options;
}

/// A crash in these tests is a power cut if not said otherwise: no milestone is believed.
inline void cut_power(const fs::path& root) {
    fs::remove(root / "mqd-milestone");
}

inline std::unique_ptr<Store> open(const Options& options, Files& files = posix_files(),
                                   const Clock& clock = system_clock()) {
    if (&files == &posix_files()) cut_power(options.root);
    auto store = Store::open(files, clock, options);
    INFO((store ? std::string() : store.error().what));
    REQUIRE(store.has_value());
    return std::move(*store);
}

inline void encode(Buffer& out, std::string_view topic, std::int32_t queue, std::string_view body,
                   std::string_view tag = {}) {
    message::Draft draft;
    draft.topic = topic;
    draft.queue_id = queue;
    draft.body = body;
    draft.born_host = *message::Host::make("127.0.0.1", 1);
    draft.store_host = *message::Host::make("127.0.0.1", 2);
    std::string properties;
    if (!tag.empty()) message::append_property(properties, message::property::tags, tag);
    draft.properties = properties;
    message::encode(draft, out);
}

/// Appends one message and gives the unit as the store has filled it in.
inline Append append(Store& store, std::string_view topic, std::int32_t queue,
                     std::string_view body, std::string_view tag = {}) {
    Buffer record;
    encode(record, topic, queue, body, tag);
    Append unit;
    unit.queue = store.queue(topic, queue);
    unit.records = record.bytes();
    store.append({&unit, 1});
    unit.records = {};
    return unit;
}

template <class Condition>
bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

inline void wait_dispatched(const Store& store) {
    REQUIRE(eventually([&] { return store.dispatched() == store.end(); }));
}

/// The bodies from `from` to the queue's end; every record must be where and what it says.
inline std::vector<std::string> bodies(const Store& store, Queue& queue, std::int64_t from = 0,
                                       const ReadFilter* filter = nullptr) {
    std::vector<std::string> out;
    QueueOffset next{from};
    for (;;) {
        const auto result = store.read(queue, next, {}, filter);
        if (result.next == next) return out;
        next = result.next;
        for (const auto& slice : result.slices) {
            Bytes rest = slice.bytes;
            while (!rest.empty()) {
                const auto record = message::RecordView::parse(rest);
                REQUIRE(record.has_value());
                CHECK(record->topic == queue.topic());
                CHECK(record->queue_id == queue.id());
                CHECK(record->body_crc_ok());
                out.emplace_back(record->body);
                rest = rest.subspan(record->bytes.size());
            }
        }
    }
}

inline std::vector<std::string> numbered(std::string_view word, int first, int last) {
    std::vector<std::string> out;
    for (int i = first; i < last; ++i) out.push_back(std::string(word) + std::to_string(i));
    return out;
}

/// The folder of a store that is open. Its housekeeper may rename a file meanwhile: then once more.
inline void copy_live(const fs::path& from, const fs::path& to) {
    std::error_code code;
    for (int round = 0; round < 100; ++round) {
        fs::remove_all(to);
        fs::copy(from, to, fs::copy_options::recursive, code);
        if (code != std::errc::no_such_file_or_directory) break;
    }
    REQUIRE_FALSE(code);
}

}  // namespace mqd::store::test
