#pragma once
// Which topics have been deleted, and where the log stood then: their records stay in the log
// until it expires, and no recovery may bring them back, least of all into a new topic of that
// name. R/config/deletedTopics.json, `{"deletedTopics":{"T":4711}}`; RocketMQ passes it over.
//
// Threads: one at a time.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "store/files.h"

namespace mqd::store {

class DeletedTopics {
public:
    /// Records of the topic that lie before its offset are not its.
    using Map = std::map<std::string, std::int64_t, std::less<>>;

    /// Without a readable file there are none.
    static DeletedTopics load(Files& files, const std::filesystem::path& path);

    const Map& map() const { return map_; }
    /// Adds it, drops those whose records have expired before `log_begin`, and saves. After an
    /// error it is not added.
    Result<> add(Files& files, std::string_view topic, std::int64_t log_end,
                 std::int64_t log_begin);

    /// The log has lost what lay after `log_end`, and new records will lie there. Saves if that
    /// concerns any topic.
    Result<> recovered(Files& files, std::int64_t log_end);

private:
    Result<> save(Files& files) const;

    std::filesystem::path path_;
    Map map_;
};

}  // namespace mqd::store
