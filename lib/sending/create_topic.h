#pragma once
// --create: the topic on all masters, unless the name servers know it (mqd-remoting(7), TOPICS).
//
// Threads: waits for its calls.

#include <string>

#include "client/client.h"
#include "client/patience.h"

namespace mqd::sending {

/// Returns once the name server has the route. unavailable: no broker for all the patience, or the
/// route did not come in time.
Result<> create_topic(client::Client& client, const std::string& topic, client::Patience& patience);

}  // namespace mqd::sending
