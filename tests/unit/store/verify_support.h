#pragma once
// What the tests of verify and repair share.

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "store/check/verify.h"
#include "support.h"

namespace mqd::store::test {

/// What verify() says about the store, a line each.
inline std::vector<std::string> findings(const fs::path& root, bool deep = false) {
    std::vector<std::string> out;
    VerifyOptions options;
    options.deep = deep;
    options.threads = 1;
    const auto report =
        verify(root, options, [&](const Finding& finding) { out.push_back(finding.to_string()); });
    INFO((report ? std::string() : report.error().what));
    REQUIRE(report.has_value());
    CHECK(report->findings == static_cast<std::int64_t>(out.size()));
    return out;
}

/// Its wall clock makes a step of ten seconds and a bit whenever it is looked at, so that no
/// flipped bit turns one message's time into another's.
class SteppingClock final : public Clock {
public:
    std::int64_t wall_ms() const override { return now_ms_ += 10'007; }
    std::int64_t monotonic_ms() const override { return system_clock().monotonic_ms(); }

private:
    mutable std::atomic<std::int64_t> now_ms_ = 1'790'000'000'000;
};

/// A cleanly stopped store of `count` messages with keys and tags, in two queues of topic T;
/// `sums`: with a CRC of their own.
inline void make_store(const Options& options, int count, bool sums) {
    const SteppingClock clock;
    const auto store = open(options, posix_files(), clock);
    for (int i = 0; i < count; ++i) {
        message::Draft draft;
        draft.topic = "T";
        draft.queue_id = i % 2;
        const auto body = fmt::format("the body of message {}", i);
        draft.body = body;
        draft.born_ts_ms = 1'700'000'000'000 + i;
        draft.born_host = *message::Host::make("127.0.0.1", 1);
        draft.store_host = *message::Host::make("127.0.0.1", 2);
        std::string properties;
        message::append_property(properties, message::property::uniq_key, fmt::format("id{}", i));
        message::append_property(properties, message::property::tags, fmt::format("tag{}", i % 3));
        message::append_property(properties, message::property::keys, fmt::format("k{} all", i));
        message::append_property(properties, "extra", "value");
        draft.properties = properties;
        draft.append_crc = sums;
        Buffer record;
        message::encode(draft, record);
        Append unit;
        unit.queue = store->queue("T", draft.queue_id);
        unit.records = record.bytes();
        store->append({&unit, 1});
        REQUIRE(unit.stored);
    }
    REQUIRE(store->close().has_value());
}

inline std::vector<std::string> file_names(const fs::path& dir) {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir))
        if (entry.is_regular_file()) out.push_back(entry.path().filename().string());
    std::ranges::sort(out);
    REQUIRE(!out.empty());
    return out;
}
inline fs::path first_file(const fs::path& root, const char* dir) {
    return fs::path(dir) / file_names(root / dir).front();
}
inline fs::path last_file(const fs::path& root, const char* dir) {
    return fs::path(dir) / file_names(root / dir).back();
}

inline std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file.good());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void put(const fs::path& path, std::int64_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
}

/// Every file with its bytes and its time.
inline std::map<std::string, std::pair<std::string, fs::file_time_type>> state_of(
    const fs::path& root) {
    std::map<std::string, std::pair<std::string, fs::file_time_type>> out;
    for (const auto& entry : fs::recursive_directory_iterator(root))
        out[entry.path().string()] = {entry.is_regular_file() ? contents(entry.path()) : "",
                                      fs::last_write_time(entry.path())};
    return out;
}

inline constexpr const char* sample_archive = "rocketmq-5.3.3-store.tar.gz";
inline constexpr const char* sample_extras = "rocketmq-5.3.3-store-extras.tar.gz";

/// Where RocketMQ's own stores lie, see sample_test.cpp; empty: nowhere.
inline fs::path sample_dir() {
    if (const char* named = ::getenv("MQD_SAMPLE_DIR")) return named;
    for (fs::path dir = fs::path(__FILE__).is_absolute() ? fs::path(__FILE__)
                                                         : fs::absolute(__FILE__);
         dir.has_relative_path(); dir = dir.parent_path())
        if (fs::exists(dir / "shared" / "data" / sample_archive)) return dir / "shared" / "data";
    return {};
}

inline bool unpack(const fs::path& from, const fs::path& into) {
    const auto command =
        fmt::format("tar xzf '{}' -C '{}' --strip-components=1", from.string(), into.string());
    return ::system(command.c_str()) == 0;
}

}  // namespace mqd::store::test
