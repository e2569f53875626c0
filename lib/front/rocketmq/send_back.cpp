// CONSUMER_SEND_MSG_BACK 36: mqd-remoting(7), RETRIES.

#include "broker/send_back.h"

#include "front/rocketmq/read_elsewhere.h"
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

void send_message_back(const Call& call, const wire::SendMessageBack& header) {
    broker::SendBack wanted;
    wanted.at = PhysicalOffset{header.offset};
    wanted.group = header.group;
    wanted.delay_level = header.delay_level;
    if (call.request.version >= wire::retry_max_version)
        wanted.retry_max = header.max_reconsume_times;
    wanted.unit_mode = header.unit_mode;
    const auto ticket = call.session.ticket(call.request);
    const auto answer = [ticket](remoting::Session& session, const Result<>& done) {
        if (done) return session.reply(ticket, rc::success, wire::NoHeader{});
        session.reply(ticket, code_of(done.error().code), wire::NoHeader{}, {}, done.error().what);
    };
    // Else another's messages could be had by their offsets.
    const auto may_take = [asker = call.asker()](std::string_view topic) {
        return asker.may(access::Action::sub, {access::Resource::topic(topic)});
    };
    if (call.broker.store().is_warm(wanted.at))
        return answer(call.session, broker::send_back(call.broker, wanted, may_take));
    read_elsewhere(
        call, ticket,
        [&broker = call.broker, wanted, may_take, group = std::string(header.group)] {
            auto again = wanted;
            again.group = group;
            return broker::send_back(broker, again, may_take);
        },
        [answer](remoting::Session& session, Connection&, const Result<>& done) {
            answer(session, done);
        });
}

}  // namespace mqd::front::rocketmq
