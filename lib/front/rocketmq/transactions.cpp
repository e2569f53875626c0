// END_TRANSACTION 37, RESUME_CHECK_HALF_MESSAGE 323, and the question CHECK_TRANSACTION_STATE 39:
// mqd-remoting(7), TRANSACTIONS.

#include "broker/transactions.h"

#include "broker/names.h"
#include "front/rocketmq/ask_client.h"
#include "front/rocketmq/deferred.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/requests.h"
#include "wire/headers/messages.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

std::int32_t code_of(const broker::Transactions::Ended& ended) {
    using Kind = broker::Transactions::Ended::Kind;
    switch (ended.kind) {
        case Kind::settled:
            return rc::success;
        case Kind::too_late:
            return rc::illegal_operation;
        case Kind::refused:
            return rc::no_permission;
        case Kind::not_stored:
            return send_code_of(ended.why_not);
        case Kind::no_such:
            break;
    }
    return rc::system_error;
}

namespace state = wire::transaction_state;

/// Of a half message that can be read by now, if it is there.
void end_shown(const Call& call) {
    const auto header = call.header<wire::EndTransaction>();
    if (!header) return call.refuse(header.error());
    const auto decision = header->commit_or_rollback;
    broker::Transactions::End end;
    end.group = header->producer_group;
    end.queue_offset = header->tran_state_table_offset;
    end.at = PhysicalOffset{header->commit_log_offset};
    end.commit = decision == state::commit;
    end.from_check = header->from_transaction_check;
    const auto leading = call.leading();
    if (leading == nullptr) return;
    const auto ended = leading->transactions->end(end, [&call](std::string_view topic) {
        return call.may(access::Action::pub, {access::Resource::topic(topic)});
    });
    const auto code = code_of(ended);
    if (code != rc::success) return call.refuse(code, ended.what);
    call.reply();
}

}  // namespace

void end_transaction(const Call& call, const wire::EndTransaction& header) {
    const auto decision = header.commit_or_rollback;
    // "I do not know" is never answered, not even as a call.
    if (decision != state::commit && decision != state::rollback) return;
    handle_when_shown(call, PhysicalOffset{header.commit_log_offset}, end_shown);
}

void resume_check(const Call& call, const wire::ResumeCheck& header) {
    const auto id = message::parse_offset_id(header.msg_id);
    if (!id) return call.refuse(rc::system_error, "msgId is no offset id");
    const auto leading = call.leading();
    if (leading == nullptr) return;
    bool is_forbidden = false;  // a full disk refuses, too
    const auto resumed = leading->transactions->resume(id->at, [&](std::string_view topic) {
        auto may = call.may(access::Action::update, {access::Resource::topic(topic)});
        is_forbidden = !may;
        return may;
    });
    if (is_forbidden) return call.forbid(resumed.error());
    if (!resumed) return call.refuse(rc::system_error, resumed.error().what);
    call.reply();
}

void Connection::check_transaction(const std::shared_ptr<const broker::HalfCheck>& check) {
    session_.with_session([check, &worker = worker](remoting::Session& session) {
        if (session.unsent_bytes() > client_unsent_bytes_max) return;  // it is asked again
        wire::CheckTransactionState header;
        header.topic = broker::half_topic;
        header.tran_state_table_offset = check->queue_offset;
        header.commit_log_offset = check->at.value;
        header.msg_id = check->unique_key;
        header.transaction_id = check->transaction_id;
        header.offset_msg_id = check->offset_id;
        header.broker_name = worker.broker_name;
        session.push(wire::request_code::check_transaction_state, header, as_bytes(check->record));
    });
}

}  // namespace mqd::front::rocketmq
