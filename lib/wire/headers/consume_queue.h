#pragma once
// QUERY_CONSUME_QUEUE 321 (mqd-remoting(7), OFFSETS).

#include "wire/header.h"

namespace mqd::wire {

struct QueryConsumeQueue {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t index = 0;  ///< the first offset
    std::int32_t count = 0;
    std::optional<std::string_view> group;  ///< whose filter is to be shown

    static constexpr auto fields() {
        using H = QueryConsumeQueue;
        return std::tuple{required("topic", &H::topic), required("queueId", &H::queue_id),
                          required("index", &H::index), required("count", &H::count),
                          optional("consumerGroup", &H::group)};
    }
};

}  // namespace mqd::wire
