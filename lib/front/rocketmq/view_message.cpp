// VIEW_MESSAGE_BY_ID 33: the record at a physical offset, mqd-remoting(7), LOOKING UP MESSAGES.

#include <fmt/format.h>

#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "wire/headers/messages.h"

namespace mqd::front::rocketmq {

namespace {

void answer_view(remoting::Session& session, const remoting::Ticket& ticket, std::int64_t offset,
                 Result<store::Slice> record) {
    if (!record)
        return session.reply(ticket, wire::response_code::system_error, wire::NoHeader{}, {},
                             fmt::format("can not find message by the offset, {}", offset));
    std::vector<net::Piece> body;
    body.push_back({record->bytes, std::move(record->pin)});
    session.reply_pieces(ticket, wire::response_code::success, wire::NoHeader{}, std::move(body));
}

}  // namespace

void view_message(const Call& call) {
    const auto header = call.header<wire::ViewMessage>();
    if (!header) return call.refuse(header.error());
    const PhysicalOffset at{header->offset};
    auto& store = call.broker.store();
    const auto ticket = call.session.ticket(call.request);
    if (store.is_warm(at)) return answer_view(call.session, ticket, at.value, store.record_at(at));
    read_elsewhere(
        call, ticket, [&store, at] { return store.record_at(at); },
        [ticket, at](remoting::Session& session, Connection&, Result<store::Slice> record) {
            answer_view(session, ticket, at.value, std::move(record));
        });
}

}  // namespace mqd::front::rocketmq
