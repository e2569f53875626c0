#include "wire/bodies/consumers.h"

#include "base/parse.h"
#include "wire/codes.h"

namespace mqd::wire {
namespace {

/// An offset as a queue table's item.
struct Offset {
    std::int64_t value = 0;
    static Offset from(const json::Value& value) { return {value.as_int()}; }
};

ConsumerStatus::Offsets offsets_of(const json::Value& value) {
    ConsumerStatus::Offsets out;
    for (auto& [queue, offset] : detail::queue_table_of<Offset>(value))
        out.emplace_back(std::move(queue), offset.value);
    return out;
}

/// `2026-11-20#10:00:00:123`, local time, as Java's tools show it.
std::string human_time(std::int64_t ms) {
    auto text = format_time(ms).substr(0, std::string_view("2026-11-20T10:00:00.123").size());
    text[10] = '#';
    text[19] = ':';
    return text;
}

void write_offsets(json::Writer& out, const ConsumerStatus::Offsets& offsets) {
    out.begin_object();
    for (const auto& [queue, offset] : offsets) out.raw_key(to_body(queue)).integer(offset);
    out.end_object();
}

}  // namespace

ResetOffsetBody ResetOffsetBody::from(const json::Value& value) {
    ResetOffsetBody out;
    for (const auto& item : value["offsetTable"].items())
        out.offsets.emplace_back(MessageQueue::from(item), item["offset"].as_int());
    if (out.offsets.empty()) out.offsets = offsets_of(value["offsetTable"]);
    return out;
}

Result<ResetOffsetBody> ResetOffsetBody::read(std::string_view body) {
    return read_body<ResetOffsetBody>(body);
}

void ResetOffsetBody::write(json::Writer& out) const {
    out.begin_object().key("offsetTable");
    write_offsets(out, offsets);
    out.end_object();
}

std::string ResetOffsetBody::list_body() const {
    std::string text;
    json::Writer out(text);
    out.begin_object().key("offsetTable").begin_array();
    for (const auto& [queue, offset] : offsets)
        out.begin_object()
            .member("brokerName", std::string_view(queue.broker_name))
            .member("offset", offset)
            .member("queueId", queue.queue_id)
            .member("topic", std::string_view(queue.topic))
            .end_object();
    out.end_array().end_object();
    return text;
}

ConsumerStatus ConsumerStatus::from(const json::Value& value) {
    ConsumerStatus out;
    out.of_client = offsets_of(value["messageQueueTable"]);
    for (const auto& [client, offsets] : value["consumerTable"].members())
        out.of_group.emplace_back(client, offsets_of(offsets));
    return out;
}

Result<ConsumerStatus> ConsumerStatus::read(std::string_view body) {
    return read_body<ConsumerStatus>(body);
}

void ConsumerStatus::write(json::Writer& out) const {
    out.begin_object().key("consumerTable").begin_object();
    for (const auto& [client, offsets] : of_group) {
        out.key(client);
        write_offsets(out, offsets);
    }
    out.end_object().key("messageQueueTable");
    write_offsets(out, of_client);
    out.end_object();
}

QueueTimeSpan QueueTimeSpan::from(const json::Value& value) {
    return {MessageQueue::from(value["messageQueue"]), value["minTimeStamp"].as_int(),
            value["maxTimeStamp"].as_int(), value["consumeTimeStamp"].as_int(),
            value["delayTime"].as_int()};
}

void QueueTimeSpan::write(json::Writer& out) const {
    const auto time = [&](const char* name, const char* text_name, std::int64_t ms) {
        out.member(name, ms).member(text_name, std::string_view(human_time(ms)));
    };
    out.begin_object();
    time("consumeTimeStamp", "consumeTimeStampStr", consume_timestamp);
    out.member("delayTime", delay_ms);
    time("maxTimeStamp", "maxTimeStampStr", max_timestamp);
    out.key("messageQueue");
    queue.write(out);
    time("minTimeStamp", "minTimeStampStr", min_timestamp);
    out.end_object();
}

ConsumeTimeSpans ConsumeTimeSpans::from(const json::Value& value) {
    return {detail::list_of<QueueTimeSpan>(value["consumeTimeSpanSet"])};
}

Result<ConsumeTimeSpans> ConsumeTimeSpans::read(std::string_view body) {
    return read_body<ConsumeTimeSpans>(body);
}

void ConsumeTimeSpans::write(json::Writer& out) const {
    out.begin_object().key("consumeTimeSpanSet");
    detail::write_list(out, queues);
    out.end_object();
}

CorrectionOffsets CorrectionOffsets::from(const json::Value& value) {
    CorrectionOffsets out;
    for (const auto& [queue, offset] : value["correctionOffsets"].members())
        if (const auto id = parse_int<std::int32_t>(queue))
            out.offsets.emplace_back(*id, offset.as_int());
    return out;
}

Result<CorrectionOffsets> CorrectionOffsets::read(std::string_view body) {
    return read_body<CorrectionOffsets>(body);
}

void CorrectionOffsets::write(json::Writer& out) const {
    out.begin_object().key("correctionOffsets").begin_object();
    for (const auto& [queue, offset] : offsets) out.raw_key(std::to_string(queue)).integer(offset);
    out.end_object().end_object();
}

BrokerConsumeStats BrokerConsumeStats::from(const json::Value& value) {
    BrokerConsumeStats out;
    out.broker_addr = value["brokerAddr"].as_text();
    for (const auto& entry : value["consumeStatsList"].items())
        for (const auto& [group, stats] : entry.members())
            out.groups.emplace_back(group, detail::list_of<ConsumeStats>(stats));
    out.total_diff = value["totalDiff"].as_int();
    out.total_inflight_diff = value["totalInflightDiff"].as_int();
    return out;
}

Result<BrokerConsumeStats> BrokerConsumeStats::read(std::string_view body) {
    return read_body<BrokerConsumeStats>(body);
}

void BrokerConsumeStats::write(json::Writer& out) const {
    out.begin_object()
        .member("brokerAddr", std::string_view(broker_addr))
        .key("consumeStatsList")
        .begin_array();
    for (const auto& [group, stats] : groups) {
        out.begin_object().key(group);
        detail::write_list(out, stats);
        out.end_object();
    }
    out.end_array()
        .member("totalDiff", total_diff)
        .member("totalInflightDiff", total_inflight_diff)
        .end_object();
}

ProducerInfo ProducerInfo::from(const json::Value& value) {
    return {value["clientId"].as_text(), value["remoteIP"].as_text(),
            language_of(value["language"].as_text()), detail::int32_of(value["version"]),
            value["lastUpdateTimestamp"].as_int()};
}

void ProducerInfo::write(json::Writer& out) const {
    out.begin_object()
        .member("clientId", std::string_view(client_id))
        .member("language", language_name(language))
        .member("lastUpdateTimestamp", last_update_timestamp)
        .member("remoteIP", std::string_view(remote_ip))
        .member("version", version)
        .end_object();
}

ProducerTable ProducerTable::from(const json::Value& value) {
    ProducerTable out;
    for (const auto& [group, producers] : value["data"].members())
        out.groups.emplace_back(group, detail::list_of<ProducerInfo>(producers));
    return out;
}

Result<ProducerTable> ProducerTable::read(std::string_view body) {
    return read_body<ProducerTable>(body);
}

void ProducerTable::write(json::Writer& out) const {
    out.begin_object().key("data").begin_object();
    for (const auto& [group, producers] : groups) {
        out.key(group);
        detail::write_list(out, producers);
    }
    out.end_object().end_object();
}

QueriedSubscription QueriedSubscription::from(const json::Value& value) {
    QueriedSubscription out;
    out.group = value["group"].as_text();
    out.topic = value["topic"].as_text();
    if (value["subscriptionData"].is_object())
        out.subscription = SubscriptionData::from(value["subscriptionData"]);
    return out;
}

Result<QueriedSubscription> QueriedSubscription::read(std::string_view body) {
    return read_body<QueriedSubscription>(body);
}

void QueriedSubscription::write(json::Writer& out) const {
    out.begin_object().member("group", std::string_view(group));
    if (subscription) {
        out.key("subscriptionData");
        subscription->write(out);
    }
    out.member("topic", std::string_view(topic)).end_object();
}

}  // namespace mqd::wire
