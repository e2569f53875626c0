#pragma once
// --lag: what a group has left to read, a line a queue (mqpull(1)).
//
// Threads: waits for its calls.

#include "client/client.h"
#include "pulling.h"

namespace mqd::mqpull {

/// On standard output; with --out json as JSON lines.
Result<> print_lag(client::Client& client, const Settings& settings);

}  // namespace mqd::mqpull
