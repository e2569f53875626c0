#pragma once
// The answers to the sends of one read, or to a recall, that wait for the disk or for replicas:
// given once, when that has come or its time is over. The time is the session's own loop's, so that
// a disk that hangs holds up no answer.
//
// Threads: the session's.
// Owner:   Connection.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/io_threads.h"
#include "remoting/session.h"

namespace mqd::front::rocketmq {

class Service;

class LateAnswers : public std::enable_shared_from_this<LateAnswers> {
public:
    /// What an answer says but for its code.
    struct Answer {
        std::int32_t opaque = 0;
        wire::Encoding encoding = wire::Encoding::json;
        std::string msg_id, unique_key, recall_handle;
        std::int32_t queue_id = 0;
        bool inner_batch = false;
        std::int64_t queue_offset = 0;
        bool is_recall = false;  ///< only the unique key is told
    };
    LateAnswers(Service& service, remoting::Session& session, std::vector<Answer> answers)
        : service_(service), session_(session), answers_(std::move(answers)) {}

    /// give(code) when the time is over.
    void give_after(std::int64_t timeout_ms, std::int32_t code);
    /// A function for any thread to call, which gives 0 or FLUSH_DISK_TIMEOUT.
    std::function<void(bool)> when_synced(const remoting::Ticket& ticket);
    /// All answers with that code; those messages are stored whatever it is.
    void give(std::int32_t code);
    bool is_given() const { return answers_.empty(); }

    /// Gives the answers when all up to `end` is on disk, as the configuration has it: with
    /// replicas wanted, of which there are none, or a disk that is late, when the time is over.
    static void give_when_durable(Service& service, remoting::Session& session,
                                  const remoting::Ticket& ticket, std::vector<Answer> answers,
                                  PhysicalOffset end);

private:
    Service& service_;
    remoting::Session& session_;  // outlives us: its context owns us
    std::vector<Answer> answers_;
    std::unique_ptr<net::Timer> timer_;
};

}  // namespace mqd::front::rocketmq
