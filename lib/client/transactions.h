#pragma once
// The second half of transactions: what is told to the broker that holds a half message, and what
// it asks when it has heard nothing (mqd-remoting(7), TRANSACTIONS).
//
// Threads: the tool's one thread; questions and answers come to it through a Mailbox.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/client.h"
#include "client/heartbeats.h"
#include "client/mailbox.h"
#include "client/producer.h"

namespace mqd::client {

/// Where a half message lies, and whose it is.
struct Half {
    std::string address;  ///< of the broker
    std::string id;       ///< UNIQ_KEY
    std::string transaction_id;
    std::int64_t queue_offset = 0;  ///< in the queue of half messages
    std::int64_t at = 0;            ///< in the commit log
};

class Transactions {
public:
    /// A broker wants to know. `record` is the message with the topic it will have, a whole record.
    struct Question {
        Half half;
        std::string record;
    };
    /// What became of end(). unavailable: nobody knows; end() may be called again, the first one
    /// that arrives counts.
    struct Ended {
        std::uint64_t number = 0;
        Result<> result;
    };
    using Event = std::variant<Question, Ended>;

    /// Any producer of the group may be asked about its half messages. Before the client's first
    /// channel is made.
    Transactions(Client& client, std::string group);
    Transactions(const Transactions&) = delete;
    Transactions& operator=(const Transactions&) = delete;

    const std::string& group() const { return group_; }
    /// The properties that make a message a half one; its sys_flag says so too.
    static void append_properties(std::string& properties, std::string_view group);
    /// Of one that was stored. corrupt: the broker does not say where.
    static Result<Half> half_of(const Settled& settled);

    /// Who may ask; they are told of this producer.
    void set_brokers(const std::vector<std::string>& brokers);
    /// `number` comes back in Ended.
    void end(const Half& half, bool commits, bool is_answer, std::uint64_t number);

    /// What has come.
    std::vector<Event> take();
    /// Readable when take() has something.
    int fd() const { return mailbox_->fd(); }

private:
    Client& client_;
    const std::string group_;
    const std::shared_ptr<Mailbox<Event>> mailbox_ = std::make_shared<Mailbox<Event>>();
    Heartbeats heartbeats_;
};

}  // namespace mqd::client
