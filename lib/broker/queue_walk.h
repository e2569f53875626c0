#pragma once
// A queue's records one after the other, for those who read a lot of it.
//
// Threads: as Store::read().

#include <cstdint>
#include <functional>

#include "message/record.h"
#include "store/store.h"

namespace mqd::broker {

/// Gives `take` the next records of [from, to), each good during the call; returns where to go on,
/// `to` at the end. Offsets without a record any more are passed over.
std::int64_t read_some(const store::Store& store, store::Queue& queue, std::int64_t from,
                       std::int64_t to,
                       const std::function<void(const message::RecordView&)>& take);

}  // namespace mqd::broker
