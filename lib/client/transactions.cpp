#include "client/transactions.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "client/errors.h"
#include "message/id.h"
#include "message/properties.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"
#include "wire/headers/messages.h"

namespace mqd::client {
namespace {

std::string heartbeat_of(const std::string& group) {
    wire::HeartbeatData data;
    data.client_id = make_client_id();
    data.producer_groups.push_back(group);
    return wire::to_body(data);
}

Result<> ended(const std::string& address, const Result<remoting::Answer>& answer) {
    if (!answer) return answer.error();
    if (answer->code != wire::response_code::success)
        return error_of(address, answer->code, answer->remark);
    return {};
}

}  // namespace

Transactions::Transactions(Client& client, std::string group)
    : client_(client), group_(std::move(group)), heartbeats_(client, heartbeat_of(group_)) {
    client.on_push([mailbox = mailbox_](const std::string& address, const wire::Command& command) {
        if (command.code != wire::request_code::check_transaction_state) return;
        const auto header = wire::read_header<wire::CheckTransactionState>(command);
        if (!header) return;  // it asks again
        Half half{address, std::string(header->msg_id), std::string(header->transaction_id),
                  header->tran_state_table_offset, header->commit_log_offset};
        mailbox->put(Question{std::move(half), std::string(as_text(command.body))});
    });
}

void Transactions::append_properties(std::string& properties, std::string_view group) {
    message::append_property(properties, message::property::tran_msg, "true");
    message::append_property(properties, message::property::producer_group, group);
}

Result<Half> Transactions::half_of(const Settled& settled) {
    const auto id = message::parse_offset_id(settled.offset_id);
    if (!id || settled.first_offset < 0)
        return Error{Errc::corrupt,
                     fmt::format("the answer of {} does not say where the half message is",
                                 settled.batch.queue().address)};
    Half half;
    half.address = settled.batch.queue().address;
    settled.batch.for_each([&](std::string_view key, std::string_view) { half.id = key; });
    half.transaction_id = half.id;
    half.queue_offset = settled.first_offset;
    half.at = id->at.value;
    return half;
}

void Transactions::set_brokers(const std::vector<std::string>& brokers) {
    if (heartbeats_.brokers() == brokers) return;
    heartbeats_.set_brokers(brokers);
    heartbeats_.beat();
}

void Transactions::end(const Half& half, bool commits, bool is_answer, std::uint64_t number) {
    wire::EndTransaction header;
    header.producer_group = group_;
    header.tran_state_table_offset = half.queue_offset;
    header.commit_log_offset = half.at;
    header.commit_or_rollback =
        commits ? wire::transaction_state::commit : wire::transaction_state::rollback;
    header.from_transaction_check = is_answer;
    header.msg_id = half.id;
    header.transaction_id = half.transaction_id;
    client_.channel(half.address)
        ->call(wire::request_code::end_transaction, header, {}, client_.options().timeout_ms,
               [mailbox = mailbox_, number,
                address = half.address](const Result<remoting::Answer>& answer) {
                   mailbox->put(Ended{number, ended(address, answer)});
               });
}

std::vector<Transactions::Event> Transactions::take() {
    std::vector<Event> events;
    mailbox_->take(events);
    return events;
}

}  // namespace mqd::client
