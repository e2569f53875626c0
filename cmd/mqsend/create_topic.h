#pragma once
// --create: the topic on all masters, unless the name servers know it (spec remoting.md 4.3).
//
// Threads: waits for its calls.

#include <string>

#include "client/client.h"

namespace mqd::mqsend {

/// Returns once the name server has the route. unavailable: no broker, or it did not come in time.
Result<> create_topic(client::Client& client, const std::string& topic);

}  // namespace mqd::mqsend
