#include "wire/bodies/connections.h"

#include "wire/codes.h"

namespace mqd::wire {

ConsumerIdList ConsumerIdList::from(const json::Value& value) {
    return {detail::texts_of(value["consumerIdList"])};
}

Result<ConsumerIdList> ConsumerIdList::read(std::string_view body) {
    return read_body<ConsumerIdList>(body);
}

void ConsumerIdList::write(json::Writer& out) const {
    out.begin_object().key("consumerIdList");
    detail::write_texts(out, ids);
    out.end_object();
}

Connection Connection::from(const json::Value& value) {
    return {value["clientId"].as_text(), value["clientAddr"].as_text(),
            language_of(value["language"].as_text()), detail::int32_of(value["version"])};
}

void Connection::write(json::Writer& out) const {
    out.begin_object()
        .member("clientAddr", std::string_view(client_addr))
        .member("clientId", std::string_view(client_id))
        .member("language", language_name(language))
        .member("version", version)
        .end_object();
}

ConsumerConnection ConsumerConnection::from(const json::Value& value) {
    ConsumerConnection out;
    out.connections = detail::list_of<Connection>(value["connectionSet"]);
    out.consume_type = consume_type_of(value["consumeType"]);
    out.message_model = message_model_of(value["messageModel"]);
    out.consume_from_where = consume_from_where_of(value["consumeFromWhere"]);
    for (const auto& [topic, subscription] : value["subscriptionTable"].members())
        if (subscription.is_object())
            out.subscriptions.push_back(SubscriptionData::from(subscription));
    return out;
}

Result<ConsumerConnection> ConsumerConnection::read(std::string_view body) {
    return read_body<ConsumerConnection>(body);
}

void ConsumerConnection::write(json::Writer& out) const {
    out.begin_object().key("connectionSet");
    detail::write_list(out, connections);
    out.member("consumeFromWhere", name_of(consume_from_where))
        .member("consumeType", name_of(consume_type))
        .member("messageModel", name_of(message_model))
        .key("subscriptionTable")
        .begin_object();
    for (const auto& subscription : subscriptions) {
        out.key(subscription.topic);
        subscription.write(out);
    }
    out.end_object().end_object();
}

ProducerConnection ProducerConnection::from(const json::Value& value) {
    return {detail::list_of<Connection>(value["connectionSet"])};
}

Result<ProducerConnection> ProducerConnection::read(std::string_view body) {
    return read_body<ProducerConnection>(body);
}

void ProducerConnection::write(json::Writer& out) const {
    out.begin_object().key("connectionSet");
    detail::write_list(out, connections);
    out.end_object();
}

}  // namespace mqd::wire
