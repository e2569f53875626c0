#pragma once
// A handler's way to what may have to be fetched from the disk.
//
// Threads: called on the session's.

#include <utility>

#include "front/rocketmq/service.h"

namespace mqd::front::rocketmq {

/// Calls `read` on a reader thread, then `answer(session, connection, what it gave)` on the
/// session's, if that still lives. Both own what they hold: the call is over by then, but the
/// broker is not. Answered busy when the connection has too many waiting.
template <class Read, class Answer>
void read_elsewhere(const Call& call, const remoting::Ticket& ticket, Read read, Answer answer) {
    auto& session = call.session;
    auto& connection = call.connection;
    connection.disk_reads.run(
        std::move(read),
        [&session, &connection, answer](auto found) {
            answer(session, connection, std::move(found));
        },
        [&session, ticket](std::string_view why) { refuse_reads(session, ticket, why); });
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
