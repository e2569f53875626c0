#include "client/replies.h"

#include "base/clock.h"
#include "client/errors.h"
#include "client/queues.h"
#include "message/id.h"
#include "message/properties.h"
#include "wire/codes.h"
#include "wire/headers/send.h"

namespace mqd::client {
namespace {

/// A broker waits 10 s for who asked.
constexpr std::int64_t answer_ms = 12'000;
constexpr std::string_view reply_topic = "_REPLY_TOPIC";
constexpr std::string_view reply_type = "reply";

std::string properties_of(const ReplyTo& to) {
    static message::UniqueKeys keys;
    std::string out;
    message::append_property(out, message::property::uniq_key, keys.next());
    message::append_property(out, message::property::message_type, reply_type);
    message::append_property(out, message::property::correlation_id, to.correlation_id);
    message::append_property(out, message::property::reply_to_client, to.client);
    if (!to.ttl.empty()) message::append_property(out, message::property::ttl, to.ttl);
    return out;
}

}  // namespace

std::optional<ReplyTo> ReplyTo::read(std::string_view properties) {
    const auto get = [&](std::string_view name) {
        return std::string(message::find_property(properties, name).value_or(""));
    };
    ReplyTo to{get(message::property::cluster), get(message::property::correlation_id),
               get(message::property::reply_to_client), get(message::property::ttl)};
    if (to.cluster.empty() || to.correlation_id.empty() || to.client.empty()) return std::nullopt;
    return to;
}

std::uint64_t Replies::send(const std::string& address, const ReplyTo& to, Bytes body) {
    const std::uint64_t id = next_id_++;
    const std::string topic = to.cluster + std::string(reply_topic);
    const std::string properties = properties_of(to);
    wire::SendMessageV2 header;
    header.producer_group = group_;
    header.topic = topic;
    header.default_topic = template_topic;
    header.queue_id = 0;
    header.born_timestamp = wall_ms();
    header.properties = properties;
    client_.channel(address)->call(
        wire::request_code::send_reply_message_v2, header, body, answer_ms,
        [mailbox = mailbox_, id, address](Result<remoting::Answer> answer) {
            if (!answer) return mailbox->put({id, std::move(answer).error()});
            if (answer->code == wire::response_code::success) return mailbox->put({id, {}});
            mailbox->put({id, error_of(address, answer->code, answer->remark)});
        });
    return id;
}

std::vector<Replies::Sent> Replies::take() {
    std::vector<Sent> sent;
    mailbox_->take(sent);
    return sent;
}

}  // namespace mqd::client
