#pragma once
// What the broker's tables share: the data version that name servers and slaves compare, their
// JSON file in R/config, and look-up by string_view (mqd-store(5), TABLES).
//
// Threads: value types and functions; the table's owner guards them.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/by_name.h"
#include "base/result.h"
#include "json/value.h"
#include "store/table/config_file.h"
#include "store/files.h"

namespace mqd::broker {

struct DataVersion {
    std::int64_t state_version = 0;
    std::int64_t timestamp_ms = 0;
    std::int64_t counter = 0;

    void advance(std::int64_t now_ms);
    json::Value to_json() const;
    static DataVersion from_json(const json::Value& value);
    bool operator==(const DataVersion&) const = default;
};

/// Hands the file's content to `take`, or that of its .bak where `take` refuses the file's, as
/// store::load_config; so it takes all or nothing. Nothing is handed over when there is no file.
/// corrupt: both were refused; io.
Result<> load_table(store::Files& files, const std::filesystem::path& path,
                    const std::function<Result<>(json::Value content)>& take);
Result<> save_table(store::Files& files, const std::filesystem::path& path,
                    const json::Value& content, store::Spare spare = store::Spare::previous);
/// save_table() where `dirty` says so. It is cleared before `content` is asked for, so a change
/// in the meantime is saved next time, and set again when the save fails.
Result<> save_if_dirty(std::atomic<bool>& dirty, store::Files& files,
                       const std::filesystem::path& path,
                       const std::function<json::Value()>& content,
                       store::Spare spare = store::Spare::previous);

/// The member's own members; none when it is absent. corrupt: it is no object.
Result<std::span<const json::Value::Member>> table_in(const json::Value& content,
                                                      std::string_view name);

/// Members of `object` that are none of `known`: kept for the next save.
json::Value unknown_members(const json::Value& object,
                            std::initializer_list<std::string_view> known);

}  // namespace mqd::broker
