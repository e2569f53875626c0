#pragma once
// How many half messages are open for each topic, R/config/transactionMetrics (mqd-store(5), OTHER
// TABLES).
//
// Threads: any.
// Owner:   Transactions.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/settings.h"
#include "broker/table_file.h"

namespace mqd::broker {

class TransactionCounts {
public:
    TransactionCounts(store::Files& files, const Clock& clock, const Settings& settings);
    /// Goes on with the file's version; its counts are not taken over, the log knows better.
    /// corrupt, io: the file.
    Result<> open(const std::map<std::string, std::int64_t>& counts);

    void add(std::string_view topic, std::int64_t n);
    std::map<std::string, std::int64_t> all() const;
    /// Writes the file if something changed since the last time. Called by one thread.
    Result<> save();

private:
    struct Count {
        std::int64_t open = 0, changed_ms = 0;
    };
    void take_over(const DataVersion& version, std::span<const json::Value::Member> saved);
    json::Value to_json() const;

    store::Files& files_;
    const Clock& clock_;
    const std::filesystem::path path_;

    mutable Mutex mutex_;
    std::map<std::string, Count, std::less<>> counts_ GUARDED_BY(mutex_);
    DataVersion data_version_ GUARDED_BY(mutex_);
    bool dirty_ GUARDED_BY(mutex_) = false;
};

}  // namespace mqd::broker
