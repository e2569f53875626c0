#pragma once
// The queues of a route, to send to and to read from (mqd-remoting(7), QUEUES OF A ROUTE and MAKING
// TOPICS).
//
// Threads: pure functions; publish_route() makes calls and waits for them.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"

namespace mqd::client {

struct Queue {
    std::string topic;
    std::string broker;
    std::int32_t id = 0;
    std::string address;  ///< of the broker

    /// The order that all members of a group must agree on.
    std::strong_ordering operator<=>(const Queue& other) const {
        if (const auto c = topic <=> other.topic; c != 0) return c;
        if (const auto c = broker <=> other.broker; c != 0) return c;
        return id <=> other.id;
    }
    bool operator==(const Queue& other) const { return (*this <=> other) == 0; }
    std::string to_string() const;  ///< `topic/broker/0`
};

/// The writeable queues of brokers that have a master.
std::vector<Queue> publish_queues(std::string_view topic, const wire::TopicRouteData& route);
/// The readable queues; a slave will do.
std::vector<Queue> subscribe_queues(std::string_view topic, const wire::TopicRouteData& route);

/// The route to send a topic by: its own, or that of the template for new topics with at most
/// default_queues queues a broker, which `by_template` tells. not_found: neither.
Result<wire::TopicRouteData> publish_route(Client& client, std::string_view topic,
                                           bool* by_template = nullptr);

inline constexpr std::string_view template_topic = "TBW102";
inline constexpr std::int32_t default_queues = 4;

}  // namespace mqd::client
