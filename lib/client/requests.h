#pragma once
// Messages that ask for a reply, and the replies that brokers bring: to whom is said by the
// message's properties, which reply is whose by its correlation id (mqd-remoting(7), REQUESTS AND
// REPLIES).
//
// Threads: the tool's one thread; replies come to it through a Mailbox.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/heartbeats.h"
#include "client/mailbox.h"

namespace mqd::client {

class Requests {
public:
    struct Reply {
        std::string correlation_id;
        Result<std::string> body;  ///< as its sender wrote it; corrupt: not to be decompressed
    };

    /// Before the client's first channel is made.
    Requests(Client& client, const std::string& group);
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;

    /// What makes a message a request; nobody wants its reply after `ttl_ms`.
    void append_properties(std::string& properties, std::string_view correlation_id,
                           std::int64_t ttl_ms) const;

    /// They bring replies to this client once they know it: waited for. unavailable: one did not
    /// answer yet.
    Result<> set_brokers(const std::vector<std::string>& brokers);

    /// The same without a wait.
    void follow_brokers(const std::vector<std::string>& brokers);

    /// What has come.
    std::vector<Reply> take();
    /// Readable when take() has something.
    int fd() const { return mailbox_->fd(); }

private:
    const std::string client_id_ = make_client_id();
    const std::shared_ptr<Mailbox<Reply>> mailbox_ = std::make_shared<Mailbox<Reply>>();
    Heartbeats heartbeats_;
};

}  // namespace mqd::client
