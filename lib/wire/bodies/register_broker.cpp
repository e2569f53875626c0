#include "wire/bodies/register_broker.h"

#include "base/compress.h"
#include "base/parse.h"

namespace mqd::wire {

namespace {

constexpr char zlib_mark = 0x78;
constexpr std::size_t plain_bytes_max = 64 << 20;

std::string_view take_sized_text(ByteReader& in) {
    return in.take_text(in.take<std::uint32_t>());
}

/// `topic read write perm FILTERTYPE {attributesJson}`; 4.9 has no attributes.
Result<TopicConfig> topic_of(std::string_view line) {
    std::string_view words[5];
    for (auto& word : words) {
        const auto end = line.find(' ');
        word = line.substr(0, end);
        line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
    const auto read = parse_int<std::int32_t>(words[1]);
    const auto write = parse_int<std::int32_t>(words[2]);
    const auto perm = parse_int<std::int32_t>(words[3]);
    if (words[0].empty() || !read || !write || !perm)
        return Error{Errc::invalid, "a topic of the registration cannot be read"};
    TopicConfig topic;
    topic.topic_name = std::string(words[0]);
    topic.read_queue_nums = *read;
    topic.write_queue_nums = *write;
    topic.perm = *perm;
    topic.topic_filter_type = topic_filter_type_of(words[4]);
    if (!line.empty()) {
        TRY(const auto attributes, json::parse(line));
        for (const auto& [name, value] : attributes.members())
            topic.attributes.emplace(name, value.as_text());
    }
    return topic;
}

Result<RegisterBrokerBody> read_compressed(std::string_view body) {
    TRY(const auto plain, decompress(Compression::zlib, as_bytes(body), plain_bytes_max));
    ByteReader in(as_bytes(plain));
    RegisterBrokerBody out;
    TRY(out.data_version, DataVersion::read(take_sized_text(in)));
    const auto count = in.take<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        TRY(auto topic, topic_of(take_sized_text(in)));
        out.topics.push_back(std::move(topic));
    }
    const auto filter_servers = take_sized_text(in);
    if (!in.ok()) return Error{Errc::invalid, "the registration ends too early"};
    TRY(const auto servers, json::parse(filter_servers));
    out.filter_servers = detail::texts_of(servers);
    // Mappings of static topics may follow from 5.0 on: nothing here needs them.
    return out;
}

}  // namespace

RegisterBrokerBody RegisterBrokerBody::from(const json::Value& value) {
    const auto& wrapper = value["topicConfigSerializeWrapper"];
    return {DataVersion::from(wrapper["dataVersion"]), topic_table_of(wrapper["topicConfigTable"]),
            detail::texts_of(value["filterServerList"])};
}

Result<RegisterBrokerBody> RegisterBrokerBody::read(std::string_view body) {
    if (body.empty()) return RegisterBrokerBody();
    if (body.front() == zlib_mark) return read_compressed(body);
    return read_body<RegisterBrokerBody>(body);
}

void RegisterBrokerBody::write(json::Writer& out) const {
    const auto empty_object = [&](std::string_view name) {
        out.key(name).begin_object().end_object();
    };
    out.begin_object().key("filterServerList");
    detail::write_texts(out, filter_servers);
    out.key("topicConfigSerializeWrapper").begin_object().key("dataVersion");
    data_version.write(out);
    out.key("mappingDataVersion");
    DataVersion{0, data_version.timestamp, 0}.write(out);
    out.key("topicConfigTable");
    write_topic_table(out, topics);
    empty_object("topicQueueMappingDetailMap");
    empty_object("topicQueueMappingInfoMap");
    out.end_object().end_object();
}

}  // namespace mqd::wire
