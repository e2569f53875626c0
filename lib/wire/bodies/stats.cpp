#include "wire/bodies/stats.h"

namespace mqd::wire {

TopicOffset TopicOffset::from(const json::Value& value) {
    return {value["minOffset"].as_int(), value["maxOffset"].as_int(),
            value["lastUpdateTimestamp"].as_int()};
}

void TopicOffset::write(json::Writer& out) const {
    out.begin_object()
        .member("lastUpdateTimestamp", last_update_timestamp)
        .member("maxOffset", max_offset)
        .member("minOffset", min_offset)
        .end_object();
}

TopicStatsTable TopicStatsTable::from(const json::Value& value) {
    return {detail::queue_table_of<TopicOffset>(value["offsetTable"]),
            value["topicPutTps"].as_real()};
}

Result<TopicStatsTable> TopicStatsTable::read(std::string_view body) {
    return read_body<TopicStatsTable>(body);
}

void TopicStatsTable::write(json::Writer& out) const {
    out.begin_object().key("offsetTable");
    detail::write_queue_table(out, offsets);
    out.member("topicPutTps", topic_put_tps).end_object();
}

ConsumeOffset ConsumeOffset::from(const json::Value& value) {
    return {value["brokerOffset"].as_int(), value["consumerOffset"].as_int(),
            value["pullOffset"].as_int(), value["lastTimestamp"].as_int()};
}

void ConsumeOffset::write(json::Writer& out) const {
    out.begin_object()
        .member("brokerOffset", broker_offset)
        .member("consumerOffset", consumer_offset)
        .member("lastTimestamp", last_timestamp)
        .member("pullOffset", pull_offset)
        .end_object();
}

ConsumeStats ConsumeStats::from(const json::Value& value) {
    return {detail::queue_table_of<ConsumeOffset>(value["offsetTable"]),
            value["consumeTps"].as_real()};
}

Result<ConsumeStats> ConsumeStats::read(std::string_view body) {
    return read_body<ConsumeStats>(body);
}

void ConsumeStats::write(json::Writer& out) const {
    out.begin_object().member("consumeTps", consume_tps).key("offsetTable");
    detail::write_queue_table(out, offsets);
    out.end_object();
}

StatsSnapshot StatsSnapshot::from(const json::Value& value) {
    return {value["sum"].as_int(), value["tps"].as_real(), value["avgpt"].as_real()};
}

void StatsSnapshot::write(json::Writer& out) const {
    out.begin_object().member("avgpt", avgpt).member("sum", sum).member("tps", tps).end_object();
}

BrokerStatsData BrokerStatsData::from(const json::Value& value) {
    return {StatsSnapshot::from(value["statsMinute"]), StatsSnapshot::from(value["statsHour"]),
            StatsSnapshot::from(value["statsDay"])};
}

Result<BrokerStatsData> BrokerStatsData::read(std::string_view body) {
    return read_body<BrokerStatsData>(body);
}

void BrokerStatsData::write(json::Writer& out) const {
    out.begin_object().key("statsDay");
    day.write(out);
    out.key("statsHour");
    hour.write(out);
    out.key("statsMinute");
    minute.write(out);
    out.end_object();
}

}  // namespace mqd::wire
