#pragma once
// Answers to changes of tables and files, which come when the change is on disk.

#include "front/rocketmq/service.h"

namespace mqd::front::rocketmq {

/// From any thread: success, or a system error that says why.
void reply_outcome(const remoting::Ticket& ticket, const Result<>& outcome);
void reply_when_saved(const Call& call);

}  // namespace mqd::front::rocketmq
