#include "broker/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "broker/names.h"
#include "json/writer.h"
#include "message/sys_flag.h"

namespace mqd::broker {
namespace {

constexpr std::string_view table_name = "topics.json";
constexpr std::string_view table_member = "topicConfigTable";

TopicConfig topic_config(std::string_view name, std::int32_t queues, std::int32_t perm = 6) {
    TopicConfig config;
    config.name = name;
    config.read_queues = config.write_queues = queues;
    config.perm = perm;
    return config;
}

}  // namespace

json::Value TopicConfig::to_json() const {
    std::vector<json::Value::Member> attribute_members;
    for (const auto& [key, value] : attributes) attribute_members.emplace_back(key, value);
    std::vector<json::Value::Member> members{
        {"attributes", json::Value::object(std::move(attribute_members))},
        {"order", order},
        {"perm", perm},
        {"readQueueNums", read_queues},
        {"topicFilterType", filter_type},
        {"topicName", name},
        {"topicSysFlag", sys_flag},
        {"writeQueueNums", write_queues}};
    for (const auto& member : other.members()) members.push_back(member);
    return json::Value::object(std::move(members));
}

Result<TopicConfig> TopicConfig::from_json(const json::Value& value) {
    TopicConfig out;
    out.name = value["topicName"].as_text();
    out.read_queues = static_cast<std::int32_t>(value["readQueueNums"].as_int(16));
    out.write_queues = static_cast<std::int32_t>(value["writeQueueNums"].as_int(16));
    out.perm = static_cast<std::int32_t>(value["perm"].as_int(6));
    out.sys_flag = static_cast<std::int32_t>(value["topicSysFlag"].as_int());
    out.order = value["order"].as_bool();
    out.filter_type = value["topicFilterType"].as_text("SINGLE_TAG");
    for (const auto& [key, text] : value["attributes"].members())
        out.attributes.emplace_back(key, text.as_text());
    out.other =
        unknown_members(value, {"attributes", "order", "perm", "readQueueNums", "topicFilterType",
                                "topicName", "topicSysFlag", "writeQueueNums"});
    if (out.name.empty()) return Error{Errc::invalid, "a topic without a name"};
    TRY_OK(out.check());
    return out;
}

bool TopicConfig::is_batch() const {
    return std::any_of(attributes.begin(), attributes.end(), [](const auto& is) {
        return is.first == "queue.type" && is.second == "BatchCQ";
    });
}

Result<> TopicConfig::check() const {
    const auto fits = [](std::int32_t n) { return n >= 0 && n <= topic_queues_max; };
    if (!fits(read_queues) || !fits(write_queues))
        return Error{Errc::invalid,
                     fmt::format("topic '{}' cannot have {} read and {} write queues", name,
                                 read_queues, write_queues)};
    if (perm < 0 || perm > 15)
        return Error{Errc::invalid,
                     fmt::format("topic '{}' cannot have permission {}", name, perm)};
    return {};
}

Topic::Topic(TopicConfig config, store::Store& store)
    : config_(std::move(config)),
      store_(store),
      queue_count_(std::max(config_.read_queues, config_.write_queues)),
      handles_(
          std::make_unique<std::atomic<store::Queue*>[]>(static_cast<std::size_t>(queue_count_))) {}

store::Queue& Topic::queue(std::int32_t id) const {
    check(id >= 0 && id < queue_count_);
    auto& handle = handles_[static_cast<std::size_t>(id)];
    store::Queue* queue = handle.load(std::memory_order_acquire);
    if (queue == nullptr) {
        queue = store_.queue(config_.name, id);
        handle.store(queue, std::memory_order_release);
    }
    return *queue;
}

store::Queue* Topic::find_queue(std::int32_t id) const {
    if (id < 0 || id >= queue_count_) return nullptr;
    store::Queue* queue = handles_[static_cast<std::size_t>(id)].load(std::memory_order_acquire);
    return queue != nullptr ? queue : store_.find_queue(config_.name, id);
}

Topics::Topics(store::Files& files, const Clock& clock, store::Store& store,
               const Settings& settings)
    : files_(files),
      clock_(clock),
      store_(store),
      settings_(settings),
      path_(settings.store.config_dir() / table_name),
      changes_(files, path_) {}

Result<std::unique_ptr<Topics>> Topics::open(store::Files& files, const Clock& clock,
                                             store::Store& store, const Settings& settings) {
    std::unique_ptr<Topics> topics(new Topics(files, clock, store, settings));
    TRY_OK(topics->load());
    topics->make_system_topics();
    return topics;
}

Result<> Topics::load() {
    return load_table(files_, path_, [this](json::Value saved) -> Result<> {
        ByName<TopicRef> topics;
        const auto saved_version = DataVersion::from_json(saved["dataVersion"]);
        TRY(const auto content, store::with_changes(files_, path_, std::move(saved), table_member));
        TRY(const auto table, table_in(content, table_member));
        for (const auto& [name, value] : table) {
            TRY(auto config, TopicConfig::from_json(value));
            store_.set_batch(name, config.is_batch());
            topics[name] = std::make_shared<const Topic>(std::move(config), store_);
        }
        const Lock lock(mutex_);
        topics_ = std::move(topics);
        data_version_ = DataVersion::from_json(content["dataVersion"]);
        dirty_ = data_version_ != saved_version;
        other_ = unknown_members(content, {"dataVersion", table_member});
        return {};
    });
}

void Topics::make_system_topics() {
    using namespace message;
    const std::int32_t all = perm::read | perm::write | perm::inherit;
    std::vector<TopicConfig> wanted{
        topic_config(self_test_topic, 1),
        topic_config(benchmark_topic, 1024),
        topic_config(settings_.identity.cluster, 16,
                     settings_.topics.of_cluster ? all : perm::inherit),
        topic_config(settings_.identity.name, 1, settings_.topics.of_broker ? all : perm::inherit),
        topic_config(offset_moved_topic, 1),
        topic_config(schedule_topic, 18),
        topic_config(settings_.identity.cluster + "_REPLY_TOPIC", 1),
        topic_config(half_topic, 1),
        topic_config(op_half_topic, 1),
        topic_config(timer_topic, 1),
        topic_config("rmq_sys_SYNC_BROKER_MEMBER_" + settings_.identity.name, 1, perm::inherit),
    };
    if (settings_.topics.of_traces) wanted.push_back(topic_config(settings_.topics.trace_name, 1));
    if (settings_.topics.auto_create)
        wanted.push_back(topic_config(template_topic, settings_.topics.default_queues, all));

    const Lock changing(changing_);
    std::erase_if(wanted,
                  [this](const TopicConfig& config) { return find(config.name) != nullptr; });
    // Not written down: whoever opens the table makes them again.
    publish(std::move(wanted), next_version());
    // Without automatic creation the template must neither be advertised nor inherited from.
    const Lock lock(mutex_);
    if (!settings_.topics.auto_create && topics_.erase(std::string(template_topic)) > 0)
        dirty_ = true;
}

Result<std::vector<std::string>> Topics::batch_topics(store::Files& files,
                                                      const Settings& settings) {
    std::vector<std::string> out;
    const auto path = settings.store.config_dir() / table_name;
    TRY_OK(load_table(files, path, [&](json::Value saved) -> Result<> {
        TRY(const auto content, store::with_changes(files, path, std::move(saved), table_member));
        TRY(const auto table, table_in(content, table_member));
        out.clear();
        for (const auto& [name, value] : table) {
            TRY(const auto config, TopicConfig::from_json(value));
            if (config.is_batch()) out.push_back(name);
        }
        return {};
    }));
    return out;
}

TopicRef Topics::find(std::string_view name) const {
    const Lock lock(mutex_);
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second;
}

Result<TopicRef> Topics::find_or_create(std::string_view name, const Wish& wish) {
    if (auto topic = find(name)) return topic;
    const auto make = [&]() -> Result<TopicRef> {
        const Lock changing(changing_);
        // Made by another thread meanwhile: telling the listener twice does no harm.
        if (auto topic = find(name)) return topic;
        auto config = topic_config(name, 1);
        if (!is_retry_topic(name)) {
            const auto parent = find(wish.template_topic);
            if (parent == nullptr || (parent->config().perm & message::perm::inherit) == 0)
                return Error{Errc::not_found,
                             fmt::format("topic[{}] not exist, apply first please!", name)};
            const TopicConfig& from = parent->config();
            config.read_queues = config.write_queues =
                std::max(1, std::min(wish.queues, from.write_queues));
            config.perm = from.perm & ~message::perm::inherit;
        }
        if (wish.unit_mode) config.sys_flag = is_retry_topic(name) ? 2 : 1;
        return put_one_locked(std::move(config));
    };
    return announced(make());
}

Result<TopicRef> Topics::ensure(const TopicConfig& config) {
    const auto is_enough = [&](const TopicRef& topic) {
        return topic != nullptr && topic->config().read_queues >= config.read_queues &&
               topic->config().write_queues >= config.write_queues;
    };
    if (auto topic = find(config.name); is_enough(topic)) return topic;
    const auto make = [&]() -> Result<TopicRef> {
        const Lock changing(changing_);
        if (auto topic = find(config.name); is_enough(topic)) return topic;
        return put_one_locked(config);
    };
    return announced(make());
}

Result<TopicRef> Topics::put(TopicConfig config) {
    const auto make = [&] {
        const Lock changing(changing_);
        return put_one_locked(std::move(config));
    };
    return announced(make());
}

Result<> Topics::put_all(std::vector<TopicConfig> configs) {
    const auto make = [&]() -> Result<std::vector<TopicRef>> {
        const Lock changing(changing_);
        for (const auto& config : configs) TRY_OK(check_puttable(config));
        return put_locked(std::move(configs));
    };
    TRY(const auto made, make());
    for (const auto& topic : made) announce(topic);
    return {};
}

Result<> Topics::set_ordered(const std::set<std::string>& names) {
    const auto make = [&]() -> Result<std::vector<TopicRef>> {
        const Lock changing(changing_);
        std::vector<TopicConfig> configs;
        for (const auto& topic : all()) {
            if (topic->config().order == names.contains(topic->name())) continue;
            configs.push_back(topic->config());
            configs.back().order = !topic->config().order;
        }
        return put_locked(std::move(configs));
    };
    TRY(const auto made, make());
    for (const auto& topic : made) announce(topic);
    return {};
}

Result<> Topics::check_puttable(const TopicConfig& config) const {
    const Lock lock(mutex_);
    // A handle taken now would be dropped with the old topic's.
    if (std::find(removing_.begin(), removing_.end(), config.name) != removing_.end())
        return Error{Errc::unavailable,
                     fmt::format("topic '{}' is just being deleted", config.name)};
    const auto before = topics_.find(config.name);
    if (before != topics_.end() && before->second->config().is_batch() != config.is_batch())
        return Error{Errc::invalid,
                     fmt::format("queue.type of topic '{}' cannot be changed", config.name)};
    return {};
}

Result<TopicRef> Topics::put_one_locked(TopicConfig config) {
    TRY_OK(check_puttable(config));
    std::vector<TopicConfig> configs;
    configs.push_back(std::move(config));
    TRY(auto made, put_locked(std::move(configs)));
    return std::move(made.front());
}

Result<std::vector<TopicRef>> Topics::put_locked(std::vector<TopicConfig> configs) {
    if (configs.empty()) return std::vector<TopicRef>();
    const auto version = next_version();
    std::vector<json::Value::Member> members;
    members.reserve(configs.size());
    for (const auto& config : configs) members.emplace_back(config.name, config.to_json());
    TRY_OK(write_down(version, json::Value::object(std::move(members))));
    return publish(std::move(configs), version);
}

std::vector<TopicRef> Topics::publish(std::vector<TopicConfig> configs,
                                      const DataVersion& version) {
    std::vector<TopicRef> out;
    out.reserve(configs.size());
    for (auto& config : configs) {
        store_.set_batch(config.name, config.is_batch());
        out.push_back(std::make_shared<const Topic>(std::move(config), store_));
    }
    if (out.empty()) return out;
    const Lock lock(mutex_);
    for (const auto& topic : out) topics_[topic->name()] = topic;
    data_version_ = version;
    dirty_ = true;
    version_.fetch_add(1, std::memory_order_release);
    return out;
}

/// Where a message is taken only when it is on disk, its topic has to be there first.
Result<> Topics::write_down(const DataVersion& version, json::Value members) {
    const auto change = json::Value::object(
        {{"dataVersion", version.to_json()}, {std::string(table_member), std::move(members)}});
    TRY_OK(changes_.append(json::to_text(change)));
    return settings_.durability.flush_sync ? changes_.sync() : Result<>{};
}

DataVersion Topics::next_version() const {
    auto version = data_version();
    version.advance(clock_.wall_ms());
    return version;
}

void Topics::announce(const TopicRef& made) const {
    if (listener_) listener_(made->name(), made);
}

Result<TopicRef> Topics::announced(Result<TopicRef> made) const {
    if (made) announce(*made);
    return made;
}

Result<bool> Topics::remove(std::string_view name) {
    const std::string removed(name);
    {
        const Lock changing(changing_);
        if (find(name) == nullptr) return false;
        const auto version = next_version();
        TRY_OK(write_down(version, json::Value::object({{removed, json::Value()}})));
        const Lock lock(mutex_);
        topics_.erase(removed);
        removing_.push_back(removed);
        data_version_ = version;
        dirty_ = true;
        version_.fetch_add(1, std::memory_order_release);
    }
    const auto dropped = drop_queues(removed);
    if (listener_) listener_(removed, nullptr);
    if (!dropped) return dropped.error();
    return true;
}

Result<bool> Topics::remove_unknown(std::string_view name) {
    const std::string removed(name);
    {
        const Lock changing(changing_);
        const Lock lock(mutex_);
        if (topics_.contains(name)) return false;
        removing_.push_back(removed);
    }
    TRY_OK(drop_queues(removed));
    return true;
}

/// Its name stands in removing_ until they are gone.
Result<> Topics::drop_queues(const std::string& name) {
    auto dropped = store_.delete_topic(name);
    const Lock lock(mutex_);
    removing_.erase(std::find(removing_.begin(), removing_.end(), name));
    return dropped;
}

std::vector<TopicRef> Topics::all() const {
    const Lock lock(mutex_);
    std::vector<TopicRef> out;
    out.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) out.push_back(topic);
    return out;
}

