#pragma once
// Requests that wait for the store, so that they see what the broker has acknowledged before.
//
// Threads: the session's.

#include "message/types.h"

namespace mqd::front::rocketmq {

struct Call;

/// Handles a request about queues when the dispatcher has passed all that was stored when the
/// request came. After a second it is handled anyway: a full disk can stop the dispatcher.
void handle_when_dispatched(const Call& call, void (*handle)(const Call&));
/// Handles a request about the record at `at` when the record can be read. With synchronous flush a
/// send that does not wait for the disk is acknowledged a moment before that.
void handle_when_shown(const Call& call, PhysicalOffset at, void (*handle)(const Call&));

}  // namespace mqd::front::rocketmq
