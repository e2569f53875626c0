#pragma once
// Which queues are whose, the AVG strategy (mqd-remoting(7), SHARING QUEUES): every member computes
// the same.
//
// Threads: pure functions.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mqd::client {

/// [begin, end) of `queues` sorted queues for member `index` of `members`.
std::pair<std::size_t, std::size_t> average_share(std::size_t queues, std::size_t members,
                                                  std::size_t index);

/// The same by name; nothing for who is not in the list. Sorts `members`.
std::pair<std::size_t, std::size_t> average_share(std::size_t queues,
                                                  std::vector<std::string> members,
                                                  std::string_view self);

}  // namespace mqd::client
