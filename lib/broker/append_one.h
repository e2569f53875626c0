#pragma once
// A message that the broker stores by itself, outside what one read has collected: a retry, a
// reply, a recall.
//
// Threads: any.

#include <cstdint>

#include "base/result.h"
#include "broker/broker.h"
#include "message/record.h"

namespace mqd::broker {

struct AppendedOne {
    PhysicalOffset at;
    PhysicalOffset end;  ///< on disk when the store is synced that far
    QueueOffset queue_offset;
};

/// The draft's topic and queue are set here to the queue's, and it is counted as any send is.
/// Errors as store::Append's.
Result<AppendedOne> append_one(Broker& broker, message::Draft draft, store::Queue& queue);

}  // namespace mqd::broker
