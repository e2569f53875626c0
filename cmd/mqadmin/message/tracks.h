#pragma once
// Which groups of a topic have consumed a message (RocketMQ's MessageTrack).
//
// Threads: the tool's one thread.

#include <string>
#include <vector>

#include "../admin.h"
#include "found.h"
#include "json/value.h"

namespace mqd::admin {

struct Track {
    std::string group;
    std::string type;  ///< CONSUMED, CONSUMED_BUT_FILTERED, PULL, NOT_CONSUME_YET, NOT_ONLINE,
                       ///< CONSUME_BROADCASTING, UNKNOWN
    std::string reason;
};

/// Of each group that has an offset of the topic, on the broker that has the message.
Result<std::vector<Track>> tracks_of(Admin& admin, const Found& found, const std::string& address);

json::Value tracks_value(const std::vector<Track>& tracks);
std::vector<std::vector<std::string>> tracks_lines(const std::vector<Track>& tracks);

}  // namespace mqd::admin
