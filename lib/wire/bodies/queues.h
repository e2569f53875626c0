#pragma once
// Queues: as members, as the object keys that fastjson writes (mqd-remoting(7), JSON DIALECT), and
// in LOCK_BATCH_MQ 41 and UNLOCK_BATCH_MQ 42 (mqd-remoting(7), QUEUE LOCKS).

#include "wire/bodies/body.h"

namespace mqd::wire {

struct MessageQueue {
    std::string broker_name;
    std::int32_t queue_id = 0;
    std::string topic;

    auto operator<=>(const MessageQueue&) const = default;

    static MessageQueue from(const json::Value& value);
    /// Of an object key, which json::parse() has left as its text. invalid: it was none.
    static Result<MessageQueue> read(std::string_view key);
    void write(json::Writer& out) const;
};

/// Of 41 and 42.
struct LockBatchBody {
    std::string client_id;
    std::string consumer_group;
    std::vector<MessageQueue> queues;
    bool only_this_broker = false;

    static LockBatchBody from(const json::Value& value);
    static Result<LockBatchBody> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// Answers 41: which of the asked ones the client holds now.
struct LockBatchAnswer {
    std::vector<MessageQueue> queues;

    static LockBatchAnswer from(const json::Value& value);
    static Result<LockBatchAnswer> read(std::string_view body);
    void write(json::Writer& out) const;
};

namespace detail {

/// `{{queue}:T,...}`; what has no queue as its key is left out.
template <class T>
std::vector<std::pair<MessageQueue, T>> queue_table_of(const json::Value& value) {
    std::vector<std::pair<MessageQueue, T>> table;
    for (const auto& [key, item] : value.members())
        if (auto queue = MessageQueue::read(key))
            table.emplace_back(std::move(*queue), T::from(item));
    return table;
}

template <class T>
void write_queue_table(json::Writer& out, const std::vector<std::pair<MessageQueue, T>>& table) {
    out.begin_object();
    for (const auto& [queue, item] : table) {
        out.raw_key(to_body(queue));
        item.write(out);
    }
    out.end_object();
}

}  // namespace detail
}  // namespace mqd::wire
