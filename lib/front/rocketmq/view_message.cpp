// VIEW_MESSAGE_BY_ID 33: the record at a physical offset, spec remoting.md 3.3.

#include <fmt/format.h>

#include "front/rocketmq/requests.h"
#include "wire/headers/messages.h"

namespace mqd::front::rocketmq {

void view_message(const Call& call) {
    const auto header = call.header<wire::ViewMessage>();
    if (!header) return call.refuse(header.error());
    auto record = call.broker.store().record_at(PhysicalOffset{header->offset});
    if (!record)
        return call.refuse(wire::response_code::system_error,
                           fmt::format("can not find message by the offset, {}", header->offset));
    std::vector<net::Piece> body;
    body.push_back({record->bytes, std::move(record->pin)});
    call.session.reply_pieces(call.session.ticket(call.request), wire::response_code::success,
                              wire::NoHeader{}, std::move(body));
}

}  // namespace mqd::front::rocketmq
