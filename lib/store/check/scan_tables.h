#pragma once
// The tables in R/config from the outside: topics, committed offsets, delay offsets (mqd-store(5),
// TABLES). Each is read from its file, else from the .bak beside it, which goes to `say`: a line
// for a person. Nothing is changed.
//
// Threads: one at a time.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mqd::store {

using SayLine = std::function<void(std::string_view)>;

struct StoredTopic {
    std::string name;
    std::int32_t read_queues = 0;
    std::int32_t write_queues = 0;
    std::int32_t perm = 0;
    std::int32_t sys_flag = 0;
    bool order = false;
    std::string filter_type;
    std::vector<std::pair<std::string, std::string>> attributes;
};

/// By name; without a file there are none. corrupt: neither file nor .bak can be read. refused:
/// it may not be read. io
Result<std::vector<StoredTopic>> scan_topics(const std::filesystem::path& store,
                                             const SayLine& say = nullptr);

/// What a group has consumed of a queue: everything below `next`.
struct CommittedOffset {
    std::string group;
    std::string topic;
    std::int32_t queue = 0;
    std::int64_t next = 0;
};

/// By group, topic and queue, those of light queues (lmqConsumerOffset.json) among them. As above.
Result<std::vector<CommittedOffset>> scan_offsets(const std::filesystem::path& store,
                                                  const SayLine& say = nullptr);

/// How far each delay level has been delivered, as offset in its queue. As above.
Result<std::map<std::int32_t, std::int64_t>> scan_delay_offsets(const std::filesystem::path& store);

}  // namespace mqd::store
