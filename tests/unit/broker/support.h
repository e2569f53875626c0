#pragma once
// What the broker's tests share: a folder, a clock that moves when told, a queue without a store.

#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "broker/settings.h"
#include "store/store.h"

namespace mqd::test {

struct Folder {
    std::filesystem::path path;
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "mqd-broker-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

struct ManualClock final : Clock {
    std::atomic<std::int64_t> now_ms = 1'000'000;  ///< the store's threads read it too
    std::atomic<std::int64_t> ahead_ms = 0;        ///< the wall clock, of what it was
    std::int64_t wall_ms() const override { return now_ms + ahead_ms; }
    std::int64_t monotonic_ms() const override { return now_ms; }
};

struct FakeQueue final : store::Queue {
    std::string name = "T";
    QueueOffset end;
    const std::string& topic() const override { return name; }
    std::int32_t number = 0;
    std::int32_t id() const override { return number; }
    QueueOffset min() const override { return {}; }
    QueueOffset max() const override { return end; }
    bool usable() const override { return true; }
    bool is_deleted = false;
    bool deleted() const override { return is_deleted; }
    std::int64_t since() const override { return 0; }
};

inline broker::Settings settings_in(const Folder& folder) {
    broker::Settings settings;
    settings.store.root = folder.path / "store";
    settings.identity.name = "b";
    settings.store.commit_log_file_bytes = 8 << 20;
    return settings;
}

struct OpenStore {
    std::unique_ptr<store::Store> is;
    explicit OpenStore(const broker::Settings& settings) {
        auto opened =
            store::Store::open(store::posix_files(), system_clock(), settings.store_options());
        REQUIRE(opened);
        is = std::move(*opened);
    }
    ~OpenStore() { CHECK(is->close()); }
};

}  // namespace mqd::test
