#include "broker/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mqd::broker {
namespace {

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '%' || c == '|';
}

Result<> check_name(std::string_view kind, std::string_view name, std::size_t bytes_max) {
    if (name.empty()) return Error{Errc::invalid, fmt::format("the {}'s name is empty", kind)};
    if (name.size() > bytes_max)
        return Error{Errc::invalid,
                     fmt::format("the {}'s name is longer than {} characters", kind, bytes_max)};
    if (!std::all_of(name.begin(), name.end(), is_name_char))
        return Error{
            Errc::invalid,
            fmt::format("the {}'s name '{}' has a character outside %|a-zA-Z0-9_-", kind, name)};
    return {};
}

constexpr std::array send_forbidden = {schedule_topic,  half_topic,      op_half_topic,
                                       check_max_topic, self_test_topic, offset_moved_topic};
constexpr std::array more_system_topics = {template_topic, benchmark_topic, trace_topic,
                                           checkpoint_topic};
constexpr std::array<std::string_view, 10> system_groups = {
    "TOOLS_CONSUMER",    "SCHEDULE_CONSUMER",     "FILTERSRV_CONSUMER", "__MONITOR_CONSUMER",
    "SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY",    "CID_ONSAPI_PULL",    "CID_ONSAPI_PERMISSION",
    "CID_ONSAPI_OWNER",  "CLIENT_INNER_PRODUCER",
};

template <class Names>
bool contains(const Names& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string retry_topic(std::string_view group) {
    return std::string(retry_prefix).append(group);
}

std::string dead_letter_topic(std::string_view group) {
    return std::string(dead_letter_prefix).append(group);
}

Result<> check_topic_name(std::string_view topic) {
    const bool of_group = is_retry_topic(topic) || topic.starts_with(dead_letter_prefix);
    return check_name("topic", topic, of_group ? 255 : topic_name_max);
}

Result<> check_group_name(std::string_view group) {
    return check_name("group", group, group_name_max);
}

bool is_send_forbidden(std::string_view topic) {
    return contains(send_forbidden, topic);
}

bool is_system_topic(std::string_view topic, std::string_view cluster, std::string_view broker) {
    if (is_send_forbidden(topic) || contains(more_system_topics, topic)) return true;
    if (topic.starts_with(system_prefix) || topic == cluster || topic == broker) return true;
    constexpr std::string_view reply = "_REPLY_TOPIC";
    return topic.ends_with(reply) && topic.substr(0, topic.size() - reply.size()) == cluster;
}

bool is_system_group(std::string_view group) {
    return contains(system_groups, group) || group.starts_with(system_group_prefix);
}

}  // namespace mqd::broker
