#include "front/rocketmq/errors.h"

#include "wire/codes.h"

namespace mqd::front::rocketmq {

std::int32_t response_code_of(Errc code) {
    namespace rc = wire::response_code;
    switch (code) {
        case Errc::invalid:
            return rc::invalid_parameter;
        case Errc::not_found:
            return rc::topic_not_exist;
        case Errc::refused:  // by a disk without room; permissions are told where they are known
            return rc::service_not_available;
        case Errc::unavailable:
            return rc::system_busy;
        case Errc::corrupt:
        case Errc::io:
        case Errc::unsupported:
            break;
    }
    return rc::system_error;
}

std::int32_t send_code_of(Errc why_not_stored) {
    namespace rc = wire::response_code;
    switch (why_not_stored) {
        case Errc::invalid:
            return rc::message_illegal;
        case Errc::refused:
            return rc::service_not_available;
        default:
            return rc::system_error;
    }
}

}  // namespace mqd::front::rocketmq
