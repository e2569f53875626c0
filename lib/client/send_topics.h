#pragma once
// The topics that a producer sends to: their queues, and whether the brokers behind them wait for
// what the producer wants (spec semantics.md 1.3, store.md 6.2).
//
// Threads: one at a time; find() and refresh() make calls and wait for them.
// Owner:   the Producer.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "client/ack.h"
#include "client/client.h"
#include "client/queues.h"
#include "client/route_watch.h"

namespace mqd::client {

/// A topic's writeable queues, or those of one number alone.
struct SendTopic {
    std::string name;
    std::optional<std::int32_t> only;
    /// Never empty. Each keeps its place: whoever counts on their order finds it again.
    std::vector<Queue> queues;
    /// So many of the first were there at the beginning. A shard is one of these throughout: were
    /// it to move to a queue that came later, what it sent before would still wait in the old one.
    std::size_t first_queues = 0;
    std::vector<std::size_t> in_turn;  ///< of `queues`, those that the topic has now; never empty
    std::size_t next = 0;
    std::int64_t routed_ms = 0;

    /// In turn; of another broker where there is one.
    const Queue& next_queue(std::string_view not_this_broker = {});
    /// What is known now of a queue that was one of ours.
    const Queue& now(const Queue& queue) const;
};

class SendTopics {
public:
    SendTopics(Client& client, Ack ack, std::int64_t look_every_ms = RouteWatch::look_every_ms)
        : client_(client), ack_(ack), watch_(client, look_every_ms) {}

    /// not_found: no such topic, or none of its queues has that number. refused: it cannot be
    /// written. unavailable: no name server answers, or with an Ack beyond one no broker does.
    /// unsupported: a broker that does not wait for it.
    Result<SendTopic*> find(std::string_view name, std::optional<std::int32_t> only);
    /// Takes over what the name servers have now, if they were not asked just now: addresses, and
    /// queues that have come or gone. Of a topic with `only`, addresses.
    void refresh(SendTopic& topic);
    /// The same for all topics, every few seconds and without a wait for name servers; a broker
    /// that is new is asked whether it waits for the Ack, if that is more than one.
    void look();

    /// How long a broker may wait before it answers, beside its work.
    std::int64_t ack_wait_ms() const { return ack_wait_ms_; }
    const std::vector<std::unique_ptr<SendTopic>>& all() const { return topics_; }

private:
    Result<> agree_with(const std::string& address);
    Result<> agree_on_ack(std::vector<Queue>& queues);
    void take_over(SendTopic& topic, std::vector<Queue> queues);

    Client& client_;
    const Ack ack_;
    std::int64_t ack_wait_ms_ = 0;
    std::vector<std::unique_ptr<SendTopic>> topics_;
    std::unordered_map<std::string, SendTopic*> index_;
    std::unordered_set<std::string> agreed_;  ///< brokers that wait for ack_
    RouteWatch watch_;
};

}  // namespace mqd::client
