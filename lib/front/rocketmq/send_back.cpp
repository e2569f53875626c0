// CONSUMER_SEND_MSG_BACK 36: spec remoting.md 3.8.

#include "broker/send_back.h"

#include "front/rocketmq/requests.h"
#include "wire/headers/messages.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

std::int32_t code_of(Errc why) {
    if (why == Errc::not_found) return rc::subscription_group_not_exist;
    return why == Errc::refused ? rc::no_permission : rc::system_error;
}

}  // namespace

void send_message_back(const Call& call) {
    const auto header = call.header<wire::SendMessageBack>();
    if (!header) return call.refuse(header.error());
    broker::SendBack wanted;
    wanted.at = PhysicalOffset{header->offset};
    wanted.group = header->group;
    wanted.delay_level = header->delay_level;
    if (call.request.version >= wire::retry_max_version)
        wanted.retry_max = header->max_reconsume_times;
    wanted.unit_mode = header->unit_mode;
    wanted.store_host = call.service.store_host();
    const auto done = broker::send_back(call.broker, wanted);
    if (!done) return call.refuse(code_of(done.error().code), done.error().what);
    call.reply();
}

}  // namespace mqd::front::rocketmq
