#pragma once
// The largest body that each broker takes, as far as that is known: mqd's brokers say it in their
// answers to sends and heartbeats, RocketMQ's in their configuration (mqd-remoting(7), SENDING).
//
// Threads: the tool's one thread.
// Owner:   the Producer.

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "remoting/session.h"

namespace mqd::client {

class SizeLimits {
public:
    /// What any broker may take: the most that RocketMQ's key can say.
    static constexpr std::size_t bytes_max = 16'000'000;

    /// What an answer to a send says, if it says it. False: it does not.
    bool learn(const std::string& address, const remoting::Answer& answer);
    /// The same of an answer to GET_BROKER_CONFIG (26).
    bool learn_from_config(const std::string& address, std::string_view config);
    bool knows(const std::string& address) const { return known_.contains(address); }
    /// bytes_max while it is not known.
    std::size_t of(const std::string& address) const;

private:
    bool set(const std::string& address, std::string_view value);

    std::unordered_map<std::string, std::size_t> known_;
};

}  // namespace mqd::client
