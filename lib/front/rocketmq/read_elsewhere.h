#pragma once
// A handler's way to what may have to be fetched from the disk.
//
// Threads: called on the session's.

#include <memory>
#include <utility>

#include "front/rocketmq/service.h"

namespace mqd::front::rocketmq {

/// Calls `read` on a reader thread, then `answer(session, connection, what it gave)` on the
/// session's, if that still lives. Both own what they hold: the call is over by then, but the
/// broker is not. Answered busy when the connection has too many waiting.
template <class Read, class Answer>
void read_elsewhere(broker::Broker& broker, remoting::Session& session, Connection& connection,
                    const remoting::Ticket& ticket, Read read, Answer answer) {
    const auto start = [&broker, ticket, read, answer] {
        broker.readers().run([ticket, read, answer] {
            auto found = std::make_shared<decltype(read())>(read());
            ticket.with_session([found, answer](remoting::Session& of) {
                const auto to = std::static_pointer_cast<Connection>(of.context);
                if (to == nullptr || !of.is_open()) return;  // closed meanwhile
                to->disk_reads.finished(of);
                answer(of, *to, std::move(*found));
            });
        });
    };
    if (!connection.disk_reads.add(session, start))
        session.reply(ticket, wire::response_code::system_busy, wire::NoHeader{}, {},
                      "too many requests of this connection wait for the disk");
}
template <class Read, class Answer>
void read_elsewhere(const Call& call, const remoting::Ticket& ticket, Read read, Answer answer) {
    read_elsewhere(call.broker, call.session, call.connection, ticket, std::move(read),
                   std::move(answer));
}

/// The answer's body is what `read` gives.
template <class Read>
void reply_body_elsewhere(const Call& call, Read read) {
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(call, ticket, std::move(read),
                   [ticket](remoting::Session& session, Connection&, const std::string& body) {
                       session.reply(ticket, wire::response_code::success, wire::NoHeader{},
                                     as_bytes(body));
                   });
}

}  // namespace mqd::front::rocketmq
