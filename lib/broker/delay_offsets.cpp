#include "broker/delay_offsets.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "broker/wait_synced.h"

namespace mqd::broker {
namespace {

// Java's delayOffsetUpdateVersionStep.
constexpr std::int64_t updates_a_version = 200;

// mqd's own member of the file: level -> DueBounds.
constexpr std::string_view bounds_member = "mqdDueBounds";

}  // namespace

DelayOffsets::DelayOffsets(store::Files& files, const Clock& clock, store::Store& store,
                           const Settings& settings)
    : files_(files),
      clock_(clock),
      store_(store),
      path_(settings.store.config_dir() / "delayOffset.json") {}

Result<> DelayOffsets::load() {
    return load_table(files_, path_, [this](const json::Value& content) -> Result<> {
        std::map<std::int32_t, std::int64_t> next;
        TRY(const auto table, table_in(content, "offsetTable"));
        for (const auto& [text, offset] : table) {
            const auto level = parse_int<std::int32_t>(text);
            if (!level || *level < 1 || offset.as_int(-1) < 0)
                return Error{Errc::corrupt, fmt::format("level '{}' has no offset", text)};
            next[*level] = offset.as_int();
        }
        std::map<std::int32_t, DueBounds> bounds;
        for (const auto& [text, is] : content[bounds_member].members())
            if (const auto level = parse_int<std::int32_t>(text))
                bounds[*level] = DueBounds::from_json(is);
        const Lock lock(mutex_);
        next_ = std::move(next);
        due_bounds_ = std::move(bounds);
        data_version_ = DataVersion::from_json(content["dataVersion"]);
        other_ = unknown_members(content, {"dataVersion", "offsetTable", bounds_member});
        return {};
    });
}

std::optional<std::int64_t> DelayOffsets::find(std::int32_t level) const {
    const Lock lock(mutex_);
    const auto found = next_.find(level);
    return found == next_.end() ? std::nullopt : std::optional(found->second);
}

void DelayOffsets::set(std::int32_t level, std::int64_t next) {
    const Lock lock(mutex_);
    const auto [entry, is_new] = next_.try_emplace(level, next);
    if (!is_new && entry->second == next) return;
    entry->second = next;
    dirty_ = true;
    if (++updates_ % updates_a_version == 0) data_version_.advance(clock_.wall_ms());
}

DueBounds DelayOffsets::due_bounds(std::int32_t level) const {
    const Lock lock(mutex_);
    const auto found = due_bounds_.find(level);
    return found == due_bounds_.end() ? DueBounds() : found->second;
}

void DelayOffsets::set_due_bounds(std::int32_t level, DueBounds bounds) {
    const Lock lock(mutex_);
    const auto found = due_bounds_.find(level);
    if (found == due_bounds_.end() ? bounds.empty() : found->second == bounds) return;
    if (bounds.empty())
        due_bounds_.erase(found);
    else
        due_bounds_[level] = std::move(bounds);
    dirty_ = true;
}

json::Value DelayOffsets::to_json() const {
    const Lock lock(mutex_);
    std::vector<json::Value::Member> table;
    for (const auto& [level, next] : next_) table.emplace_back(std::to_string(level), next);
    std::vector<json::Value::Member> members{{"dataVersion", data_version_.to_json()}};
    members.emplace_back("offsetTable", json::Value::object(std::move(table)));
    std::vector<json::Value::Member> bounds;
    for (const auto& [level, is] : due_bounds_)
        bounds.emplace_back(std::to_string(level), is.to_json());
    if (!bounds.empty())
        members.emplace_back(bounds_member, json::Value::object(std::move(bounds)));
    for (const auto& member : other_.members()) members.push_back(member);
    return json::Value::object(std::move(members));
}

Result<> DelayOffsets::save() {
    {
        const Lock lock(mutex_);
        if (!dirty_) return {};
        dirty_ = false;
    }
    const auto content = to_json();
    auto saved = wait_synced(store_)
                     ? save_table(files_, path_, content)
                     : Result<>(Error{Errc::io, fmt::format("{}: what was delivered is not on disk",
                                                            path_.string())});
    if (!saved) {
        const Lock lock(mutex_);
        dirty_ = true;
    }
    return saved;
}

}  // namespace mqd::broker
