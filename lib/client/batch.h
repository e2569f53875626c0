#pragma once
// Messages on their way to one queue: one request frame, its body written item by item straight
// after the header (mqd-remoting(7), BATCH BODIES).
//
// Threads: one at a time.
// Owner:   the Producer.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "client/queues.h"
#include "message/id.h"
#include "message/record.h"
#include "wire/command.h"

namespace mqd::client {

struct Message {
    std::string_view topic;
    std::string_view body;
    std::string_view properties;  ///< as stored, without UNIQ_KEY
    std::int32_t flag = 0;
    std::int32_t sys_flag = 0;  ///< of a compressed body
    std::string_view shard;     ///< one value, one queue
    bool alone = false;         ///< brokers take it in no batch: a delayed one
    std::optional<std::int32_t> queue = std::nullopt;  ///< only queues of that number
    std::string_view unique_key = {};                  ///< empty: it gets a new one
    std::int64_t born_ms = 0;                          ///< since the epoch; 0: now
    std::uint64_t ordinal = 0;                         ///< comes back in Settled
};

/// The constant parts of a send header.
struct Envelope {
    std::string_view producer_group;
    wire::Encoding encoding = wire::Encoding::json;
    bool oneway = false;
};

class Batch {
public:
    Batch(const Envelope& envelope, Queue queue, std::int32_t sys_flag, std::int64_t born_ms,
          std::int32_t opaque);

    static std::size_t item_bytes(const Message& message);
    void add(const Message& message, message::UniqueKeys& keys);

    std::size_t body_bytes() const { return frame_.size() - body_begin_; }
    std::uint32_t count() const { return count_; }
    std::uint64_t payload_bytes() const { return payload_bytes_; }
    /// Of the body of request(): what a broker's limit is held against.
    std::size_t request_bytes() const {
        return count_ == 1 && is_single() ? payload_bytes_ : body_bytes();
    }
    const Queue& queue() const { return queue_; }
    bool is_alone() const { return is_alone_; }
    bool is_oneway() const { return envelope_.oneway; }
    std::int32_t opaque() const { return opaque_; }

    /// The request as it goes out. A single message becomes a request of its own kind, as other
    /// clients send it, where it can: such a header has no place for properties that are not
    /// UTF-8, and official brokers stumble over an empty body. One that must be alone always does.
    /// With `last`, nothing is left here of a batch and it costs no copy.
    Buffer request(bool last);
    /// The same messages, ids too, in batches of up to that size; what is longer is alone.
    /// `opaques` numbers them. Before request(true).
    std::vector<std::unique_ptr<Batch>> split(std::size_t body_bytes_max,
                                              const std::function<std::int32_t()>& opaques) const;
    /// The same messages, ids too, to another queue or once more.
    void readdress(Queue queue, std::int32_t opaque);

    /// Calls `take(id, body)` for each message, in order.
    template <class Take>
    void for_each(Take take) const {
        message::BatchReader items(frame_.bytes().subspan(body_begin_));
        while (!items.at_end()) {
            const auto item = items.next();
            check(item.has_value());
            take(item->properties.substr(key_prefix.size(), message::UniqueKeys::length),
                 item->body);
        }
    }

    // The Producer's notes.
    std::vector<std::uint64_t> ordinals;  ///< where Producer::Options wants them
    std::vector<std::string> refused_by;  ///< brokers that will say no each time
    bool is_refused_by(std::string_view broker) const {
        return std::find(refused_by.begin(), refused_by.end(), broker) != refused_by.end();
    }
    std::int64_t opened_ms = 0;
    std::int64_t deadline_ms = 0;
    std::int64_t retry_at_ms = 0;
    std::uint64_t disconnects_before = 0;
    std::size_t lane = 0;
    int attempts = 0;
    int unreached = 0;  ///< of these, that never left this machine
    int busy_answers = 0;
    bool may_be_stored = false;
    bool was_connected = false;
    bool is_flying = false;   ///< sent, not answered
    bool is_waiting = false;  ///< for retry_at_ms

private:
    static constexpr std::string_view key_prefix = "UNIQ_KEY\x01";
    static constexpr std::size_t key_bytes = key_prefix.size() + message::UniqueKeys::length + 1;

    void begin_frame(Buffer& out) const;
    void add_item(std::string_view item);
    bool is_single() const;
    void append_single(Buffer& out) const;

    Envelope envelope_;
    Queue queue_;
    std::int32_t sys_flag_;
    std::int32_t opaque_;
    std::int64_t born_ms_;
    Buffer frame_;
    std::size_t body_begin_ = 0;
    std::uint32_t count_ = 0;
    std::uint64_t payload_bytes_ = 0;
    bool is_stale_ = false;  // frame_'s header is not this address's
    bool is_alone_ = false;
};

}  // namespace mqd::client
