// VIEW_MESSAGE_BY_ID 33: the record at a physical offset, mqd-remoting(7), LOOKING UP MESSAGES.

#include <fmt/format.h>

#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "message/record.h"
#include "wire/headers/messages.h"

namespace mqd::front::rocketmq {

namespace {

namespace rc = wire::response_code;

/// The topic that counts is the message's, whatever the header says.
Result<> may_see(const Asker& asker, const store::Slice& record) {
    TRY(const auto message, message::RecordView::parse(record.bytes));
    return asker.may(access::Action::get | access::Action::sub,
                     {access::Resource::topic(message.topic)});
}

void answer_view(remoting::Session& session, const remoting::Ticket& ticket, const Asker& asker,
                 std::int64_t offset, Result<store::Slice> record) {
    const auto refuse = [&](std::int32_t code, std::string_view why) {
        session.reply(ticket, code, wire::NoHeader{}, {}, why);
    };
    if (!record)
        return refuse(rc::system_error,
                      fmt::format("can not find message by the offset, {}", offset));
    if (const auto may = may_see(asker, *record); !may)
        return refuse(may.error().code == Errc::refused ? rc::no_permission : rc::system_error,
                      may.error().what);
    std::vector<net::Piece> body;
    body.push_back({record->bytes, std::move(record->pin)});
    session.reply_pieces(ticket, rc::success, wire::NoHeader{}, std::move(body));
}

}  // namespace

void view_message(const Call& call, const wire::ViewMessage& header) {
    const PhysicalOffset at{header.offset};
    auto& store = call.broker.store();
    const auto ticket = call.session.ticket(call.request);
    if (store.is_warm(at))
        return answer_view(call.session, ticket, call.asker(), at.value, store.record_at(at));
    read_elsewhere(
        call, ticket, [&store, at] { return store.record_at(at); },
        [ticket, at, asker = call.asker()](remoting::Session& session, Connection&,
                                           Result<store::Slice> record) {
            answer_view(session, ticket, asker, at.value, std::move(record));
        });
}

}  // namespace mqd::front::rocketmq
