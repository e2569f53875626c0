#include "wire/bodies/queues.h"

namespace mqd::wire {

MessageQueue MessageQueue::from(const json::Value& value) {
    return {value["brokerName"].as_text(), detail::int32_of(value["queueId"]),
            value["topic"].as_text()};
}

Result<MessageQueue> MessageQueue::read(std::string_view key) {
    return read_body<MessageQueue>(key);
}

void MessageQueue::write(json::Writer& out) const {
    // The order that Go's textual reader wants.
    out.begin_object()
        .member("brokerName", std::string_view(broker_name))
        .member("queueId", queue_id)
        .member("topic", std::string_view(topic))
        .end_object();
}

LockBatchBody LockBatchBody::from(const json::Value& value) {
    return {value["clientId"].as_text(), value["consumerGroup"].as_text(),
            detail::list_of<MessageQueue>(value["mqSet"]), value["onlyThisBroker"].as_bool()};
}

Result<LockBatchBody> LockBatchBody::read(std::string_view body) {
    return read_body<LockBatchBody>(body);
}

void LockBatchBody::write(json::Writer& out) const {
    out.begin_object()
        .member("clientId", std::string_view(client_id))
        .member("consumerGroup", std::string_view(consumer_group))
        .key("mqSet");
    detail::write_list(out, queues);
    out.member("onlyThisBroker", only_this_broker).end_object();
}

LockBatchAnswer LockBatchAnswer::from(const json::Value& value) {
    return {detail::list_of<MessageQueue>(value["lockOKMQSet"])};
}

Result<LockBatchAnswer> LockBatchAnswer::read(std::string_view body) {
    return read_body<LockBatchAnswer>(body);
}

void LockBatchAnswer::write(json::Writer& out) const {
    out.begin_object().key("lockOKMQSet");
    detail::write_list(out, queues);
    out.end_object();
}

}  // namespace mqd::wire
