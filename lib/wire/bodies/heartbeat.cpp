#include "wire/bodies/heartbeat.h"

#include "message/properties.h"

namespace mqd::wire {

namespace {

constexpr std::array<std::string_view, 3> consume_types = {"CONSUME_ACTIVELY", "CONSUME_PASSIVELY",
                                                           "CONSUME_POP"};
constexpr std::array<std::string_view, 2> message_models = {"BROADCASTING", "CLUSTERING"};
constexpr std::array<std::string_view, 6> consume_from_wheres = {
    "CONSUME_FROM_LAST_OFFSET",  "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
    "CONSUME_FROM_MIN_OFFSET",   "CONSUME_FROM_MAX_OFFSET",
    "CONSUME_FROM_FIRST_OFFSET", "CONSUME_FROM_TIMESTAMP",
};

}  // namespace

std::string_view name_of(ConsumeType type) {
    return consume_types[static_cast<std::size_t>(type)];
}
std::string_view name_of(MessageModel model) {
    return message_models[static_cast<std::size_t>(model)];
}
std::string_view name_of(ConsumeFromWhere where) {
    return consume_from_wheres[static_cast<std::size_t>(where)];
}
ConsumeType consume_type_of(const json::Value& value) {
    return detail::enum_of(value, consume_types, ConsumeType::passively);
}
MessageModel message_model_of(const json::Value& value) {
    return detail::enum_of(value, message_models, MessageModel::clustering);
}
ConsumeFromWhere consume_from_where_of(const json::Value& value) {
    return detail::enum_of(value, consume_from_wheres, ConsumeFromWhere::last_offset);
}

SubscriptionData SubscriptionData::from(const json::Value& value) {
    SubscriptionData out;
    out.topic = value["topic"].as_text();
    out.sub_string = value["subString"].as_text(out.sub_string);
    out.expression_type = value["expressionType"].as_text(out.expression_type);
    out.sub_version = value["subVersion"].as_int();
    out.tags = detail::texts_of(value["tagsSet"]);
    out.class_filter_mode = value["classFilterMode"].as_bool();
    return out;
}

Result<SubscriptionData> SubscriptionData::read(std::string_view body) {
    return read_body<SubscriptionData>(body);
}

void SubscriptionData::write(json::Writer& out) const {
    out.begin_object().member("classFilterMode", class_filter_mode).key("codeSet").begin_array();
    for (const auto& tag : tags) out.integer(message::java_hash(tag));
    out.end_array()
        .member("expressionType", std::string_view(expression_type))
        .member("subString", std::string_view(sub_string))
        .member("subVersion", sub_version)
        .key("tagsSet");
    detail::write_texts(out, tags);
    out.member("topic", std::string_view(topic)).end_object();
}

ConsumerData ConsumerData::from(const json::Value& value) {
    return {value["groupName"].as_text(),
            consume_type_of(value["consumeType"]),
            message_model_of(value["messageModel"]),
            consume_from_where_of(value["consumeFromWhere"]),
            detail::list_of<SubscriptionData>(value["subscriptionDataSet"]),
            value["unitMode"].as_bool()};
}

void ConsumerData::write(json::Writer& out) const {
    out.begin_object()
        .member("consumeFromWhere", name_of(consume_from_where))
        .member("consumeType", name_of(consume_type))
        .member("groupName", std::string_view(group_name))
        .member("messageModel", name_of(message_model))
        .key("subscriptionDataSet");
    detail::write_list(out, subscriptions);
    out.member("unitMode", unit_mode).end_object();
}

HeartbeatData HeartbeatData::from(const json::Value& value) {
    HeartbeatData out;
    out.client_id = value["clientID"].as_text();
    out.consumers = detail::list_of<ConsumerData>(value["consumerDataSet"]);
    for (const auto& producer : value["producerDataSet"].items())
        out.producer_groups.push_back(producer["groupName"].as_text());
    out.fingerprint = detail::int32_of(value["heartbeatFingerprint"]);
    out.without_sub = value["withoutSub"].as_bool();
    return out;
}

Result<HeartbeatData> HeartbeatData::read(std::string_view body) {
    return read_body<HeartbeatData>(body);
}

void HeartbeatData::write(json::Writer& out) const {
    out.begin_object().member("clientID", std::string_view(client_id)).key("consumerDataSet");
    detail::write_list(out, consumers);
    out.member("heartbeatFingerprint", fingerprint).key("producerDataSet").begin_array();
    for (const auto& group : producer_groups)
        out.begin_object().member("groupName", std::string_view(group)).end_object();
    out.end_array().member("withoutSub", without_sub).end_object();
}

CheckClientBody CheckClientBody::from(const json::Value& value) {
    CheckClientBody out;
    out.client_id = value["clientId"].as_text();
    out.group = value["group"].as_text();
    out.name_space = value["namespace"].as_text();
    if (const auto& subscription = value["subscriptionData"]; subscription.is_object())
        out.subscription = SubscriptionData::from(subscription);
    return out;
}

Result<CheckClientBody> CheckClientBody::read(std::string_view body) {
    return read_body<CheckClientBody>(body);
}

void CheckClientBody::write(json::Writer& out) const {
    out.begin_object()
        .member("clientId", std::string_view(client_id))
        .member("group", std::string_view(group));
    if (!name_space.empty()) out.member("namespace", std::string_view(name_space));
    if (subscription) {
        out.key("subscriptionData");
        subscription->write(out);
    }
    out.end_object();
}

}  // namespace mqd::wire
