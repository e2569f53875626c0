// RECALL_MESSAGE 370, GET_TIMER_CHECK_POINT 60, GET_TIMER_METRICS 61: mqd-remoting(7), DELAYED
// MESSAGES.

#include <fmt/format.h>

#include <array>

#include "broker/append_one.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/recall_handle.h"
#include "front/rocketmq/requests.h"
#include "json/writer.h"
#include "message/properties.h"
#include "message/sys_flag.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;
namespace property = message::property;

/// A message in the same slot of the wheel that removes the one with this key.
std::string removal_properties(const Call& call, const wire::RecallMessage& header,
                               const RecallHandle& handle) {
    std::string out;
    message::append_property(out, property::timer_del_uniqkey,
                             handle.topic + "+" + handle.unique_key);
    message::append_property(out, property::uniq_key, handle.unique_key);
    message::append_property(out, property::timer_deliver_ms, std::to_string(handle.out_ms + 1));
    message::append_property(out, property::tags, "_RECALL_TAG_");
    message::append_property(out, "BORN_TIMESTAMP", std::to_string(call.broker.clock().wall_ms()));
    if (!header.producer_group.empty())
        message::append_property(out, property::producer_group, header.producer_group);
    return out;
}

Result<broker::AppendedOne> store_removal(const Call& call, const broker::Place& place) {
    message::Draft draft;
    draft.born_ts_ms = call.broker.clock().wall_ms();
    draft.born_host = call.session.remote_host();
    draft.store_host = call.broker.store_host();
    draft.body = "0";
    draft.properties = place.properties;
    return broker::append_one(call.broker, draft, *place.queue);
}

}  // namespace

void recall_message(const Call& call, const wire::RecallMessage& header) {
    const auto& settings = call.broker.settings();
    if (!call.service.settings().recall || !settings.delays.timers)
        return call.refuse(rc::no_permission, "recall failed, operation is forbidden");
    if ((settings.identity.permission & message::perm::write) == 0)
        return call.refuse(rc::service_not_available,
                           "recall failed, broker service not available");
    if (call.connection.worker.topics.find(header.topic) == nullptr)
        return call.refuse(rc::topic_not_exist,
                           fmt::format("recall failed, the topic[{}] not exist", header.topic));
    const auto handle = RecallHandle::parse(header.recall_handle);
    if (!handle) return call.refuse(rc::illegal_operation, handle.error().what);
    if (handle->topic != header.topic)
        return call.refuse(rc::illegal_operation, "recall failed, topic not match");
    if (handle->broker != settings.identity.name)
        return call.refuse(rc::illegal_operation, "recall failed, broker service not available");
    const std::int64_t left_ms = handle->out_ms - call.broker.clock().wall_ms();
    if (left_ms <= 0 || left_ms > settings.delays.timer_max_s * 1000)
        return call.refuse(rc::illegal_operation, "recall failed, timestamp invalid");
    const auto leading = call.leading();
    if (leading == nullptr) return;
    const auto place = leading->timers->place(removal_properties(call, header, *handle),
                                              handle->out_ms, handle->topic, 0);
    const auto stored = store_removal(call, place);
    if (!stored) return call.refuse(rc::system_error, "recall failed, execute error");
    if (!settings.durability.sends_wait() || call.request.is_oneway())
        return call.reply(wire::RecallMessageResponse{handle->unique_key});
    // Whoever is told that it is called back will not see it after a power cut either.
    call.broker.durability().when(
        stored->end, broker::Durability::promised(settings),
        [ticket = call.session.ticket(call.request), key = handle->unique_key](auto outcome) {
            ticket.with_session([ticket, key, code = code_of(outcome)](remoting::Session& session) {
                session.reply(ticket, code, wire::RecallMessageResponse{key}, {},
                              code == rc::success ? std::string_view() : wire::response_name(code));
            });
        });
}

void get_timer_check_point(const Call& call) {
    const auto leading = call.leading();
    if (leading == nullptr) return;
    std::array<std::byte, store::TimerCheck::bytes_each> bytes{};
    leading->timers->check_point().store(bytes.data());
    call.reply_body(as_text(bytes));
}

void get_timer_metrics(const Call& call) {
    const auto leading = call.leading();
    if (leading != nullptr) call.reply_body(json::to_text(leading->timers->metrics()));
}

}  // namespace mqd::front::rocketmq
