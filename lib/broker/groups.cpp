#include "broker/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/names.h"

namespace mqd::broker {
namespace {

json::Value default_group() {
    return json::Value::object({{"attributes", json::Value::object()},
                                {"brokerId", 0},
                                {"consumeBroadcastEnable", true},
                                {"consumeEnable", true},
                                {"consumeFromMinEnable", true},
                                {"consumeMessageOrderly", false},
                                {"consumeTimeoutMinute", 15},
                                {"groupName", ""},
                                {"groupRetryPolicy", json::Value::object({{"type", "CUSTOMIZED"}})},
                                {"groupSysFlag", 0},
                                {"notifyConsumerIdsChangedEnable", true},
                                {"retryMaxTimes", 16},
                                {"retryQueueNums", 1},
                                {"whichBrokerWhenConsumeSlowly", 1}});
}

/// In a topic's bits of forbiddenTable.
constexpr std::int64_t forbidden_read = 1 << 2;

json::Value table_of(const ByName<ByName<std::int64_t>>& forbidden) {
    std::map<std::string, json::Value> table;  // sorted
    for (const auto& [group, topics] : forbidden) {
        std::map<std::string, json::Value> bits;
        for (const auto& [topic, value] : topics) bits.emplace(topic, value);
        table.emplace(group, json::Value::object({bits.begin(), bits.end()}));
    }
    return json::Value::object({table.begin(), table.end()});
}

constexpr std::string_view system_groups[] = {
    "TOOLS_CONSUMER",  "FILTERSRV_CONSUMER",    "SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY",
    "CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER",  "CID_RMQ_SYS_TRANS"};

}  // namespace

Result<Group> Group::from_json(const json::Value& value) {
    Group group;
    group.json_ = default_group();
    for (const auto& [name, member] : value.members()) {
        if (!member.is_null()) group.json_.set(name, member);
    }
    const json::Value& json = group.json_;
    group.name_ = json["groupName"].as_text();
    if (group.name_.empty()) return Error{Errc::invalid, "a group without a name"};
    group.consume_enabled_ = json["consumeEnable"].as_bool(true);
    group.broadcast_enabled_ = json["consumeBroadcastEnable"].as_bool(true);
    group.notify_members_ = json["notifyConsumerIdsChangedEnable"].as_bool(true);
    group.retry_queues_ = static_cast<std::int32_t>(json["retryQueueNums"].as_int(1));
    group.retry_max_ = static_cast<std::int32_t>(json["retryMaxTimes"].as_int(16));
    group.sys_flag_ = static_cast<std::int32_t>(json["groupSysFlag"].as_int());
    return group;
}

Group Group::of_name(std::string_view name) {
    auto group = from_json(json::Value::object({{"groupName", name}}));
    return std::move(*group);
}

Groups::Groups(store::Files& files, const Clock& clock, const Settings& settings)
    : files_(files),
      clock_(clock),
      settings_(settings),
      path_(settings.store.config_dir() / "subscriptionGroup.json") {}

Result<std::unique_ptr<Groups>> Groups::open(store::Files& files, const Clock& clock,
                                             const Settings& settings) {
    std::unique_ptr<Groups> groups(new Groups(files, clock, settings));
    TRY_OK(groups->load());
    const Lock lock(groups->mutex_);
    for (const auto name : system_groups) {
        if (!groups->groups_.contains(name)) groups->put_locked(Group::of_name(name));
    }
    return groups;
}

Result<> Groups::load() {
    return load_table(files_, path_, [this](const json::Value& content) -> Result<> {
        ByName<GroupRef> groups;
        TRY(const auto table, table_in(content, "subscriptionGroupTable"));
        for (const auto& [name, value] : table) {
            TRY(auto group, Group::from_json(value));
            groups[name] = std::make_shared<const Group>(std::move(group));
        }
        ByName<ByName<std::int64_t>> forbidden;
        for (const auto& [name, topics] : content["forbiddenTable"].members()) {
            for (const auto& [topic, bits] : topics.members())
                forbidden[name][topic] = bits.as_int();
        }
        const Lock lock(mutex_);
        groups_ = std::move(groups);
        any_forbidden_ = !forbidden.empty();
        forbidden_ = std::move(forbidden);
        data_version_ = DataVersion::from_json(content["dataVersion"]);
        other_ =
            unknown_members(content, {"dataVersion", "forbiddenTable", "subscriptionGroupTable"});
        return {};
    });
}

GroupRef Groups::find(std::string_view name) const {
    const Lock lock(mutex_);
    const auto found = groups_.find(name);
    return found == groups_.end() ? nullptr : found->second;
}

GroupRef Groups::find_or_create(std::string_view name) {
    const Lock lock(mutex_);
    if (const auto found = groups_.find(name); found != groups_.end()) return found->second;
    if (!settings_.groups.auto_create && !is_system_group(name)) return nullptr;
    if (!check_group_name(name)) return nullptr;
    return put_locked(Group::of_name(name));
}

GroupRef Groups::put(Group group) {
    const Lock lock(mutex_);
    return put_locked(std::move(group));
}

GroupRef Groups::put_locked(Group group) {
    auto made = std::make_shared<const Group>(std::move(group));
    groups_[made->name()] = made;
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
    return made;
}

bool Groups::remove(std::string_view name) {
    const Lock lock(mutex_);
    const auto found = groups_.find(name);
    if (found == groups_.end()) return false;
    groups_.erase(found);
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
    return true;
}

bool Groups::may_read(std::string_view group, std::string_view topic) const {
    if (!any_forbidden_) return true;
    const Lock lock(mutex_);
    const auto topics = forbidden_.find(group);
    if (topics == forbidden_.end()) return true;
    const auto bits = topics->second.find(topic);
    return bits == topics->second.end() || (bits->second & forbidden_read) == 0;
}

void Groups::set_may_read(std::string_view group, std::string_view topic, bool may) {
    const Lock lock(mutex_);
    auto& bits = forbidden_[std::string(group)][std::string(topic)];
    const std::int64_t before = bits;
    bits = may ? bits & ~forbidden_read : bits | forbidden_read;
    any_forbidden_ = true;
    if (bits == before) return;
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
}

std::vector<GroupRef> Groups::all() const {
    const Lock lock(mutex_);
    std::vector<GroupRef> out;
    for (const auto& [name, group] : groups_) out.push_back(group);
    return out;
}

DataVersion Groups::data_version() const {
    const Lock lock(mutex_);
    return data_version_;
}

json::Value Groups::to_json() const {
    auto groups = all();
    std::sort(groups.begin(), groups.end(),
              [](const GroupRef& a, const GroupRef& b) { return a->name() < b->name(); });
    std::vector<json::Value::Member> table;
    for (const auto& group : groups) table.emplace_back(group->name(), group->json());
    const Lock lock(mutex_);
    std::vector<json::Value::Member> members{{"dataVersion", data_version_.to_json()}};
    members.emplace_back("forbiddenTable", table_of(forbidden_));
    for (const auto& member : other_.members()) members.push_back(member);
    members.emplace_back("subscriptionGroupTable", json::Value::object(std::move(table)));
    return json::Value::object(std::move(members));
}

bool Groups::dirty() const {
    return dirty_;
}

Result<> Groups::save() {
    return save_if_dirty(dirty_, files_, path_, [this] { return to_json(); });
}

}  // namespace mqd::broker
