#include "front/rocketmq/saved.h"

namespace mqd::front::rocketmq {

void reply_when_saved(const Call& call) {
    call.broker.save_soon([ticket = call.session.ticket(call.request)](const Result<>& saved) {
        const std::string what = saved ? std::string() : saved.error().what;
        ticket.with_session([ticket, what](remoting::Session& session) {
            namespace rc = wire::response_code;
            session.reply(ticket, what.empty() ? rc::success : rc::system_error, wire::NoHeader{},
                          {}, what);
        });
    });
}

}  // namespace mqd::front::rocketmq
