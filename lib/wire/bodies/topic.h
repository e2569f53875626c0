#pragma once
// Topics as they travel: DataVersion, TopicConfig (17, 18, 21, 103, 351), lists of names (206, 224,
// 304, 305, 311 to 313), tables of text (28, 103, 219). mqd-remoting(7), REGISTRATION,
// ADMINISTRATION and TOPICS.

#include <map>

#include "wire/bodies/body.h"

namespace mqd::wire {

/// Compared for equality only.
struct DataVersion {
    std::int64_t state_version = 0;
    std::int64_t timestamp = 0;
    std::int64_t counter = 0;

    bool operator==(const DataVersion&) const = default;

    static DataVersion from(const json::Value& value);
    static Result<DataVersion> read(std::string_view body);
    void write(json::Writer& out) const;
};

enum class TopicFilterType { single_tag, multi_tag };
std::string_view name_of(TopicFilterType type);  ///< SINGLE_TAG, MULTI_TAG
/// By name; single_tag for what nobody knows.
TopicFilterType topic_filter_type_of(std::string_view name);

struct TopicConfig {
    std::string topic_name;
    std::int32_t read_queue_nums = 16;
    std::int32_t write_queue_nums = 16;
    std::int32_t perm = 6;
    TopicFilterType topic_filter_type = TopicFilterType::single_tag;
    std::int32_t topic_sys_flag = 0;
    bool order = false;
    std::map<std::string, std::string> attributes;  ///< without the + of requests

    bool operator==(const TopicConfig&) const = default;

    static TopicConfig from(const json::Value& value);
    static Result<TopicConfig> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// `{"T":TopicConfig,...}` and back; a config without its own name has that of its key.
std::vector<TopicConfig> topic_table_of(const json::Value& value);
void write_topic_table(json::Writer& out, const std::vector<TopicConfig>& topics);

/// GET_ALL_TOPIC_CONFIG 21.
struct TopicConfigTable {
    DataVersion data_version;
    std::vector<TopicConfig> topics;

    static TopicConfigTable from(const json::Value& value);
    static Result<TopicConfigTable> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// UPDATE_AND_CREATE_TOPIC_LIST 18.
struct TopicConfigList {
    std::vector<TopicConfig> topics;

    static TopicConfigList from(const json::Value& value);
    static Result<TopicConfigList> read(std::string_view body);
    void write(json::Writer& out) const;
};

struct TopicList {
    std::vector<std::string> topics;
    std::string broker_addr;  ///< 304: some broker's, where tools go on to ask; else empty

    static TopicList from(const json::Value& value);
    static Result<TopicList> read(std::string_view body);
    void write(json::Writer& out) const;
};

struct KvTable {
    std::map<std::string, std::string> table;

    static KvTable from(const json::Value& value);
    static Result<KvTable> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
