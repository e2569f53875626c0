#pragma once
// The handle by which a producer calls a timer message back (mqd-remoting(7), SENDING and DELAYED
// MESSAGES): base64url of `v1 TOPIC BROKER DELIVER_MS UNIQ_KEY`, where the time is one more than
// the message's, since the reference floors it again.
//
// Threads: a value.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::front::rocketmq {

struct RecallHandle {
    std::string topic, broker;
    std::int64_t out_ms = 0;
    std::string unique_key;

    std::string text() const;
    /// invalid
    static Result<RecallHandle> parse(std::string_view text);
};

}  // namespace mqd::front::rocketmq
