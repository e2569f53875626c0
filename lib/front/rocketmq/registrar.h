#pragma once
// Tells the name servers which topics are here (mqd-remoting(7), REGISTRATION): at the start, 10 s
// later, then every registerNameServerPeriod, and at once when a topic has changed; that the broker
// lives (904), every 4 s; takes the broker out at an orderly stop. A name server refuses it while
// another store has its name and id (mqd-namesrv(8), TWO BROKERS WITH ONE NAME): it is asked again
// every 5 s.
//
// Threads: everything happens on one loop; changed() comes from any thread, start() and stop()
//          from main, which they block.
// Owner:   main, after the Server; the Broker outlives it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "net/io_threads.h"
#include "remoting/channel.h"

namespace mqd::front::rocketmq {

class Registrar {
public:
    struct Who {
        std::string address;  ///< what clients shall connect to
        std::string store;    ///< its uuid
    };
    Registrar(broker::Broker& broker, net::Loop& loop, Who who,
              const std::vector<std::string>& name_servers);
    ~Registrar();  ///< stops, without a word to the name servers
    Registrar(const Registrar&) = delete;
    Registrar& operator=(const Registrar&) = delete;

    /// Registers; returns when every name server has answered or could not be reached, or after
    /// `wait_ms`. The periodic registration goes on from there. refused: another broker has the
    /// name and id; those that took this one forget it again.
    Result<> start(std::int64_t wait_ms);
    /// Before start(): who is told, on the loop, when the broker is refused, and when it is no
    /// longer (`why` is empty then).
    void on_refusal(std::function<void(const std::string& why)> listener);
    /// A topic is new or different. Many at a time are one registration.
    void changed(const std::string& topic);
    /// Out of the tables of all that answer within `wait_ms`.
    void stop(std::int64_t wait_ms);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace mqd::front::rocketmq
