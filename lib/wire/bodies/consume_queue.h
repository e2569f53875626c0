#pragma once
// What QUERY_CONSUME_QUEUE 321 is answered (mqd-remoting(7), OFFSETS).

#include "wire/bodies/heartbeat.h"

namespace mqd::wire {

struct ConsumeQueueData {
    std::int64_t physic_offset = 0;
    std::int32_t physic_size = 0;
    std::int64_t tags_code = 0;
    std::string msg;  ///< empty: none

    static ConsumeQueueData from(const json::Value& value);
    void write(json::Writer& out) const;
};

struct ConsumeQueueAnswer {
    std::optional<SubscriptionData> subscription;
    std::string filter_data;  ///< a text for people; empty: none
    std::vector<ConsumeQueueData> units;
    std::int64_t max = 0, min = 0;

    static ConsumeQueueAnswer from(const json::Value& value);
    static Result<ConsumeQueueAnswer> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
