#pragma once
// Tells the name servers which topics are here (spec remoting.md 3.4.2): at the start, 10 s later,
// then every registerNameServerPeriod, and at once when a topic has changed; takes the broker out
// at an orderly stop.
//
// Threads: everything happens on one loop; changed() comes from any thread, start() and stop()
//          from main, which they block.
// Owner:   main, after the Server; the Broker outlives it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "net/io_threads.h"
#include "remoting/channel.h"

namespace mqd::front::rocketmq {

class Registrar {
public:
    /// `address` is what clients shall connect to.
    Registrar(broker::Broker& broker, net::Loop& loop, std::string address,
              const std::vector<std::string>& name_servers);
    ~Registrar();  ///< stops, without a word to the name servers
    Registrar(const Registrar&) = delete;
    Registrar& operator=(const Registrar&) = delete;

    /// Registers; returns when every name server has answered or could not be reached, or after
    /// `wait_ms`. The periodic registration goes on from there.
    void start(std::int64_t wait_ms);
    /// A topic is new or different. Many at a time are one registration.
    void changed(const std::string& topic);
    /// Out of the tables of all that answer within `wait_ms`.
    void stop(std::int64_t wait_ms);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace mqd::front::rocketmq
