#pragma once
// Whether a consumer group is one.
//
// Threads: makes calls and waits for them.

#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"

namespace mqd::client {

/// Whether one of the brokers knows the group: a member of it is connected (request 203), or it is
/// in the table of groups (201); asking for it alone (352) would make it. Errors as Client::call().
Result<bool> is_group_known(Client& client, const std::vector<std::string>& brokers,
                            std::string_view group);

}  // namespace mqd::client
