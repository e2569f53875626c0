#include "wire/bodies/request_mode.h"

namespace mqd::wire {

RequestMode RequestMode::from(const json::Value& value) {
    constexpr auto modes = std::to_array<std::string_view>({"PULL", "POP"});
    return {value["topic"].as_text(), value["consumerGroup"].as_text(),
            detail::enum_of(value["mode"], modes, 0) == 1,
            detail::int32_of(value["popShareQueueNum"])};
}

Result<RequestMode> RequestMode::read(std::string_view body) {
    return read_body<RequestMode>(body);
}

void RequestMode::write(json::Writer& out) const {
    out.begin_object()
        .member("consumerGroup", std::string_view(consumer_group))
        .member("mode", std::string_view(pops ? "POP" : "PULL"))
        .member("popShareQueueNum", pop_share_queues)
        .member("topic", std::string_view(topic))
        .end_object();
}

}  // namespace mqd::wire
