#pragma once
// Requests that have to wait for the store, in the order of the client's calls: it saw the one
// before acknowledged.
//
// Threads: the session's.

#include "message/types.h"

namespace mqd::front::rocketmq {

struct Call;

/// A request that asks what lies in the queues: handled when the dispatcher has seen all that had
/// been stored when it came, or after a second, since the disk may be full and the dispatcher stand
/// still.
void handle_when_dispatched(const Call& call, void (*handle)(const Call&));
/// A request that names a record: with synchronous flush, a send that did not wait for the disk is
/// acknowledged a moment before its record can be read. At once when it can, or is not there.
void handle_when_shown(const Call& call, PhysicalOffset at, void (*handle)(const Call&));

}  // namespace mqd::front::rocketmq
