#pragma once
// Where the newest messages of all queues together begin (mqpull(1), --last).
//
// Threads: the tool's one thread; waits for its calls.

#include <cstdint>
#include <vector>

#include "client/client.h"
#include "client/queues.h"
#include "client/start.h"

namespace mqd::client {

/// Of each queue, in the same order, where the newest `count` messages of all of them begin: by
/// their store times, and of those that one millisecond stored by their places in the log, which
/// order what one broker stored. Errors as Client::call().
Result<std::vector<std::int64_t>> newest_starts(Client& client, const std::vector<Queue>& queues,
                                                const std::vector<Bounds>& bounds,
                                                std::int64_t count);

}  // namespace mqd::client
