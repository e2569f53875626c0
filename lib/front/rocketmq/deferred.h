#pragma once
// A request that asks what lies in the queues waits until the dispatcher has seen all that had been
// stored when it came: a client whose send was acknowledged finds the message counted afterwards.
//
// Threads: the session's.

#include "remoting/session.h"

namespace mqd::front::rocketmq {

class Service;
struct Request;

/// Handles the request then, or after a second: the disk may be full, and the dispatcher stand
/// still.
void handle_when_dispatched(Service& service, remoting::Session& session, const Request& request,
                            const wire::Command& command);

}  // namespace mqd::front::rocketmq
