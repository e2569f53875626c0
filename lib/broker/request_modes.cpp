#include "broker/request_modes.h"

#include <limits>
#include <map>
#include <utility>

namespace mqd::broker {
namespace {

constexpr std::string_view member = "messageRequestModeMap";

RequestMode mode_of(const json::Value& value) {
    const auto queues = value["popShareQueueNum"].as_int();
    return {value["mode"].as_text() == "POP",
            std::in_range<std::int32_t>(queues) ? static_cast<std::int32_t>(queues) : 0};
}

json::Value json_of(const std::string& topic, const std::string& group, const RequestMode& mode) {
    return json::Value::object({{"consumerGroup", group},
                                {"mode", mode.pops ? "POP" : "PULL"},
                                {"popShareQueueNum", mode.share_queues},
                                {"topic", topic}});
}

}  // namespace

RequestModes::RequestModes(store::Files& files, std::filesystem::path path)
    : files_(files), path_(std::move(path)) {}

Result<std::unique_ptr<RequestModes>> RequestModes::open(store::Files& files,
                                                         const std::filesystem::path& config_dir) {
    std::unique_ptr<RequestModes> modes(
        new RequestModes(files, config_dir / "messageRequestMode.json"));
    TRY_OK(load_table(files, modes->path_,
                      [&is = *modes](const json::Value& content) { return is.take(content); }));
    return modes;
}

Result<> RequestModes::take(const json::Value& content) {
    TRY(const auto topics, table_in(content, member));
    ByName<ByName<RequestMode>> taken;
    for (const auto& [topic, groups] : topics)
        for (const auto& [group, mode] : groups.members()) taken[topic][group] = mode_of(mode);
    const Lock lock(mutex_);
    topics_ = std::move(taken);
    return {};
}

void RequestModes::set(std::string_view topic, std::string_view group, const RequestMode& mode) {
    const Lock lock(mutex_);
    auto& is = topics_[std::string(topic)][std::string(group)];
    is = mode;
    dirty_ = true;
}

RequestMode RequestModes::find(std::string_view topic, std::string_view group) const {
    const Lock lock(mutex_);
    const auto groups = topics_.find(topic);
    if (groups == topics_.end()) return {};
    const auto is = groups->second.find(group);
    return is == groups->second.end() ? RequestMode{} : is->second;
}

json::Value RequestModes::to_json() const {
    // Sorted: the file is compared and read by people.
    std::map<std::string, std::map<std::string, RequestMode>> sorted;
    {
        const Lock lock(mutex_);
        for (const auto& [topic, groups] : topics_)
            sorted[topic].insert(groups.begin(), groups.end());
    }
    std::vector<json::Value::Member> topics;
    for (const auto& [topic, groups] : sorted) {
        std::vector<json::Value::Member> of_topic;
        for (const auto& [group, mode] : groups)
            of_topic.emplace_back(group, json_of(topic, group, mode));
        topics.emplace_back(topic, json::Value::object(std::move(of_topic)));
    }
    return json::Value::object({{std::string(member), json::Value::object(std::move(topics))}});
}

Result<> RequestModes::save() {
    return save_if_dirty(dirty_, files_, path_, [this] { return to_json(); });
}

}  // namespace mqd::broker