std::size_t Topics::size() const {
    const Lock lock(mutex_);
    return topics_.size();
}

void Topics::advance_version() {
    const Lock changing(changing_);
    const Lock lock(mutex_);
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
}

DataVersion Topics::data_version() const {
    const Lock lock(mutex_);
    return data_version_;
}

json::Value Topics::to_json(DataVersion& version) const {
    std::vector<TopicRef> topics;
    std::vector<json::Value::Member> members;
    {
        // Of one moment: what is newer than the version is to be found among the changes.
        const Lock lock(mutex_);
        version = data_version_;
        for (const auto& [name, topic] : topics_) topics.push_back(topic);
        members.emplace_back("dataVersion", version.to_json());
        for (const auto& member : other_.members()) members.push_back(member);
    }
    std::sort(topics.begin(), topics.end(),
              [](const TopicRef& a, const TopicRef& b) { return a->name() < b->name(); });
    std::vector<json::Value::Member> table;
    table.reserve(topics.size());
    for (const auto& topic : topics) table.emplace_back(topic->name(), topic->config().to_json());
    members.emplace_back(table_member, json::Value::object(std::move(table)));
    return json::Value::object(std::move(members));
}

Result<> Topics::sync() {
    const auto written = [this] {
        const Lock changing(changing_);
        return changes_.sync();
    };
    // After a sync that failed nobody knows what is on disk, and the next one may not say.
    if (auto synced = written(); !synced) return save();
    return {};
}

Result<> Topics::save() {
    std::optional<DataVersion> saved;
    TRY_OK(save_if_dirty(
        dirty_, files_, path_, [&] { return to_json(saved.emplace()); }, store::Spare::same));
    const Lock changing(changing_);
    // With a change made meanwhile all of them stay until the next time.
    if (!saved || *saved != data_version()) return {};
    return changes_.clear();
}

Result<> Topics::close() {
    TRY_OK(save());
    const Lock changing(changing_);
    return changes_.remove();
}

const Topic* TopicCache::find(std::string_view name) {
    if (const auto version = topics_.version(); version != version_) {
        known_.clear();
        version_ = version;
    }
    if (const auto found = known_.find(name); found != known_.end()) return found->second.get();
    auto topic = topics_.find(name);
    if (topic == nullptr) return nullptr;
    return (known_[std::string(name)] = std::move(topic)).get();
}

}  // namespace mqd::broker
