#pragma once
// Which expressions this broker filters by (mqd-remoting(7), PULLING).
//
// Threads: pure functions.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "front/rocketmq/settings.h"

namespace mqd::front::rocketmq {

/// TAG, which is also no type at all, and SQL92 where the operator allows it.
inline bool filters_by(std::string_view type, const Settings& settings) {
    return type.empty() || type == "TAG" || (type == "SQL92" && settings.property_filter);
}

inline std::string no_filter_remark(std::string_view type) {
    return fmt::format("The broker does not support consumer to filter message by {}", type);
}

}  // namespace mqd::front::rocketmq
