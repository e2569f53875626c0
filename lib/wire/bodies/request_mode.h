#pragma once
// SET_MESSAGE_REQUEST_MODE 401 (mqd-remoting(7), GROUPS): whether a group's members pull a topic's
// queues or pop messages from them.

#include "wire/bodies/body.h"

namespace mqd::wire {

struct RequestMode {
    std::string topic;
    std::string consumer_group;
    bool pops = false;
    std::int32_t pop_share_queues = 0;  ///< members that share a queue; 0: all of them

    static RequestMode from(const json::Value& value);
    static Result<RequestMode> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
