#pragma once
// A message that an administrator sends: by hand, or to see how long a broker takes.
//
// Threads: the tool's one thread.

#include <string>
#include <string_view>

#include "../admin.h"
#include "client/queues.h"
#include "json/value.h"

namespace mqd::admin {

struct Outgoing {
    std::string topic, body, keys, tags;
    std::string properties;  ///< more of them, as records have them
    std::string group = "ProducerGroupName";
};

struct SendResult {
    std::string status;  ///< SEND_OK, FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT, SLAVE_NOT_AVAILABLE
    std::string id, offset_id, transaction_id;
    std::int32_t queue = 0;
    std::int64_t offset = 0;
    std::int64_t ms = 0;
};

/// To that queue; -1: the broker picks one. Errors as Admin::call().
Result<SendResult> send_to(Admin& admin, const client::Queue& queue, const Outgoing& message);

json::Value object_of(const client::Queue& queue, const SendResult& sent);

/// The queues of a topic that may be written to, those of `broker` alone where it is named.
Result<std::vector<client::Queue>> writeable_queues(Admin& admin, const std::string& topic,
                                                    const std::string& broker = {});

/// A body of that many bytes.
std::string probe_body(std::int64_t bytes);

}  // namespace mqd::admin
