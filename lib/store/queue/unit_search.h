#pragma once
// Where is the message whose unit leads nowhere, or to another's record? The record itself says
// which message it is, and lies between those of the queue's neighbouring messages.
//
// Threads: any that may wait for the disk.

#include <cstdint>
#include <optional>

#include "store/queue/consume_queue.h"
#include "store/log/log_source.h"
#include "store/queue/unit.h"

namespace mqd::store {

/// The unit that `offset` of the queue should have, but for its tags code; `unit` is what it has.
/// Nothing when no whole record says that it is that message: looked for where the unit leads, a
/// flipped bit beside, and from the message before to the one after, but for gaps of gigabytes.
std::optional<Unit> search_unit(LogSource& source, const ConsumeQueue& queue, std::int64_t offset,
                                const Unit& unit, bool demand_sum);

}  // namespace mqd::store
