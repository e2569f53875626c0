#include "client/size_limits.h"

#include <algorithm>

#include "base/parse.h"
#include "client/config_lines.h"
#include "wire/headers/send.h"

namespace mqd::client {

bool SizeLimits::learn(const std::string& address, const remoting::Answer& answer) {
    return set(address, answer.find(wire::max_message_size_field));
}

bool SizeLimits::learn_from_config(const std::string& address, std::string_view config) {
    return set(address, config_value(config, "maxMessageSize"));
}

bool SizeLimits::set(const std::string& address, std::string_view value) {
    const auto bytes = parse_int<std::size_t>(value);
    if (!bytes || *bytes == 0) return false;
    known_[address] = std::min(*bytes, bytes_max);
    return true;
}

std::size_t SizeLimits::of(const std::string& address) const {
    const auto known = known_.find(address);
    return known == known_.end() ? bytes_max : known->second;
}

}  // namespace mqd::client
