#pragma once
// Tells brokers every 30 s that members of groups are here; who falls silent is forgotten
// (mqd-remoting(7), HEARTBEATS and CLIENTS). A connection that breaks is made again at once, and
// again and again until the broker answers: a member that only waits (for a reply, for a question
// about a transaction, for its turn) has nothing else to send that would make it.
//
// Threads: the tool's one thread; by themselves they go out on the client's.
// Owner:   who is a member. The client outlives it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"

namespace mqd::client {

class Heartbeats {
public:
    /// `body` is wire::HeartbeatData. Before the client's first channel is made: it greets with it.
    /// `has_come` is called on the client's thread when a broker answers that did not before.
    Heartbeats(Client& client, std::string body, std::function<void()> has_come = nullptr);
    ~Heartbeats();
    Heartbeats(const Heartbeats&) = delete;
    Heartbeats& operator=(const Heartbeats&) = delete;

    /// By address.
    void set_brokers(std::vector<std::string> brokers);
    std::vector<std::string> brokers() const;

    /// To all brokers at once, and by itself from now on. Who does not answer is soon asked again.
    /// Errors as Client::call(): with `needs_all` the last one, else only where nobody answers or
    /// one refuses.
    Result<> beat_and_wait(bool needs_all);
    /// The same without a wait; one that fails is soon repeated.
    void beat();
    /// Why the broker, by its address, counts as away: it did not answer the last time. Nothing: it
    /// did.
    std::optional<Error> absence(const std::string& broker) const;
    /// True once for each time that a connection broke. A broker that was away has forgotten who
    /// was there, and is being told anew.
    bool after_disconnect();

private:
    struct Beater;
    Client& client_;
    const std::shared_ptr<Beater> beater_;
    std::uint64_t disconnects_;
};

/// `ADDRESS@PID#N`, as other clients call themselves; no two are the same.
std::string make_client_id();

}  // namespace mqd::client
