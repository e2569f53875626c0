#include "front/rocketmq/errors.h"

#include "wire/codes.h"

namespace mqd::front::rocketmq {

namespace rc = wire::response_code;

std::int32_t code_of(broker::Refusal::Why why) {
    using Why = broker::Refusal::Why;
    switch (why) {
        case Why::none:
            return rc::success;
        case Why::busy:
            return rc::system_busy;
        case Why::closed:
            return rc::service_not_available;
        case Why::failed:
            break;
        case Why::forbidden:
            return rc::no_permission;
        case Why::no_topic:
            return rc::topic_not_exist;
        case Why::no_group:
            return rc::subscription_group_not_exist;
        case Why::invalid:
            return rc::invalid_parameter;
        case Why::illegal:
            return rc::message_illegal;
    }
    return rc::system_error;
}

std::int32_t response_code_of(Errc code) {
    return code_of(broker::Refusal::why_of(code));
}

std::int32_t send_code_of(Errc why_not_stored) {
    switch (why_not_stored) {
        case Errc::invalid:
            return rc::message_illegal;
        case Errc::refused:
            return rc::service_not_available;
        default:
            return rc::system_error;
    }
}

std::int32_t code_of(broker::Durability::Outcome outcome) {
    using Outcome = broker::Durability::Outcome;
    switch (outcome) {
        case Outcome::reached:
            return rc::success;
        case Outcome::disk_late:
            return rc::flush_disk_timeout;
        case Outcome::replicas_late:
            break;
    }
    return rc::flush_slave_timeout;
}

}  // namespace mqd::front::rocketmq
