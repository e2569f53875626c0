// SEND_REPLY_MESSAGE 324, _V2 325, and the push 326: the answer to a request goes to the client
// that asked, over the connection that its producers have to this broker (mqd-remoting(7), REQUESTS
// AND REPLIES).

#include <fmt/format.h>

#include <optional>

#include "base/log.h"
#include "broker/append_one.h"
#include "front/rocketmq/ask_client.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/send_request.h"
#include "message/properties.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;
namespace property = message::property;

/// Where a reply lies, as its sender is told; a reply that is not stored lies nowhere.
struct Place {
    std::string msg_id = "0";
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
};

/// Who asked gets the reply whether it can be stored or not.
Place store_reply(const Call& call, const broker::Publication& reply) {
    Place place;
    place.queue_id = reply.queue_id;
    if (!call.service.settings().store_replies) return place;
    const auto stored = broker::append_one(call.broker, broker::draft_of(call.broker, reply),
                                           reply.topic->queue(reply.queue_id));
    if (!stored) {
        log::warn("reply_not_stored",
                  {{"client", call.session.remote()}, {"error", stored.error().what}});
        return place;
    }
    place.msg_id = message::offset_id(call.broker.store_host(), stored->at);
    place.queue_offset = stored->queue_offset.value;
    return place;
}

wire::PushReplyMessage push_of(const Call& call, const wire::SendMessage& header) {
    const std::int64_t now = call.broker.clock().wall_ms();
    wire::PushReplyMessage out;
    out.producer_group = header.producer_group;
    out.topic = header.topic;
    out.default_topic = header.default_topic;
    out.default_topic_queue_nums = header.default_topic_queue_nums;
    out.queue_id = header.queue_id;
    out.sys_flag = header.sys_flag;
    out.born_timestamp = header.born_timestamp;
    out.flag = header.flag;
    out.properties = header.properties;
    message::append_property(out.properties, property::push_reply_time, std::to_string(now));
    out.reconsume_times = header.reconsume_times;
    out.unit_mode = header.unit_mode;
    out.born_host = call.session.remote();
    out.store_host = call.service.address();
    out.store_timestamp = now;
    return out;
}

/// What the replier is told; nothing: the reply has arrived.
std::optional<std::string> failure_of(const Result<remoting::Answer>& answer,
                                      std::string_view client) {
    if (answer && answer->code == rc::success) return std::nullopt;
    return fmt::format("push reply message to {}fail: {}", client,
                       answer ? answer->remark : answer.error().what);
}

broker::Refusal check_reply(const Call& call, const wire::SendMessage& header,
                            const broker::Topic*& topic) {
    auto& intake = call.connection.worker.sends.intake();
    if (auto refusal = intake.find(destination_of(call, header), topic); refusal.is_refused())
        return refusal;
    if (header.properties.size() + 1 + message::crc_property_bytes > message::properties_bytes_max)
        return {broker::Refusal::Why::illegal,
                fmt::format("the message's properties are longer than {} bytes",
                            message::properties_bytes_max)};
    return {};
}

}  // namespace

void send_reply(const Call& call, const wire::SendMessage& header) {
    const broker::Topic* topic = nullptr;
    if (const auto refusal = check_reply(call, header, topic); refusal.is_refused())
        return call.refuse(code_of(refusal.why), refusal.text);

    const auto& settings = call.broker.settings();
    const auto answer = [ticket = call.session.ticket(call.request), &settings,
                         place = store_reply(call, publication_of(call, header, *topic))](
                            const std::optional<std::string>& failure) {
        ticket.with_session([=, &settings](remoting::Session& session) {
            wire::SendMessageResponse out;
            out.msg_id = place.msg_id;
            out.queue_id = place.queue_id;
            out.queue_offset = place.queue_offset;
            out.region = settings.identity.region;
            out.trace_on = settings.identity.trace_on;
            session.reply(ticket, failure ? rc::system_error : rc::success, out, {},
                          failure.value_or(""));
        });
    };
    const auto asker = message::find_property(header.properties, property::reply_to_client);
    if (!asker) return answer("reply message properties[REPLY_TO_CLIENT] is null");
    const auto peer = call.broker.clients().producer_of(*asker);
    if (peer == nullptr)
        return answer(fmt::format("push reply message fail, channel of <{}> not found.", *asker));
    ask_client(peer, wire::request_code::push_reply_message_to_client, push_of(call, header),
               std::make_shared<const std::string>(call.body()),
               [answer, client = std::string(*asker)](const Result<remoting::Answer>& pushed) {
                   answer(failure_of(pushed, client));
               });
}

}  // namespace mqd::front::rocketmq
