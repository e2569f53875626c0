#pragma once
// The sends of one read, on their way into the store together: one append, one write of answers.
//
// Threads: one; each I/O thread has its own.
// Owner:   Worker.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "broker/traffic.h"
#include "front/rocketmq/late_answers.h"
#include "message/record.h"
#include "remoting/session.h"
#include "store/store.h"

namespace mqd::front::rocketmq {

class Service;

class SendBatch {
public:
    SendBatch(Service& service, broker::TrafficCache& traffic)
        : service_(service), traffic_(traffic) {}

    /// Where message::encode() puts the records of the next add().
    Buffer& records() { return records_; }

    struct Send {
        store::Queue* queue = nullptr;
        std::size_t records_begin = 0;  ///< size of records() before they were encoded
        std::uint32_t count = 1;
        std::string_view unique_key;  ///< of the answer's transactionId
        bool waits = false;           ///< for disk and replicas, as the configuration has it
        std::int32_t queue_id = 0;  ///< of the answer: a delayed message's own, not where it waits
        bool inner_batch = false;   ///< one record for a whole batch
        std::string_view recall_handle = {};
    };
    void add(const wire::Command& request, const Send& send);

    /// Stores what was added and answers it, or has it answered when it is on disk or replicated.
    void flush(remoting::Session& session);
    bool is_large() const { return records_.size() > bytes_max; }

    /// One-way messages are not stored: the log has a line of it, at most one a second, and the
    /// connection counts them for whoever asks behind them.
    void lost(const remoting::Session& session, std::uint32_t count, std::string_view topic,
              std::string_view reason);
    /// What no line has told of yet.
    void log_lost();

private:
    static constexpr std::size_t bytes_max = 1 << 20;
    struct Pending {
        std::int32_t opaque = 0;
        wire::Encoding encoding = wire::Encoding::json;
        bool oneway = false;
        bool waits = false;
        std::size_t records_begin = 0, records_end = 0;
        std::size_t key_begin = 0, key_end = 0, handle_end = 0;  // in keys_
        std::int32_t queue_id = 0;
        bool inner_batch = false;
    };
    void answer(remoting::Session& session, remoting::Ticket& ticket, const Pending& pending,
                const store::Append& unit, std::int32_t code);
    std::string_view offset_ids(const store::Append& unit);
    std::string_view key_of(const Pending& is) const;
    std::string_view handle_of(const Pending& is) const;

    Service& service_;
    broker::TrafficCache& traffic_;
    Buffer records_;
    std::string keys_;  // each with its recall handle behind it
    std::vector<Pending> pending_;
    std::vector<store::Append> units_;
    std::vector<LateAnswers::Answer> late_;
    std::string ids_;
    struct Lost {
        std::int64_t count = 0;             // since the last line
        std::string topic, client, reason;  // of the last one
        std::int64_t logged_ms = 0;
    } lost_;
};

}  // namespace mqd::front::rocketmq
