#include "wire/bodies/consume_queue.h"

namespace mqd::wire {

ConsumeQueueData ConsumeQueueData::from(const json::Value& value) {
    return {value["physicOffset"].as_int(), detail::int32_of(value["physicSize"]),
            value["tagsCode"].as_int(), value["msg"].as_text()};
}

void ConsumeQueueData::write(json::Writer& out) const {
    out.begin_object().member("eval", false);
    if (!msg.empty()) out.member("msg", std::string_view(msg));
    out.member("physicOffset", physic_offset)
        .member("physicSize", physic_size)
        .member("tagsCode", tags_code)
        .end_object();
}

ConsumeQueueAnswer ConsumeQueueAnswer::from(const json::Value& value) {
    ConsumeQueueAnswer out;
    if (value["subscriptionData"].is_object())
        out.subscription = SubscriptionData::from(value["subscriptionData"]);
    out.filter_data = value["filterData"].as_text();
    out.units = detail::list_of<ConsumeQueueData>(value["queueData"]);
    out.max = value["maxQueueIndex"].as_int();
    out.min = value["minQueueIndex"].as_int();
    return out;
}

Result<ConsumeQueueAnswer> ConsumeQueueAnswer::read(std::string_view body) {
    return read_body<ConsumeQueueAnswer>(body);
}

void ConsumeQueueAnswer::write(json::Writer& out) const {
    out.begin_object();
    if (!filter_data.empty()) out.member("filterData", std::string_view(filter_data));
    out.member("maxQueueIndex", max).member("minQueueIndex", min).key("queueData");
    detail::write_list(out, units);
    if (subscription) {
        out.key("subscriptionData");
        subscription->write(out);
    }
    out.end_object();
}

}  // namespace mqd::wire
