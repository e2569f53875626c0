#include "namesrv/routes.h"

#include <algorithm>
#include <utility>

namespace mqd::namesrv {
namespace {

constexpr std::int32_t perm_write = 2;
/// Who was heard from within it is alive: mqd's brokers say so every 4 s.
constexpr std::int64_t alive_ms = 10'000;

wire::BrokerData broker_data(std::string_view name, const std::string& cluster, bool acting) {
    wire::BrokerData data;
    data.broker_name = name;
    data.cluster = cluster;
    data.enable_acting_master = acting;
    return data;
}

}  // namespace

void Routes::configure(Options options) {
    Lock lock(mutex_);
    options_ = options;
    ++revision_;
}

Routes::Broker* Routes::find(std::string_view name) {
    const auto at = brokers_.find(name);
    return at == brokers_.end() ? nullptr : &at->second;
}

Routes::Live* Routes::find_live(std::string_view broker, std::string_view address) {
    auto* entry = find(broker);
    if (entry == nullptr) return nullptr;
    for (auto& [id, live] : entry->members)
        if (live.address == address) return &live;
    return nullptr;
}

void Routes::seen(Live& live, const Registration& who, std::int64_t now_ms) {
    live.connection = who.connection;
    live.seen_ms = now_ms;
    live.timeout_ms = who.timeout_ms;
}

Routes::Registered Routes::answer(Broker& broker, std::int64_t id) {
    Registered out;
    if (auto& refused = broker.members.at(id).refused; !refused.empty())
        out.refused = std::exchange(refused, {});
    if (id == 0 || !broker.has_master()) return out;
    const auto& master = broker.members.at(0);
    out.master_address = master.address;
    out.master_ha_address = master.ha_address;
    return out;
}

/// Two stores with one name and id: whoever was there stays. A broker that moved has its store, one
/// that took over a newer state, and of RocketMQ's nothing is known.
std::optional<Routes::Registered> Routes::refusal(Live& holder, const Registration& who,
                                                  std::int64_t state_version, std::int64_t now_ms) {
    const bool are_two = !holder.store.empty() && !who.store.empty() && holder.store != who.store;
    if (!are_two || state_version > holder.version.state_version ||
        now_ms - holder.seen_ms > alive_ms)
        return std::nullopt;
    Registered out;
    out.holder = holder.address;
    out.is_first_refusal = holder.refused != who.address;
    holder.refused = who.address;
    return out;
}

std::optional<Routes::Registered> Routes::refresh(const Registration& who, std::int64_t now_ms) {
    Lock lock(mutex_);
    auto* broker = find(who.broker);
    if (broker == nullptr || broker->cluster != who.cluster ||
        broker->acting_master_enabled != who.enable_acting_master.value_or(false))
        return std::nullopt;
    const auto at = broker->members.find(who.id);
    if (at == broker->members.end()) return std::nullopt;
    auto& live = at->second;
    if (live.address != who.address || live.ha_address != who.ha_address ||
        live.store != who.store || live.body_bytes == 0 || live.body_bytes != who.body_bytes ||
        live.body_crc != who.body_crc)
        return std::nullopt;
    seen(live, who, now_ms);
    return answer(*broker, who.id);
}

Routes::Registered Routes::add(const Registration& who, const wire::RegisterBrokerBody& body,
                               std::int64_t now_ms) {
    Lock lock(mutex_);
    auto& broker = brokers_[who.broker];
    const auto holder = broker.members.find(who.id);
    const bool is_held = holder != broker.members.end();
    const bool is_new = !is_held || holder->second.address != who.address;
    Registered out;
    if (is_held) {
        if (auto refused = refusal(holder->second, who, body.data_version.state_version, now_ms))
            return std::move(*refused);
    }
    if (is_held && is_new &&
        holder->second.version.state_version > body.data_version.state_version) {
        out.is_ignored = true;
        return out;
    }

    const bool acting = who.enable_acting_master.value_or(false);
    if (is_new || broker.cluster != who.cluster || broker.acting_master_enabled != acting)
        ++revision_;
    broker.cluster = who.cluster;
    broker.acting_master_enabled = acting;
    // A slave that became master, or the other way round, keeps its address.
    std::erase_if(broker.members, [&](const auto& member) {
        return member.first != who.id && member.second.address == who.address;
    });
    auto& live = broker.members[who.id];
    const bool is_changed = is_new || !(live.version == body.data_version);
    live.address = who.address;
    live.ha_address = who.ha_address;
    live.store = who.store;
    live.version = body.data_version;
    live.body_crc = who.body_crc;
    live.body_bytes = who.body_bytes;
    seen(live, who, now_ms);

    const bool leads = who.id == 0 || (who.enable_acting_master.has_value() &&
                                       who.id == broker.members.begin()->first);
    if (leads) {
        for (const auto& topic : body.topics) {
            if (!is_changed) {
                const auto known = topics_.find(topic.topic_name);
                if (known != topics_.end() && known->second.by_broker.contains(who.broker))
                    continue;
            }
            set_queue(topic.topic_name, {who.broker, topic.read_queue_nums, topic.write_queue_nums,
                                         topic.perm, topic.topic_sys_flag});
        }
        if (options_.delete_topic_with_registration) {
            std::set<std::string_view> keep;
            for (const auto& topic : body.topics) keep.insert(topic.topic_name);
            drop_topics(who.broker, keep);
        }
    }
    out = answer(broker, who.id);
    out.is_new = is_new;
    return out;
}

void Routes::set_queue(std::string_view name, wire::QueueData queue) {
    auto at = topics_.find(name);
    if (at == topics_.end()) at = topics_.emplace(name, Topic()).first;
    auto& topic = at->second;
    auto& old = topic.by_broker[queue.broker_name];
    if (old.broker_name == queue.broker_name && old.perm == queue.perm &&
        old.read_queue_nums == queue.read_queue_nums &&
        old.write_queue_nums == queue.write_queue_nums &&
        old.topic_sys_flag == queue.topic_sys_flag)
        return;
    old = std::move(queue);
    topic.encoded.reset();
}

bool Routes::add_queue(std::string_view topic, const wire::QueueData& queue) {
    Lock lock(mutex_);
    if (find(queue.broker_name) == nullptr) return false;
    set_queue(topic, queue);
    return true;
}

void Routes::drop_topics(std::string_view broker, const std::set<std::string_view>& keep) {
    for (auto at = topics_.begin(); at != topics_.end();) {
        auto& [name, topic] = *at;
        const auto queue = topic.by_broker.find(broker);
        if (queue != topic.by_broker.end() && !keep.contains(name)) {
            topic.by_broker.erase(queue);
            topic.encoded.reset();
        }
        at = topic.by_broker.empty() ? topics_.erase(at) : std::next(at);
    }
}

std::vector<Removed> Routes::remove(const Gone& gone) {
    std::vector<Removed> out;
    for (auto at = brokers_.begin(); at != brokers_.end();) {
        auto& [name, broker] = *at;
        std::erase_if(broker.members, [&, &name = name](const auto& member) {
            if (!gone(name, member.first, member.second)) return false;
            out.push_back({name, member.first, member.second.address});
            return true;
        });
        if (broker.members.empty()) {
            drop_topics(name, {});
            at = brokers_.erase(at);
        } else {
            ++at;
        }
    }
    if (!out.empty()) ++revision_;
    return out;
}

std::vector<Removed> Routes::unregister(std::string_view broker, std::int64_t id,
                                        std::string_view address) {
    Lock lock(mutex_);
    auto out = remove([&](std::string_view name, std::int64_t member, const Live& live) {
        return name == broker && member == id && live.address == address;
    });
    // Drained, stopped, and to be started again: then it may be written to.
    if (find(broker) == nullptr) {
        const auto at = wiped_.find(broker);
        if (at != wiped_.end()) wiped_.erase(at);
    }
    return out;
}

std::vector<Removed> Routes::connection_closed(ConnectionId connection) {
    Lock lock(mutex_);
    return remove([&](std::string_view, std::int64_t, const Live& live) {
        return live.connection == connection;
    });
}

std::vector<Removed> Routes::expire(std::int64_t now_ms) {
    Lock lock(mutex_);
    return remove([&](std::string_view, std::int64_t, const Live& live) {
        return now_ms - live.seen_ms > live.timeout_ms;
    });
}

void Routes::heartbeat(std::string_view broker, std::string_view address,
                       std::optional<std::int64_t> timeout_ms, std::int64_t now_ms) {
    Lock lock(mutex_);
    auto* live = find_live(broker, address);
    if (live == nullptr) return;
    live->seen_ms = now_ms;
    if (timeout_ms) live->timeout_ms = *timeout_ms;
}

std::optional<wire::DataVersion> Routes::version(std::string_view broker, std::string_view address,
                                                 std::int64_t now_ms) {
    Lock lock(mutex_);
    auto* live = find_live(broker, address);
    if (live == nullptr) return std::nullopt;
    live->seen_ms = now_ms;
    return live->version;
}

bool Routes::is_write_masked(std::string_view name, const Broker& broker) const {
    return wiped_.contains(name) || (broker.acting_master_enabled && !broker.has_master());
}

std::shared_ptr<const std::string> Routes::route(std::string_view name) {
    Lock lock(mutex_);
    const auto at = topics_.find(name);
    if (at == topics_.end()) return nullptr;
    auto& topic = at->second;
    // Encoding takes some microseconds, once for each change.
    if (topic.encoded == nullptr || topic.encoded_revision != revision_) {
        topic.encoded = std::make_shared<const std::string>(encode(topic));
        topic.encoded_revision = revision_;
    }
    return topic.encoded;
}

std::string Routes::encode(const Topic& topic) {
    wire::TopicRouteData route;
    for (const auto& [name, stored] : topic.by_broker) {
        const auto* broker = find(name);
        check(broker != nullptr);
        auto queue = stored;
        if (is_write_masked(name, *broker)) queue.perm &= ~perm_write;

        auto data = broker_data(name, broker->cluster, broker->acting_master_enabled);
        for (const auto& [id, live] : broker->members) data.broker_addrs[id] = live.address;
        if (options_.support_acting_master && broker->acting_master_enabled &&
            !broker->has_master() && (queue.perm & perm_write) == 0) {
            auto lowest = data.broker_addrs.extract(data.broker_addrs.begin());
            lowest.key() = 0;
            data.broker_addrs.insert(std::move(lowest));
        }
        route.brokers.push_back(std::move(data));
        route.queues.push_back(std::move(queue));
    }
    return wire::to_body(route);
}

wire::ClusterInfo Routes::cluster_info() const {
    Lock lock(mutex_);
    wire::ClusterInfo info;
    for (const auto& [name, broker] : brokers_) {
        auto data = broker_data(name, broker.cluster, broker.acting_master_enabled);
        for (const auto& [id, live] : broker.members) data.broker_addrs[id] = live.address;
        info.brokers.emplace(name, std::move(data));
        info.clusters[broker.cluster].push_back(name);
    }
    return info;
}

wire::BrokerMembers Routes::members(std::string_view cluster, std::string_view broker) const {
    Lock lock(mutex_);
    wire::BrokerMembers out{std::string(cluster), std::string(broker), {}};
    const auto at = brokers_.find(broker);
    if (at != brokers_.end() && at->second.cluster == cluster)
        for (const auto& [id, live] : at->second.members) out.broker_addrs[id] = live.address;
    return out;
}

std::vector<std::string> Routes::topics() const {
    Lock lock(mutex_);
    std::vector<std::string> out;
    out.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) out.push_back(name);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> Routes::topics_of_cluster(std::string_view cluster) const {
    Lock lock(mutex_);
    std::set<std::string_view> members;
    for (const auto& [name, broker] : brokers_)
        if (broker.cluster == cluster) members.insert(name);
    std::vector<std::string> out;
    for (const auto& [name, topic] : topics_)
        if (std::any_of(topic.by_broker.begin(), topic.by_broker.end(),
                        [&](const auto& entry) { return members.contains(entry.first); }))
            out.push_back(name);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> Routes::topics_with_flag(std::int32_t all_of, std::int32_t none_of) const {
    Lock lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, topic] : topics_) {
        const auto flag = topic.by_broker.begin()->second.topic_sys_flag;
        if ((flag & all_of) == all_of && (flag & none_of) == 0) out.push_back(name);
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::size_t Routes::count_topics(std::string_view broker) const {
    return static_cast<std::size_t>(
        std::count_if(topics_.begin(), topics_.end(),
                      [&](const auto& entry) { return entry.second.by_broker.contains(broker); }));
}

std::size_t Routes::wipe_write(std::string_view broker) {
    Lock lock(mutex_);
    if (find(broker) == nullptr) return 0;
    wiped_.emplace(broker);
    ++revision_;
    return count_topics(broker);
}

std::size_t Routes::restore_write(std::string_view broker) {
    Lock lock(mutex_);
    const auto at = wiped_.find(broker);
    if (at != wiped_.end()) wiped_.erase(at);
    ++revision_;
    return count_topics(broker);
}

bool Routes::delete_topic(std::string_view name, std::optional<std::string_view> cluster) {
    Lock lock(mutex_);
    const auto at = topics_.find(name);
    if (at == topics_.end()) return false;
    auto& topic = at->second;
    const auto before = topic.by_broker.size();
    for (auto queue = topic.by_broker.begin(); queue != topic.by_broker.end();) {
        auto* broker = find(queue->first);
        check(broker != nullptr);
        if (cluster && broker->cluster != *cluster) {
            ++queue;
            continue;
        }
        // Brokers that still have it bring it back with their next body, even an equal one.
        for (auto& [id, live] : broker->members) live.body_bytes = 0;
        queue = topic.by_broker.erase(queue);
    }
    const bool is_changed = topic.by_broker.size() != before;
    topic.encoded.reset();
    if (topic.by_broker.empty()) topics_.erase(at);
    return is_changed;
}

}  // namespace mqd::namesrv
