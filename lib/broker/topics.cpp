#include "broker/topics.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/names.h"
#include "message/sys_flag.h"

namespace mqd::broker {
namespace {

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
      path_(settings.config_dir() / "topics.json") {}

Result<std::unique_ptr<Topics>> Topics::open(store::Files& files, const Clock& clock,
                                             store::Store& store, const Settings& settings) {
    std::unique_ptr<Topics> topics(new Topics(files, clock, store, settings));
    TRY_OK(topics->load());
    topics->make_system_topics();
    return topics;
}

Result<> Topics::load() {
    return load_table(files_, path_, [this](const json::Value& content) -> Result<> {
        ByName<TopicRef> topics;
        TRY(const auto table, table_in(content, "topicConfigTable"));
        for (const auto& [name, value] : table) {
            TRY(auto config, TopicConfig::from_json(value));
            store_.set_batch(name, config.is_batch());
            topics[name] = std::make_shared<const Topic>(std::move(config), store_);
        }
        const Lock lock(mutex_);
        topics_ = std::move(topics);
        data_version_ = DataVersion::from_json(content["dataVersion"]);
        other_ = unknown_members(content, {"dataVersion", "topicConfigTable"});
        return {};
    });
}

void Topics::make_system_topics() {
    using namespace message;
    const std::int32_t all = perm::read | perm::write | perm::inherit;
    std::vector<TopicConfig> wanted{
        topic_config(self_test_topic, 1),
        topic_config(benchmark_topic, 1024),
        topic_config(settings_.cluster, 16, settings_.cluster_topic ? all : perm::inherit),
        topic_config(settings_.name, 1, settings_.broker_topic ? all : perm::inherit),
        topic_config(offset_moved_topic, 1),
        topic_config(schedule_topic, 18),
        topic_config(settings_.cluster + "_REPLY_TOPIC", 1),
        topic_config(half_topic, 1),
        topic_config(op_half_topic, 1),
        topic_config(timer_topic, 1),
        topic_config("rmq_sys_SYNC_BROKER_MEMBER_" + settings_.name, 1, perm::inherit),
    };
    if (settings_.trace_topic) wanted.push_back(topic_config(settings_.trace_topic_name, 1));
    if (settings_.auto_create_topic)
        wanted.push_back(topic_config(template_topic, settings_.default_topic_queues, all));

    const Lock lock(mutex_);
    for (auto& config : wanted) {
        if (!topics_.contains(config.name)) check(put_locked(std::move(config)).has_value());
    }
    // Without automatic creation the template must neither be advertised nor inherited from.
    if (!settings_.auto_create_topic && topics_.erase(std::string(template_topic)) > 0)
        dirty_ = true;
}

Result<std::vector<std::string>> Topics::batch_topics(store::Files& files,
                                                      const Settings& settings) {
    std::vector<std::string> out;
    TRY_OK(load_table(files, settings.config_dir() / "topics.json",
                      [&out](const json::Value& content) -> Result<> {
                          TRY(const auto table, table_in(content, "topicConfigTable"));
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
        const Lock lock(mutex_);
        // Made by another thread meanwhile: telling the listener twice does no harm.
        if (const auto found = topics_.find(name); found != topics_.end()) return found->second;
        auto config = topic_config(name, 1);
        if (!is_retry_topic(name)) {
            const auto parent = topics_.find(wish.template_topic);
            if (parent == topics_.end() ||
                (parent->second->config().perm & message::perm::inherit) == 0)
                return Error{Errc::not_found,
                             fmt::format("topic[{}] not exist, apply first please!", name)};
            const TopicConfig& from = parent->second->config();
            config.read_queues = config.write_queues =
                std::max(1, std::min(wish.queues, from.write_queues));
            config.perm = from.perm & ~message::perm::inherit;
        }
        if (wish.unit_mode) config.sys_flag = is_retry_topic(name) ? 2 : 1;
        return put_locked(std::move(config));
    };
    return announced(make());
}

Result<TopicRef> Topics::ensure(const TopicConfig& config) {
    const auto make = [&]() -> Result<TopicRef> {
        const Lock lock(mutex_);
        const auto found = topics_.find(config.name);
        if (found != topics_.end()) {
            const TopicConfig& is = found->second->config();
            if (is.read_queues >= config.read_queues && is.write_queues >= config.write_queues)
                return TopicRef();
        }
        return put_locked(config);
    };
    auto made = make();
    if (made && *made == nullptr) return find(config.name);
    return announced(std::move(made));
}

Result<TopicRef> Topics::put(TopicConfig config) {
    const auto make = [&] {
        const Lock lock(mutex_);
        return put_locked(std::move(config));
    };
    return announced(make());
}

void Topics::set_ordered(const std::set<std::string>& names) {
    std::vector<Result<TopicRef>> changed;
    {
        const Lock lock(mutex_);
        std::vector<TopicConfig> configs;
        for (const auto& [name, topic] : topics_) {
            if (topic->config().order != names.contains(name)) configs.push_back(topic->config());
        }
        for (auto& config : configs) {
            config.order = !config.order;
            changed.push_back(put_locked(std::move(config)));
        }
    }
    // One that is just being deleted has no order any more.
    for (auto& topic : changed) static_cast<void>(announced(std::move(topic)));
}

Result<TopicRef> Topics::put_locked(TopicConfig config) {
    // A handle taken now would be dropped with the old topic's.
    if (std::find(removing_.begin(), removing_.end(), config.name) != removing_.end())
        return Error{Errc::unavailable,
                     fmt::format("topic '{}' is just being deleted", config.name)};
    const auto before = topics_.find(config.name);
    if (before != topics_.end() && before->second->config().is_batch() != config.is_batch())
        return Error{Errc::invalid,
                     fmt::format("queue.type of topic '{}' cannot be changed", config.name)};
    store_.set_batch(config.name, config.is_batch());
    auto topic = std::make_shared<const Topic>(std::move(config), store_);
    topics_[topic->name()] = topic;
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
    version_.fetch_add(1, std::memory_order_release);
    return TopicRef(std::move(topic));
}

Result<TopicRef> Topics::announced(Result<TopicRef> made) const {
    if (made && listener_) listener_((*made)->name(), *made);
    return made;
}

Result<bool> Topics::remove(std::string_view name) {
    const std::string removed(name);
    {
        const Lock lock(mutex_);
        const auto found = topics_.find(name);
        if (found == topics_.end()) return false;
        topics_.erase(found);
        removing_.push_back(removed);
        data_version_.advance(clock_.wall_ms());
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
    const Lock lock(mutex_);
    data_version_.advance(clock_.wall_ms());
    dirty_ = true;
}

DataVersion Topics::data_version() const {
    const Lock lock(mutex_);
    return data_version_;
}

json::Value Topics::to_json() const {
    auto topics = all();
    std::sort(topics.begin(), topics.end(),
              [](const TopicRef& a, const TopicRef& b) { return a->name() < b->name(); });
    std::vector<json::Value::Member> table;
    for (const auto& topic : topics) table.emplace_back(topic->name(), topic->config().to_json());
    const Lock lock(mutex_);
    std::vector<json::Value::Member> members{{"dataVersion", data_version_.to_json()}};
    for (const auto& member : other_.members()) members.push_back(member);
    members.emplace_back("topicConfigTable", json::Value::object(std::move(table)));
    return json::Value::object(std::move(members));
}

Result<> Topics::save() {
    return save_if_dirty(dirty_, files_, path_, [this] { return to_json(); });
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
