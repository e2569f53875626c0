// SET_MESSAGE_REQUEST_MODE 401 and GET_ALL_MESSAGE_REQUEST_MODE 402: mqd-remoting(7), GROUPS.

#include "broker/names.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "wire/bodies/request_mode.h"

namespace mqd::front::rocketmq {

namespace rc = wire::response_code;

void set_request_mode(const Call& call, const wire::RequestMode& body) {
    if (broker::is_retry_topic(body.topic))
        return call.refuse(rc::no_permission, "retry topic is not allowed to set mode");
    if (body.topic.empty() || body.consumer_group.empty() || body.pop_share_queues < 0)
        return call.refuse(rc::invalid_parameter,
                           "a topic, a group, and no negative popShareQueueNum are needed");
    call.broker.request_modes().set(body.topic, body.consumer_group,
                                    {body.pops, body.pop_share_queues});
    reply_when_saved(call);
}

void get_all_request_modes(const Call& call) {
    call.reply_body(json::to_text(call.broker.request_modes().to_json()));
}

}  // namespace mqd::front::rocketmq
