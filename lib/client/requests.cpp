#include "client/requests.h"

#include <fmt/format.h>

#include <utility>

#include "client/producer.h"
#include "message/properties.h"
#include "message/record.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"
#include "wire/headers/send.h"

namespace mqd::client {
namespace {

std::string heartbeat_of(const std::string& client_id, const std::string& group) {
    wire::HeartbeatData data;
    data.client_id = client_id;
    data.producer_groups.push_back(group);
    return wire::to_body(data);
}

/// Nothing: it is nobody's.
std::optional<Requests::Reply> reply_of(const wire::Command& command) {
    const auto header = wire::read_header<wire::PushReplyMessage>(command);
    if (!header) return std::nullopt;
    const auto id = message::find_property(header->properties, message::property::correlation_id);
    if (!id) return std::nullopt;
    message::RecordView reply;
    reply.body = as_text(command.body);
    reply.sys_flag = header->sys_flag;
    return Requests::Reply{std::string(*id), reply.plain_body(Producer::body_bytes_max)};
}

}  // namespace

Requests::Requests(Client& client, const std::string& group)
    : heartbeats_(client, heartbeat_of(client_id_, group)) {
    client.on_push(
        [&client, mailbox = mailbox_](const std::string& address, const wire::Command& command) {
            if (command.code != wire::request_code::push_reply_message_to_client) return;
            if (auto reply = reply_of(command)) mailbox->put(std::move(*reply));
            // Who replied is told that it has arrived, whoever waits for it.
            client.channel(address)->answer(command, wire::response_code::success);
        });
}

void Requests::append_properties(std::string& properties, std::string_view correlation_id,
                                 std::int64_t ttl_ms) const {
    message::append_property(properties, message::property::correlation_id, correlation_id);
    message::append_property(properties, message::property::reply_to_client, client_id_);
    message::append_property(properties, message::property::ttl, std::to_string(ttl_ms));
}

Result<> Requests::set_brokers(const std::vector<std::string>& brokers) {
    if (heartbeats_.brokers() == brokers) return {};
    heartbeats_.set_brokers(brokers);
    auto told = heartbeats_.beat_and_wait(false);
    if (!told) heartbeats_.beat();
    return told;
}

void Requests::follow_brokers(const std::vector<std::string>& brokers) {
    if (heartbeats_.brokers() == brokers) return;
    heartbeats_.set_brokers(brokers);
    heartbeats_.beat();
}

std::vector<Requests::Reply> Requests::take() {
    std::vector<Reply> replies;
    mailbox_->take(replies);
    return replies;
}

}  // namespace mqd::client
