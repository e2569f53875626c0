#pragma once
// Trace messages as RocketMQ's clients write them: records that end with 0x02, of fields with 0x01
// between (mqd-remoting(7) does not need them; the form is RocketMQ's TraceDataEncoder).
//
// Threads: value types and pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace mqd::admin {

struct Trace {
    std::string type;  ///< Pub, SubBefore, SubAfter, EndTransaction
    std::string group, client_host, topic, id, tags, keys;
    std::string request;  ///< joins SubBefore and SubAfter
    std::string transaction_state;
    std::int64_t time_ms = 0;
    std::int64_t cost_ms = -1;  ///< below 0: not said
    std::int64_t retry_times = 0;
    bool has_outcome = false;
    bool is_success = false;

    json::Value object() const;
};

/// The records of a trace message's body. What is malformed or of another type is left out.
std::vector<Trace> traces_in(std::string_view body);

}  // namespace mqd::admin
