#pragma once
// Namespaces of keys and values that operators put into the name server, kept in kvConfig.json as
// RocketMQ writes it: {"configTable":{"NS":{"key":"value"}}} (mqd-store(5), OTHER TABLES).
//
// Threads: any; the lock is not held while the file is written.
// Owner:   Namesrv.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"

namespace mqd::namesrv {

/// The namespace with `broker-a:4;broker-b:4` for topics whose messages are ordered.
inline constexpr std::string_view order_topic_config = "ORDER_TOPIC_CONFIG";

class KvConfig {
public:
    using Table = std::map<std::string, std::string, std::less<>>;

    /// A file that is not there is an empty table. corrupt: there is something else in it. io
    static Result<std::unique_ptr<KvConfig>> open(std::filesystem::path path);

    std::optional<std::string> get(std::string_view name_space, std::string_view key) const;
    std::optional<Table> list(std::string_view name_space) const;

    // On disk when they return. io, refused: the table has changed, the file has not.
    Result<> put(std::string_view name_space, std::string_view key, std::string_view value);
    Result<> remove(std::string_view name_space, std::string_view key);

private:
    explicit KvConfig(std::filesystem::path path) : path_(std::move(path)) {}
    Result<> save();

    const std::filesystem::path path_;
    mutable Mutex mutex_;
    Condition saved_;
    std::map<std::string, Table, std::less<>> spaces_ GUARDED_BY(mutex_);
    std::uint64_t changes_ GUARDED_BY(mutex_) = 0;        // so many puts and removes
    std::uint64_t changes_saved_ GUARDED_BY(mutex_) = 0;  // so many of them are in the file
    bool is_saving_ GUARDED_BY(mutex_) = false;
};

}  // namespace mqd::namesrv
