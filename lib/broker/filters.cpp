#include "broker/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/log.h"
#include "broker/bloom.h"

namespace mqd::broker {
namespace {

constexpr std::int64_t kept_dead_ms = 24LL * 3'600'000;
// A broker that was killed could not note when its clients left.
constexpr std::int64_t presumed_dead_ms = 30'000;

json::Value bloom_of(std::string_view group, std::string_view topic) {
    const auto bits = bloom_positions(fmt::format("{}#{}", group, topic));
    return json::Value::object(
        {{"bitNum", bloom_bits}, {"bitPos", json::Value::array({bits.begin(), bits.end()})}});
}

}  // namespace

Filters::Filters(store::Files& files, const Clock& clock, const Settings& settings)
    : files_(files), clock_(clock), path_(settings.store.config_dir() / "consumerFilter.json") {}

Result<std::unique_ptr<Filters>> Filters::open(store::Files& files, const Clock& clock,
                                               const Settings& settings) {
    std::unique_ptr<Filters> filters(new Filters(files, clock, settings));
    const auto loaded =
        load_table(files, filters->path_,
                   [&is = *filters](const json::Value& content) { return is.take(content); });
    if (!loaded && loaded.error().code != Errc::corrupt) return loaded.error();
    if (!loaded) log::warn("filters_not_read", {{"error", loaded.error().what}});
    return filters;
}

Result<> Filters::take(const json::Value& content) {
    TRY(const auto topics, table_in(content, "filterDataByTopic"));
    const std::int64_t now = clock_.wall_ms();
    ByName<ByName<Entry>> groups;
    for (const auto& [topic, of_topic] : topics) {
        for (const auto& [group, data] : of_topic["groupFilterData"].members()) {
            const auto type = data["expressionType"].as_text();
            auto subscription = Subscription::make(topic, data["expression"].as_text(), type,
                                                   data["clientVersion"].as_int());
            if (!subscription || !(*subscription)->is_sql()) {
                log::warn("filter_passed_over", {{"topic", topic}, {"group", group}});
                continue;
            }
            Entry entry{std::move(*subscription), data["bornTime"].as_int(),
                        data["deadTime"].as_int(), data["bloomFilterData"]};
            if (entry.dead_ms == 0) entry.dead_ms = std::max(entry.born_ms, now - presumed_dead_ms);
            groups[group].insert_or_assign(topic, std::move(entry));
        }
    }
    const Lock lock(mutex_);
    groups_ = std::move(groups);
    return {};
}

bool Filters::heard(std::string_view group, std::span<const SubscriptionRef> subscriptions) {
    const bool has_any = std::any_of(subscriptions.begin(), subscriptions.end(),
                                     [](const auto& is) { return is->is_sql(); });
    const std::int64_t now = clock_.wall_ms();
    const Lock lock(mutex_);
    auto found = groups_.find(group);
    if (found == groups_.end()) {
        if (!has_any) return false;
        found = groups_.emplace(std::string(group), ByName<Entry>()).first;
    }
    auto& topics = found->second;
    bool changed = false;
    for (const auto& is : subscriptions) {
        if (!is->is_sql()) continue;
        auto known = topics.find(is->topic);
        // One that cannot be parsed takes the one before along.
        if (!is->sql) {
            if (known == topics.end()) continue;
            topics.erase(known);
            changed = true;
            continue;
        }
        if (known == topics.end()) known = topics.emplace(is->topic, Entry()).first;
        auto& entry = known->second;
        if (entry.subscription == nullptr || !entry.subscription->same_text(*is)) {
            entry = {is, now, 0, {}};
            changed = true;
        } else if (entry.is_dead() || entry.subscription->version != is->version) {
            entry.subscription = is;
            entry.dead_ms = 0;
            changed = true;
        }
    }
    for (auto& [topic, entry] : topics) {
        const bool named =
            std::any_of(subscriptions.begin(), subscriptions.end(),
                        [&topic = topic](const auto& is) { return is->topic == topic; });
        if (named || entry.is_dead()) continue;
        entry.dead_ms = now;
        changed = true;
    }
    if (changed) dirty_ = true;
    return changed;
}

void Filters::left(std::string_view group) {
    const Lock lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;
    for (auto& [topic, entry] : found->second) {
        if (entry.is_dead()) continue;
        entry.dead_ms = clock_.wall_ms();
        dirty_ = true;
    }
}

SubscriptionRef Filters::find(std::string_view group, std::string_view topic) const {
    const Lock lock(mutex_);
    const auto topics = groups_.find(group);
    if (topics == groups_.end()) return nullptr;
    const auto found = topics->second.find(topic);
    return found == topics->second.end() ? nullptr : found->second.subscription;
}

void Filters::remove_group(std::string_view group) {
    const Lock lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;
    groups_.erase(found);
    dirty_ = true;
}

void Filters::remove_topic(std::string_view topic) {
    const Lock lock(mutex_);
    for (auto& [group, topics] : groups_) {
        const auto found = topics.find(topic);
        if (found == topics.end()) continue;
        topics.erase(found);
        dirty_ = true;
    }
}

void Filters::forget_old() {
    const std::int64_t oldest = clock_.wall_ms() - kept_dead_ms;
    const Lock lock(mutex_);
    for (auto& [group, topics] : groups_) {
        std::erase_if(topics, [oldest](const auto& is) {
            return is.second.is_dead() && is.second.dead_ms < oldest;
        });
    }
    std::erase_if(groups_, [](const auto& is) { return is.second.empty(); });
}

json::Value Filters::to_json() const {
    std::map<std::string, std::map<std::string, json::Value>> sorted;
    {
        const Lock lock(mutex_);
        for (const auto& [group, topics] : groups_) {
            for (const auto& [topic, entry] : topics)
                sorted[topic][group] = json::Value::object(
                    {{"bloomFilterData",
                      entry.bloom.is_null() ? bloom_of(group, topic) : entry.bloom},
                     {"bornTime", entry.born_ms},
                     {"clientVersion", entry.subscription->version},
                     {"consumerGroup", group},
                     {"dead", entry.is_dead()},
                     {"deadTime", entry.dead_ms},
                     {"expression", entry.subscription->expression},
                     {"expressionType", entry.subscription->type},
                     {"topic", topic}});
        }
    }
    std::vector<json::Value::Member> topics;
    for (auto& [topic, groups] : sorted)
        topics.emplace_back(
            topic, json::Value::object(
                       {{"groupFilterData", json::Value::object({groups.begin(), groups.end()})},
                        {"topic", topic}}));
    return json::Value::object({{"filterDataByTopic", json::Value::object(std::move(topics))}});
}

Result<> Filters::save() {
    if (dirty_) forget_old();
    return save_if_dirty(dirty_, files_, path_, [this] { return to_json(); });
}

}  // namespace mqd::broker
