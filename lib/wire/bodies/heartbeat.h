#pragma once
// HEART_BEAT 34, CHECK_CLIENT_CONFIG 46 and what they are made of (mqd-remoting(7), HEARTBEATS).

#include <optional>

#include "wire/bodies/body.h"

namespace mqd::wire {

enum class ConsumeType { actively, passively, pop };
enum class MessageModel { broadcasting, clustering };
enum class ConsumeFromWhere {
    last_offset,
    last_offset_and_from_min_when_boot_first,
    min_offset,
    max_offset,
    first_offset,
    timestamp,
};

/// `CONSUME_PASSIVELY`, `CLUSTERING`, `CONSUME_FROM_FIRST_OFFSET`
std::string_view name_of(ConsumeType type);
std::string_view name_of(MessageModel model);
std::string_view name_of(ConsumeFromWhere where);
ConsumeType consume_type_of(const json::Value& value);
MessageModel message_model_of(const json::Value& value);
ConsumeFromWhere consume_from_where_of(const json::Value& value);

struct SubscriptionData {
    std::string topic;
    std::string sub_string = "*";
    std::string expression_type = "TAG";
    std::int64_t sub_version = 0;   ///< ms of its last change
    std::vector<std::string> tags;  ///< C++ clients leave them out: sub_string is what counts
    bool class_filter_mode = false;

    static SubscriptionData from(const json::Value& value);
    static Result<SubscriptionData> read(std::string_view body);
    /// codeSet is the Java hashes of `tags`, never what a client said.
    void write(json::Writer& out) const;
};

struct ConsumerData {
    std::string group_name;
    ConsumeType consume_type = ConsumeType::passively;
    MessageModel message_model = MessageModel::clustering;
    ConsumeFromWhere consume_from_where = ConsumeFromWhere::last_offset;
    std::vector<SubscriptionData> subscriptions;
    bool unit_mode = false;

    static ConsumerData from(const json::Value& value);
    void write(json::Writer& out) const;
};

struct HeartbeatData {
    std::string client_id;
    std::vector<ConsumerData> consumers;
    std::vector<std::string> producer_groups;
    std::int32_t fingerprint = 0;
    bool without_sub = false;

    static HeartbeatData from(const json::Value& value);
    static Result<HeartbeatData> read(std::string_view body);
    void write(json::Writer& out) const;
};

/// CHECK_CLIENT_CONFIG 46.
struct CheckClientBody {
    std::string client_id;
    std::string group;
    std::string name_space;
    std::optional<SubscriptionData> subscription;

    static CheckClientBody from(const json::Value& value);
    static Result<CheckClientBody> read(std::string_view body);
    void write(json::Writer& out) const;
};

}  // namespace mqd::wire
