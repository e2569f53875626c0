#pragma once
// The topics that a producer sends to: their queues, and whether the brokers behind them wait for
// what the producer wants (mqd-remoting(7), QUEUES OF A ROUTE and DURABILITY).
//
// Threads: one at a time; find() and refresh() make calls and wait for them.
// Owner:   the Producer.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/ack_watch.h"
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
    std::vector<Queue> route;          ///< all that it has now, also of brokers that do not agree
    std::size_t next = 0;
    std::int64_t routed_ms = 0;
    bool is_new = false;     ///< the name servers did not know it: the first send makes it
    bool has_taken = false;  ///< a broker has acknowledged a message

    /// In turn; of another broker where there is one.
    const Queue& next_queue(std::string_view not_this_broker = {});
    /// What is known now of a queue that was one of ours.
    const Queue& now(const Queue& queue) const;
};

class SendTopics {
public:
    SendTopics(Client& client, Ack ack, std::int64_t look_every_ms = RouteWatch::look_every_ms)
        : client_(client), acks_(client, ack, look_every_ms), watch_(client, look_every_ms) {}

    /// not_found: no such topic, or none of its queues has that number. refused: it cannot be
    /// written. unavailable: no name server answers, or with an Ack beyond one no broker does.
    /// unsupported: a broker that does not wait for it.
    Result<SendTopic*> find(std::string_view name, std::optional<std::int32_t> only);
    /// Takes over what the name servers have now, if they were not asked just now: addresses, and
    /// queues that have come or gone. Of a topic with `only`, addresses.
    void refresh(SendTopic& topic);
    /// The same for all topics, every few seconds and without a wait. Brokers of which it is not
    /// known whether they wait for the Ack are left out until they say so.
    void look();

    /// Waits, a second at most, until the name servers know the topics that these sends have made:
    /// brokers acknowledge a message before they have told of its topic.
    void await_new() const;

    /// How long a broker may wait before it answers, beside its work.
    std::int64_t ack_wait_ms() const { return acks_.wait_ms(); }
    const std::vector<std::unique_ptr<SendTopic>>& all() const { return topics_; }

private:
    Result<> agree_on_ack(std::vector<Queue>& queues);
    void take_over(SendTopic& topic);

    Client& client_;
    AckWatch acks_;
    std::vector<std::unique_ptr<SendTopic>> topics_;
    std::unordered_map<std::string, SendTopic*> index_;
    RouteWatch watch_;
};

}  // namespace mqd::client
