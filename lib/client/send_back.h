#pragma once
// Messages that a group's member could not deal with, given back to the broker that holds them:
// it delivers them again later by the group's retry topic, and in the end puts them among its
// dead letters (CONSUMER_SEND_MSG_BACK, mqd-remoting(7), RETRIES).
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/client.h"
#include "client/mailbox.h"
#include "client/queues.h"
#include "message/record.h"
#include "message/types.h"

namespace mqd::client {

class SendBack {
public:
    SendBack(Client& client, std::string group) : client_(client), group_(std::move(group)) {}
    SendBack(const SendBack&) = delete;
    SendBack& operator=(const SendBack&) = delete;

    /// `queue` is where the message came from, `at` where its record lies. Repeated until the
    /// broker has taken it. Returns what take() will call it.
    std::uint64_t send(const Queue& queue, PhysicalOffset at);

    /// A message of a batch that is stored as one record: the broker cannot be told which it is.
    struct Part {
        std::string body;
        std::string properties;  ///< as the retry has them
        std::int32_t flag = 0;
        std::int32_t sys_flag = 0;
        std::int32_t reconsume_times = 0;  ///< with this time
        std::int64_t born_ts_ms = 0;
    };
    static Part part_of(const message::RecordView& message);
    /// The same for such a one: it is sent to the group's retry topic as a new message, as official
    /// clients send what a broker does not take back.
    std::uint64_t send(const Queue& queue, Part part);
    /// Those that the brokers have taken since the last call.
    std::vector<std::uint64_t> take();

    /// Sent, and not taken yet.
    std::size_t waiting() const { return waiting_.size(); }
    /// Why the last attempt at one that still waits has failed.
    const std::optional<Error>& trouble() const { return trouble_; }
    /// Readable when take() may have something.
    int fd() const { return mailbox_->fd(); }
    /// When take() should be called at the latest, in monotonic ms; -1: never.
    std::int64_t due_ms() const;

private:
    struct Message {
        Queue queue;
        PhysicalOffset at;
        std::optional<Part> part;
        int attempts = 0;
        std::int64_t retry_at_ms = 0;  // 0: a request is under way
    };
    struct Answered {
        std::uint64_t id;
        Result<remoting::Answer> answer;
    };
    std::uint64_t begin(Message message);
    void attempt(std::uint64_t id, Message& message);
    void attempt_part(std::uint64_t id, const Message& message);
    std::function<void(Result<remoting::Answer>)> answer_to(std::uint64_t id) const;

    Client& client_;
    const std::string group_;
    std::uint64_t next_id_ = 0;
    std::unordered_map<std::uint64_t, Message> waiting_;
    std::shared_ptr<Mailbox<Answered>> mailbox_ = std::make_shared<Mailbox<Answered>>();
    std::optional<Error> trouble_;
};

}  // namespace mqd::client
