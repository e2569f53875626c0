#include "front/rocketmq/send_request.h"

#include <algorithm>

#include "base/random.h"
#include "message/record.h"

namespace mqd::front::rocketmq {

std::uint32_t messages_of(const wire::SendMessage& header, Bytes body) {
    if (!header.batch) return 1;
    std::uint32_t count = 0;
    message::BatchReader items(body);
    while (!items.at_end()) {
        if (!items.next()) break;
        ++count;
    }
    return std::max(count, 1U);
}

broker::Destination destination_of(const Call& call, const wire::SendMessage& header) {
    broker::Destination to;
    to.topic = header.topic;
    to.queue_id = header.queue_id;
    to.wish = {header.default_topic, header.default_topic_queue_nums, header.unit_mode};
    to.is_batch = header.batch;
    to.body_bytes = call.request.body.size();
    return to;
}

broker::Publication publication_of(const Call& call, const wire::SendMessage& header,
                                   const broker::Topic& topic) {
    broker::Publication out;
    out.topic = &topic;
    out.queue_id =
        header.queue_id >= 0 ? header.queue_id : random_below(topic.config().write_queues);
    out.body = call.body();
    out.properties = header.properties;
    out.flag = header.flag;
    out.sys_flag = header.sys_flag;
    out.born_ts_ms = header.born_timestamp;
    out.born_host = call.session.remote_host();
    out.reconsume_times = header.reconsume_times;
    if (call.request.version >= wire::retry_max_version) out.retry_max = header.max_reconsume_times;
    out.token = Sends::token_of(call.request);
    return out;
}

}  // namespace mqd::front::rocketmq
