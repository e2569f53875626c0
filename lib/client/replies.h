#pragma once
// Replies to messages that ask for one, sent to the broker that holds the request, which brings
// them to who asked (SEND_REPLY_MESSAGE_V2, mqd-remoting(7), REQUESTS AND REPLIES).
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/client.h"
#include "client/mailbox.h"

namespace mqd::client {

/// What a request says about its reply.
struct ReplyTo {
    std::string cluster, correlation_id, client, ttl;
    /// Nothing: the message asks for no reply.
    static std::optional<ReplyTo> read(std::string_view properties);
};

class Replies {
public:
    explicit Replies(Client& client, std::string group)
        : client_(client), group_(std::move(group)) {}
    Replies(const Replies&) = delete;
    Replies& operator=(const Replies&) = delete;

    /// `address`: the broker that the request came from. Once; returns what take() will call it.
    std::uint64_t send(const std::string& address, const ReplyTo& to, Bytes body);
    /// What became of them: an error says that the reply has not arrived, or perhaps not.
    using Sent = std::pair<std::uint64_t, Result<>>;
    std::vector<Sent> take();
    /// Readable when take() has something.
    int fd() const { return mailbox_->fd(); }

private:
    Client& client_;
    const std::string group_;
    std::uint64_t next_id_ = 0;
    std::shared_ptr<Mailbox<Sent>> mailbox_ = std::make_shared<Mailbox<Sent>>();
};

}  // namespace mqd::client
