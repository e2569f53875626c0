#include "front/rocketmq/convert.h"

namespace mqd::front::rocketmq {

wire::TopicConfig to_wire(const broker::TopicConfig& config) {
    wire::TopicConfig out;
    out.topic_name = config.name;
    out.read_queue_nums = config.read_queues;
    out.write_queue_nums = config.write_queues;
    out.perm = config.perm;
    out.topic_filter_type = wire::topic_filter_type_of(config.filter_type);
    out.topic_sys_flag = config.sys_flag;
    out.order = config.order;
    out.attributes.insert(config.attributes.begin(), config.attributes.end());
    return out;
}

broker::TopicConfig from_wire(const wire::TopicConfig& config) {
    broker::TopicConfig out;
    out.name = config.topic_name;
    out.read_queues = config.read_queue_nums;
    out.write_queues = config.write_queue_nums;
    out.perm = config.perm;
    out.filter_type = wire::name_of(config.topic_filter_type);
    out.sys_flag = config.topic_sys_flag;
    out.order = config.order;
    out.attributes.assign(config.attributes.begin(), config.attributes.end());
    return out;
}

wire::DataVersion to_wire(const broker::DataVersion& version) {
    return {version.state_version, version.timestamp_ms, version.counter};
}

wire::SubscriptionData to_wire(const broker::Subscription& is) {
    wire::SubscriptionData data;
    data.topic = is.topic;
    data.sub_string = is.expression;
    data.expression_type = is.type;
    data.sub_version = is.version;
    data.tags = is.tags.tags();
    return data;
}

}  // namespace mqd::front::rocketmq
