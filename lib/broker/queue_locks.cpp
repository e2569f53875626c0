#include "broker/queue_locks.h"

namespace mqd::broker {

std::vector<bool> QueueLocks::lock(const std::string& group, const Claim& claim,
                                   const std::vector<QueueName>& queues) {
    const std::int64_t now = clock_.monotonic_ms();
    const Peer* const connection = claim.hold == Hold::time ? nullptr : claim.connection;
    std::vector<bool> granted;
    const Lock lock(mutex_);
    for (const auto& queue : queues) {
        Key key{group, queue};
        const auto [entry, is_new] = held_.try_emplace(key);
        Holder& holder = entry->second;
        const bool ours = is_new || holder.client == claim.client || holder.has_ended(now);
        granted.push_back(ours);
        if (!ours) continue;
        if (holder.connection != connection) detach(key, holder);
        holder = {claim.client, connection, claim.hold, now};
        if (connection != nullptr) by_connection_[connection].insert(std::move(key));
    }
    return granted;
}

void QueueLocks::detach(const Key& key, const Holder& holder) {
    const auto keys = by_connection_.find(holder.connection);
    if (keys == by_connection_.end()) return;
    keys->second.erase(key);
    if (keys->second.empty()) by_connection_.erase(keys);
}

QueueLocks::Held::iterator QueueLocks::end_lock(Held::iterator entry) {
    detach(entry->first, entry->second);
    return held_.erase(entry);
}

void QueueLocks::unlock(const std::string& group, const std::string& client,
                        const std::vector<QueueName>& queues) {
    const Lock lock(mutex_);
    for (const auto& queue : queues) {
        const auto found = held_.find({group, queue});
        if (found != held_.end() && found->second.client == client) end_lock(found);
    }
}

bool QueueLocks::is_held_over(const Peer& connection, const std::string& group,
                              const QueueName& queue) {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    const auto found = held_.find({group, queue});
    return found != held_.end() && found->second.connection == &connection &&
           !found->second.has_ended(now);
}

bool QueueLocks::holds_any(std::string_view group) {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    auto entry = held_.lower_bound({std::string(group), QueueName{}});
    for (; entry != held_.end() && entry->first.first == group; ++entry) {
        if (entry->second.hold != Hold::share && !entry->second.has_ended(now)) return true;
    }
    return false;
}

void QueueLocks::disconnected(const Peer& connection) {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    auto keys = by_connection_.extract(&connection);
    if (keys.empty()) return;
    for (const auto& key : keys.mapped()) {
        const auto found = held_.find(key);
        if (found->second.hold == Hold::share) {
            held_.erase(found);
        } else {
            found->second.connection = nullptr;
            found->second.orphaned_ms = now;
        }
    }
}

void QueueLocks::left(const Peer& connection, std::string_view group) {
    const Lock lock(mutex_);
    const auto keys = by_connection_.find(&connection);
    if (keys == by_connection_.end()) return;
    auto& of = keys->second;
    for (auto key = of.begin(); key != of.end();) {
        if (key->first == group) {
            held_.erase(*key);
            key = of.erase(key);
        } else {
            ++key;
        }
    }
    if (keys->second.empty()) by_connection_.erase(keys);
}

void QueueLocks::expire() {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    for (auto entry = held_.begin(); entry != held_.end();)
        entry = entry->second.has_ended(now) ? end_lock(entry) : std::next(entry);
}

void QueueLocks::remove_topic(std::string_view topic) {
    const Lock lock(mutex_);
    for (auto entry = held_.begin(); entry != held_.end();)
        entry = entry->first.second.topic == topic ? end_lock(entry) : std::next(entry);
}

}  // namespace mqd::broker
