#include "store/table/topic_names.h"

#include <algorithm>
#include <array>

#include "json/value.h"

namespace mqd::store {
namespace {

// Topics of the broker's own, which need not be in the table.
constexpr std::array<std::string_view, 5> own_prefixes = {"SCHEDULE_TOPIC", "RMQ_SYS_", "rmq_sys_",
                                                          "TRANS_", "%LMQ%"};

bool is_own(std::string_view topic) {
    return std::ranges::any_of(own_prefixes,
                               [topic](auto prefix) { return topic.starts_with(prefix); });
}

}  // namespace

TopicNames TopicNames::load(Files& files, const std::filesystem::path& config) {
    TopicNames out;
    const auto changes = files.exists(config / "topics.json.changes");
    const auto text = read_text(files, config / "topics.json");
    if (!changes || *changes || !text) return out;  // the table lacks the changes, or is gone
    const auto value = json::parse(*text);
    if (!value || !(*value)["topicConfigTable"].is_object()) return out;
    for (const auto& [name, topic] : (*value)["topicConfigTable"].members())
        out.names_.emplace(name);
    out.known_ = true;
    return out;
}

bool TopicNames::may_have(std::string_view topic) const {
    return !known_ || names_.contains(topic) || is_own(topic);
}

bool TopicNames::has(std::string_view topic) const {
    return known_ && names_.contains(topic) && !is_own(topic);
}

}  // namespace mqd::store
