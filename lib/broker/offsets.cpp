#include "broker/offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/parse.h"

namespace mqd::broker {
namespace {

// Java's consumerOffsetUpdateVersionStep.
constexpr std::int64_t commits_a_version = 500;

bool has_committed(const std::map<std::int32_t, Offsets::Place>& queues) {
    return std::any_of(queues.begin(), queues.end(),
                       [](const auto& entry) { return entry.second.committed >= 0; });
}

}  // namespace

Offsets::Offsets(store::Files& files, const Clock& clock, const Settings& settings)
    : files_(files), clock_(clock), path_(settings.store.config_dir() / "consumerOffset.json") {}

Result<std::unique_ptr<Offsets>> Offsets::open(store::Files& files, const Clock& clock,
                                               const Settings& settings) {
    std::unique_ptr<Offsets> offsets(new Offsets(files, clock, settings));
    TRY_OK(offsets->load());
    return offsets;
}

Result<> Offsets::load() {
    return load_table(files_, path_, [this](const json::Value& content) -> Result<> {
        Groups groups;
        json::Value nameless;
        TRY(const auto table, table_in(content, "offsetTable"));
        for (const auto& [key, queues] : table) {
            if (!queues.is_object())
                return Error{Errc::corrupt, fmt::format("'{}' has no queues", key)};
            const std::string_view name = key;
            const auto at = name.rfind('@');  // neither a topic nor a group can contain one
            if (at == name.npos) nameless.set(key, queues);
            for (const auto& [queue_text, offset] : queues.members()) {
                const auto queue = parse_int<std::int32_t>(queue_text);
                if (!queue || *queue < 0)
                    return Error{Errc::corrupt,
                                 fmt::format("'{}' has a queue '{}'", key, queue_text)};
                // A negative one says that there is none.
                if (at == name.npos || offset.as_int(-1) < 0) continue;
                place(groups, name.substr(at + 1), name.substr(0, at), *queue).committed =
                    offset.as_int();
            }
        }
        const Lock lock(mutex_);
        groups_ = std::move(groups);
        nameless_ = std::move(nameless);
        data_version_ = DataVersion::from_json(content["dataVersion"]);
        other_ = unknown_members(content, {"dataVersion", "groupTopicMap", "offsetTable"});
        return {};
    });
}

Offsets::Place& Offsets::place(Groups& groups, std::string_view group, std::string_view topic,
                               std::int32_t queue) {
    auto in_group = groups.find(group);
    if (in_group == groups.end())
        in_group = groups.emplace(std::string(group), ByName<Queues>()).first;
    auto queues = in_group->second.find(topic);
    if (queues == in_group->second.end())
        queues = in_group->second.emplace(std::string(topic), Queues()).first;
    return queues->second[queue];
}

void Offsets::changed() const {
    dirty_ = true;
    if (++commits_ % commits_a_version == 0) data_version_.advance(clock_.wall_ms());
}

bool Offsets::commit(std::string_view group, std::string_view topic, std::int32_t queue,
                     std::int64_t offset) {
    const Lock lock(mutex_);
    auto& is = place(groups_, group, topic, queue);
    if (is.reset >= 0) return false;
    if (is.committed == offset && is.is_held) return true;
    is.committed = offset;
    is.is_held = true;
    changed();
    return true;
}

void Offsets::commit_first(std::string_view group, std::string_view topic, std::int32_t queue,
                           std::int64_t offset) {
    const Lock lock(mutex_);
    auto& is = place(groups_, group, topic, queue);
    if (is.committed >= 0) return;
    is.committed = offset;
    changed();
}

void Offsets::reset(std::string_view group, std::string_view topic, std::int32_t queue,
                    std::int64_t offset) {
    const Lock lock(mutex_);
    auto& is = place(groups_, group, topic, queue);
    if (is.reset < 0) ++resets_;
    is = {offset, -1, offset};
    changed();
}

std::optional<std::int64_t> Offsets::take_reset(std::string_view group, std::string_view topic,
                                                std::int32_t queue) {
    if (resets_ == 0) return std::nullopt;
    const Lock lock(mutex_);
    const auto* found = find_place(group, topic, queue);
    if (found == nullptr || found->reset < 0) return std::nullopt;
    --resets_;
    return std::exchange(place(groups_, group, topic, queue).reset, -1);
}

void Offsets::clone(std::string_view from, std::string_view to, std::string_view topic) {
    const auto places_of_from = places(from, topic);
    if (from == to || !has_committed(places_of_from)) return;
    const Lock lock(mutex_);
    for (const auto& [queue, is] : places_of_from) {
        if (is.committed < 0) continue;
        auto& goes_on = place(groups_, to, topic, queue);
        goes_on.committed = is.committed;
        goes_on.is_held = is.is_held;
        changed();
    }
}

void Offsets::forget(const Queues& queues) {
    for (const auto& [queue, is] : queues) {
        if (is.reset >= 0) --resets_;
    }
}

void Offsets::pulled(std::string_view group, std::string_view topic, std::int32_t queue,
                     std::int64_t next) {
    const Lock lock(mutex_);
    place(groups_, group, topic, queue).pulled = next;
}

// ---- against the queues

void Offsets::hold_against(Ranges ranges) {
    ranges_ = std::move(ranges);
    const Lock lock(mutex_);
    for (auto& [group, topics] : groups_)
        for (auto& [topic, queues] : topics)
            for (auto& [queue, is] : queues) {
                is.is_held = is.committed <= 0;
                if (!is.is_held) to_hold_.push_back({group, topic, queue});
            }
    // Those of a queue one after the other: its files are open then.
    std::sort(to_hold_.begin(), to_hold_.end(), [](const Key& a, const Key& b) {
        return std::tie(a.topic, a.queue) < std::tie(b.topic, b.queue);
    });
}

bool Offsets::hold_some(std::size_t count) {
    for (; count > 0 && !to_hold_.empty(); --count) {
        const auto is = std::move(to_hold_.back());
        to_hold_.pop_back();
        hold(is.group, is.topic, is.queue);
    }
    if (to_hold_.empty()) to_hold_.shrink_to_fit();
    return !to_hold_.empty();
}

void Offsets::hold(std::string_view group, std::string_view topic, std::int32_t queue) const {
    if (!ranges_) return;
    const auto is_to_be_held = [&]() REQUIRES(mutex_) -> Place* {
        auto* is = const_cast<Place*>(find_place(group, topic, queue));
        return is == nullptr || is->is_held ? nullptr : is;
    };
    {
        const Lock lock(mutex_);
        if (is_to_be_held() == nullptr) return;
    }
    const auto range = ranges_(topic, queue);
    if (!range) return;
    std::int64_t at = 0;
    {
        const Lock lock(mutex_);
        auto* is = is_to_be_held();
        if (is == nullptr) return;
        is->is_held = true;
        at = is->committed;
        if (at <= range->end) return;
        is->committed = range->end;
        changed();
    }
    held_to_end({group, topic, queue}, at, *range);
}

void Offsets::queue_changed(std::string_view topic, std::int32_t queue, const QueueRange& range) {
    std::vector<std::pair<std::string, std::int64_t>> beyond;
    {
        const Lock lock(mutex_);
        for (auto& [group, topics] : groups_) {
            auto* is = const_cast<Place*>(find_place(group, topic, queue));
            if (is == nullptr) continue;
            is->pulled = std::min(is->pulled, range.end);
            if (is->reset > range.end) is->reset = range.end;
            if (is->committed <= range.end) continue;
            beyond.emplace_back(group, std::exchange(is->committed, range.end));
            changed();
        }
    }
    for (const auto& [group, at] : beyond) held_to_end({group, topic, queue}, at, range);
}

void Offsets::gone(std::string_view group, std::string_view topic, std::int32_t queue,
                   std::int64_t asked, const QueueRange& range) {
    {
        const Lock lock(mutex_);
        auto* is = const_cast<Place*>(find_place(group, topic, queue));
        if (is == nullptr || (is->committed != asked && is->pulled != asked)) return;
        // It is said once.
        if (std::exchange(is->pulled, range.begin) == range.begin) return;
    }
    held_to_begin({group, topic, queue}, asked, range);
}

// ---- looking

std::optional<std::int64_t> Offsets::find(std::string_view group, std::string_view topic,
                                          std::int32_t queue) const {
    hold(group, topic, queue);
    const Lock lock(mutex_);
    const auto* is = find_place(group, topic, queue);
    if (is == nullptr || is->committed < 0) return std::nullopt;
    return is->committed;
}

const Offsets::Place* Offsets::find_place(std::string_view group, std::string_view topic,
                                          std::int32_t queue) const {
    const auto in_group = groups_.find(group);
    if (in_group == groups_.end()) return nullptr;
    const auto queues = in_group->second.find(topic);
    if (queues == in_group->second.end()) return nullptr;
    const auto found = queues->second.find(queue);
    return found == queues->second.end() ? nullptr : &found->second;
}

std::map<std::int32_t, Offsets::Place> Offsets::places(std::string_view group,
                                                       std::string_view topic) const {
    const auto look = [&] {
        const Lock lock(mutex_);
        const auto in_group = groups_.find(group);
        if (in_group == groups_.end()) return Queues();
        const auto queues = in_group->second.find(topic);
        return queues == in_group->second.end() ? Queues() : queues->second;
    };
    auto out = look();
    bool any_held = false;
    for (const auto& [queue, is] : out) {
        if (is.is_held) continue;
        hold(group, topic, queue);
        any_held = true;
    }
    return any_held ? look() : out;
}

std::vector<std::string> Offsets::topics_of(std::string_view group) const {
    const Lock lock(mutex_);
    std::vector<std::string> out;
    const auto in_group = groups_.find(group);
    if (in_group == groups_.end()) return out;
    for (const auto& [topic, queues] : in_group->second) {
        if (has_committed(queues)) out.push_back(topic);
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> Offsets::groups_of(std::string_view topic) const {
    const Lock lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [group, topics] : groups_) {
        const auto queues = topics.find(topic);
        if (queues != topics.end() && has_committed(queues->second)) out.push_back(group);
    }
    std::sort(out.begin(), out.end());
    return out;
}

void Offsets::remove_group(std::string_view group) {
    const Lock lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;
    for (const auto& [topic, queues] : found->second) forget(queues);
    groups_.erase(found);
    changed();
}

void Offsets::remove_topic(std::string_view topic, const std::vector<std::string>& readers) {
    const Lock lock(mutex_);
    for (auto& [group, topics] : groups_) {
        const auto found = topics.find(topic);
        if (found == topics.end()) continue;
        forget(found->second);
        if (std::find(readers.begin(), readers.end(), group) == readers.end()) {
            topics.erase(found);
        } else {
            for (auto& [queue, is] : found->second) is = {-1, -1, 0};
            resets_ += static_cast<std::int64_t>(found->second.size());
        }
        changed();
    }
}

void Offsets::members_gone(std::string_view group) {
    if (resets_ == 0) return;
    const Lock lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;
    for (auto& [topic, queues] : found->second)
        resets_ -= static_cast<std::int64_t>(std::erase_if(queues, [](const auto& queue) {
            return queue.second.reset >= 0 && queue.second.committed < 0;
        }));
    std::erase_if(found->second, [](const auto& topic) { return topic.second.empty(); });
}

json::Value Offsets::to_json() const {
    // Sorted, so that a person can compare two files.
    std::map<std::string, json::Value> table;
    std::map<std::string, json::Value> group_topics;
    const Lock lock(mutex_);
    table.insert(nameless_.members().begin(), nameless_.members().end());
    for (const auto& [group, topics] : groups_) {
        std::vector<std::string> names;
        for (const auto& [topic, queues] : topics) {
            std::vector<json::Value::Member> offsets;
            for (const auto& [queue, is] : queues) {
                if (is.committed >= 0) offsets.emplace_back(std::to_string(queue), is.committed);
            }
            if (offsets.empty()) continue;
            table.emplace(fmt::format("{}@{}", topic, group),
                          json::Value::object(std::move(offsets)));
            names.push_back(topic);
        }
        if (names.empty()) continue;
        std::sort(names.begin(), names.end());
        group_topics.emplace(group, json::Value::array({names.begin(), names.end()}));
    }
    std::vector<json::Value::Member> members{{"dataVersion", data_version_.to_json()}};
    members.emplace_back("groupTopicMap",
                         json::Value::object({group_topics.begin(), group_topics.end()}));
    members.emplace_back("offsetTable", json::Value::object({table.begin(), table.end()}));
    for (const auto& member : other_.members()) members.push_back(member);
    return json::Value::object(std::move(members));
}

Result<> Offsets::save() {
    return save_if_dirty(dirty_, files_, path_, [this] { return to_json(); });
}

}  // namespace mqd::broker
