#include "wire/bodies/topic.h"

namespace mqd::wire {

namespace {

constexpr std::array<std::string_view, 2> filter_types = {"SINGLE_TAG", "MULTI_TAG"};

std::map<std::string, std::string> text_map_of(const json::Value& value) {
    std::map<std::string, std::string> map;
    for (const auto& [key, text] : value.members()) map.emplace(key, text.as_text());
    return map;
}

void write_text_map(json::Writer& out, const std::map<std::string, std::string>& map) {
    out.begin_object();
    for (const auto& [key, text] : map) out.member(key, std::string_view(text));
    out.end_object();
}

}  // namespace

DataVersion DataVersion::from(const json::Value& value) {
    return {value["stateVersion"].as_int(), value["timestamp"].as_int(), value["counter"].as_int()};
}

Result<DataVersion> DataVersion::read(std::string_view body) {
    return read_body<DataVersion>(body);
}

void DataVersion::write(json::Writer& out) const {
    out.begin_object()
        .member("counter", counter)
        .member("stateVersion", state_version)
        .member("timestamp", timestamp)
        .end_object();
}

std::string_view name_of(TopicFilterType type) {
    return filter_types[static_cast<std::size_t>(type)];
}

TopicFilterType topic_filter_type_of(std::string_view name) {
    return name == filter_types[1] ? TopicFilterType::multi_tag : TopicFilterType::single_tag;
}

TopicConfig TopicConfig::from(const json::Value& value) {
    using detail::int32_of;
    TopicConfig topic;
    topic.topic_name = value["topicName"].as_text();
    topic.read_queue_nums = int32_of(value["readQueueNums"], topic.read_queue_nums);
    topic.write_queue_nums = int32_of(value["writeQueueNums"], topic.write_queue_nums);
    topic.perm = int32_of(value["perm"], topic.perm);
    topic.topic_filter_type =
        detail::enum_of(value["topicFilterType"], filter_types, TopicFilterType::single_tag);
    topic.topic_sys_flag = int32_of(value["topicSysFlag"]);
    topic.order = value["order"].as_bool();
    topic.attributes = text_map_of(value["attributes"]);
    return topic;
}

Result<TopicConfig> TopicConfig::read(std::string_view body) {
    return read_body<TopicConfig>(body);
}

void TopicConfig::write(json::Writer& out) const {
    out.begin_object().key("attributes");
    write_text_map(out, attributes);
    out.member("order", order)
        .member("perm", perm)
        .member("readQueueNums", read_queue_nums)
        .member("topicFilterType", name_of(topic_filter_type))
        .member("topicName", std::string_view(topic_name))
        .member("topicSysFlag", topic_sys_flag)
        .member("writeQueueNums", write_queue_nums)
        .end_object();
}

std::vector<TopicConfig> topic_table_of(const json::Value& value) {
    std::vector<TopicConfig> topics;
    topics.reserve(value.members().size());
    for (const auto& [name, config] : value.members()) {
        if (!config.is_object()) continue;
        topics.push_back(TopicConfig::from(config));
        if (topics.back().topic_name.empty()) topics.back().topic_name = name;
    }
    return topics;
}

void write_topic_table(json::Writer& out, const std::vector<TopicConfig>& topics) {
    out.begin_object();
    for (const auto& topic : topics) {
        out.key(topic.topic_name);
        topic.write(out);
    }
    out.end_object();
}

TopicConfigTable TopicConfigTable::from(const json::Value& value) {
    return {DataVersion::from(value["dataVersion"]), topic_table_of(value["topicConfigTable"])};
}

Result<TopicConfigTable> TopicConfigTable::read(std::string_view body) {
    return read_body<TopicConfigTable>(body);
}

void TopicConfigTable::write(json::Writer& out) const {
    out.begin_object().key("dataVersion");
    data_version.write(out);
    out.key("topicConfigTable");
    write_topic_table(out, topics);
    out.end_object();
}

TopicConfigList TopicConfigList::from(const json::Value& value) {
    return {detail::list_of<TopicConfig>(value["topicConfigList"])};
}

Result<TopicConfigList> TopicConfigList::read(std::string_view body) {
    return read_body<TopicConfigList>(body);
}

void TopicConfigList::write(json::Writer& out) const {
    out.begin_object().key("topicConfigList");
    detail::write_list(out, topics);
    out.end_object();
}

TopicList TopicList::from(const json::Value& value) {
    return {detail::texts_of(value["topicList"]), value["brokerAddr"].as_text()};
}

Result<TopicList> TopicList::read(std::string_view body) {
    return read_body<TopicList>(body);
}

void TopicList::write(json::Writer& out) const {
    out.begin_object();
    if (!broker_addr.empty()) out.member("brokerAddr", std::string_view(broker_addr));
    out.key("topicList");
    detail::write_texts(out, topics);
    out.end_object();
}

KvTable KvTable::from(const json::Value& value) {
    return {text_map_of(value["table"])};
}

Result<KvTable> KvTable::read(std::string_view body) {
    return read_body<KvTable>(body);
}

void KvTable::write(json::Writer& out) const {
    out.begin_object().key("table");
    write_text_map(out, table);
    out.end_object();
}

}  // namespace mqd::wire
