#pragma once
// Which brokers wait for what a producer wants before they answer (mqd-remoting(7), DURABILITY).
// Each is asked for its configuration once it is known of; one that says no, or nothing at all, is
// asked again and again without a wait.
//
// Threads: the tool's one thread; answers come to it through a Mailbox.
// Owner:   SendTopics. The client outlives it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/ack.h"
#include "client/client.h"
#include "client/mailbox.h"

namespace mqd::client {

class AckWatch {
public:
    AckWatch(Client& client, Ack ack, std::int64_t every_ms)
        : client_(client), ack_(ack), every_ms_(every_ms) {}

    /// Whether that broker is known to wait for it. One that is not is asked, if it has not been
    /// lately.
    bool agrees(const std::string& address);
    /// The same, and the answer is waited for. unavailable: there is none. unsupported: it does
    /// not wait.
    Result<> ask_and_wait(const std::string& address);
    /// Takes the answers that have come. True: agrees() is to be called again of those that count,
    /// since more agree now, or it is time to ask again.
    bool look();

    /// How long a broker may wait before it answers, beside its work.
    std::int64_t wait_ms() const { return wait_ms_; }

private:
    struct Broker {
        bool agrees = false;
        bool is_asked = false;
        std::int64_t ask_at_ms = 0;
        std::string told;  ///< why it is not sent to
    };
    struct Answered {
        std::string address;
        Result<remoting::Answer> answer;
    };
    void ask(const std::string& address, Broker& broker);
    Result<> take(const std::string& address, Broker& broker,
                  const Result<remoting::Answer>& answer);

    Client& client_;
    const Ack ack_;
    const std::int64_t every_ms_;
    std::int64_t wait_ms_ = 0;
    std::unordered_map<std::string, Broker> brokers_;
    std::shared_ptr<Mailbox<Answered>> mailbox_ = std::make_shared<Mailbox<Answered>>();
    std::vector<Answered> answers_;
    std::size_t asked_ = 0;     ///< questions under way
    std::int64_t due_ms_ = -1;  ///< somebody is to be asked again
};

}  // namespace mqd::client
