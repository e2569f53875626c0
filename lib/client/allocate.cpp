#include "client/allocate.h"

#include <algorithm>

namespace mqd::client {

std::pair<std::size_t, std::size_t> average_share(std::size_t queues, std::size_t members,
                                                  std::size_t index) {
    if (members == 0 || index >= members) return {0, 0};
    const std::size_t rest = queues % members;
    const bool has_one_more = rest > 0 && index < rest;
    const std::size_t size = queues <= members ? 1 : queues / members + (has_one_more ? 1U : 0U);
    const std::size_t begin = has_one_more ? index * size : index * size + rest;
    return {std::min(begin, queues), std::min(begin + size, queues)};
}

std::pair<std::size_t, std::size_t> average_share(std::size_t queues,
                                                  std::vector<std::string> members,
                                                  std::string_view self) {
    std::sort(members.begin(), members.end());
    const auto me = std::find(members.begin(), members.end(), self);
    if (me == members.end()) return {0, 0};
    return average_share(queues, members.size(), static_cast<std::size_t>(me - members.begin()));
}

}  // namespace mqd::client
