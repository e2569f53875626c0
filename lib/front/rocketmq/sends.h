#pragma once
// The sends of one read: the broker's intake takes them, and they are answered when they are
// stored or, as the configuration has it, safe.
//
// Threads: one; each I/O thread has its own.
// Owner:   Worker.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/intake.h"
#include "remoting/session.h"

namespace mqd::front::rocketmq {

class Service;

class Sends final : private broker::Publisher {
public:
    Sends(Service& service, broker::TopicCache& topics, broker::TrafficCache& traffic);

    /// Publications carry token_of() the request they come with.
    broker::Intake& intake() { return intake_; }
    static std::uint64_t token_of(const wire::Command& request);

    /// Stores what was taken in, and answers it or has it answered.
    void flush(remoting::Session& session);

    /// One-way messages are not stored: the log has a line of it, at most one a second, and the
    /// connection counts them for the client that asks for the number later.
    void lost(const remoting::Session& session, std::uint32_t count, std::string_view topic,
              std::string_view reason);
    /// What no line has told of yet.
    void log_lost();

private:
    /// What an answer says but for its code.
    struct Answer {
        std::uint64_t token = 0;
        std::string msg_id, unique_key, recall_handle;
        std::int32_t queue_id = 0;
        bool is_inner_batch = false;
        std::int64_t queue_offset = 0;
    };
    void published(const broker::Published& is) override;
    void set(Answer& answer, const broker::Published& is) const;
    static void give(const Service& service, remoting::Session& session, const Answer& answer,
                     std::int32_t code);

    Service& service_;
    broker::Intake intake_;
    remoting::Session* session_ = nullptr;  // in flush()
    Answer answer_;                         // its texts keep their room
    std::vector<Answer> late_;
    struct Lost {
        std::int64_t count = 0;             // since the last line
        std::string topic, client, reason;  // of the last one
        std::int64_t logged_ms = 0;
    } lost_;
};

}  // namespace mqd::front::rocketmq
