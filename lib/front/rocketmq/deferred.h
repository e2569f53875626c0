#pragma once
// A request that asks what lies in the queues, kept until the dispatcher has seen all that had been
// stored when it came: whoever got a send acknowledged finds the message counted afterwards.
//
// Threads: the session's.
// Owner:   Connection.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "message/types.h"
#include "net/io_threads.h"
#include "remoting/session.h"

namespace mqd::front::rocketmq {

class Service;
struct Request;

class Deferred : public std::enable_shared_from_this<Deferred> {
public:
    Deferred(Service& service, remoting::Session& session, const Request& request,
             const wire::Command& command);

    /// Handles it if it is time, else looks again in a moment.
    void run();
    bool is_done() const { return is_done_; }

private:
    wire::Command command() const;

    Service& service_;
    remoting::Session& session_;  // outlives us: its context owns us
    const Request& request_;
    wire::Command command_;  // its views are made anew by command()
    std::string remark_, body_;
    std::vector<std::pair<std::string, std::string>> texts_;
    std::vector<wire::ExtField> ext_;  // views of texts_
    const PhysicalOffset until_;
    const std::int64_t give_up_ms_;
    std::unique_ptr<net::Timer> timer_;
    bool is_done_ = false;
};

}  // namespace mqd::front::rocketmq
