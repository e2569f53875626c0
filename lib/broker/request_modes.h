#pragma once
// Whether a group's members pull a topic's queues or pop messages from them,
// R/config/messageRequestMode.json (mqd-store(5), OTHER TABLES). What nobody has set is pulled.
//
// Threads: any.
// Owner:   Broker.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "broker/table_file.h"

namespace mqd::broker {

struct RequestMode {
    bool pops = false;
    std::int32_t share_queues = 0;  ///< of a group that pops: members that share a queue

    bool operator==(const RequestMode&) const = default;
};

class RequestModes {
public:
    /// corrupt, io: the file, or `config_dir`, cannot be read.
    static Result<std::unique_ptr<RequestModes>> open(store::Files& files,
                                                      const std::filesystem::path& config_dir);

    void set(std::string_view topic, std::string_view group, const RequestMode& mode);
    RequestMode find(std::string_view topic, std::string_view group) const;
    /// As the file has it.
    json::Value to_json() const;

    /// Writes the file if something changed since the last time. Called by one thread.
    Result<> save();

private:
    RequestModes(store::Files& files, std::filesystem::path path);
    Result<> take(const json::Value& content);

    store::Files& files_;
    const std::filesystem::path path_;

    mutable Mutex mutex_;
    ByName<ByName<RequestMode>> topics_ GUARDED_BY(mutex_);  // topic -> group
    std::atomic<bool> dirty_ = false;                        ///< set with the change, under mutex_
};

}  // namespace mqd::broker
