#include "front/rocketmq/saved.h"

namespace mqd::front::rocketmq {

void reply_outcome(const remoting::Ticket& ticket, const Result<>& outcome) {
    const std::string what = outcome ? std::string() : outcome.error().what;
    ticket.with_session([ticket, what](remoting::Session& session) {
        namespace rc = wire::response_code;
        session.reply(ticket, what.empty() ? rc::success : rc::system_error, wire::NoHeader{}, {},
                      what);
    });
}

void reply_when_saved(const Call& call) {
    call.broker.save_soon([ticket = call.session.ticket(call.request)](const Result<>& saved) {
        reply_outcome(ticket, saved);
    });
}

}  // namespace mqd::front::rocketmq
