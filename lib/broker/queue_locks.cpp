#include "broker/queue_locks.h"

namespace mqd::broker {

std::vector<bool> QueueLocks::lock(const std::string& group, const std::string& client,
                                   const std::vector<QueueName>& queues) {
    const std::int64_t now = clock_.monotonic_ms();
    std::vector<bool> granted;
    const Lock lock(mutex_);
    for (const auto& queue : queues) {
        auto [entry, is_new] = held_.try_emplace({group, queue}, Holder{client, now});
        Holder& holder = entry->second;
        const bool ours = is_new || holder.client == client || now - holder.renewed_ms > expiry_ms;
        if (ours) holder = {client, now};
        granted.push_back(ours);
    }
    return granted;
}

void QueueLocks::unlock(const std::string& group, const std::string& client,
                        const std::vector<QueueName>& queues) {
    const Lock lock(mutex_);
    for (const auto& queue : queues) {
        const auto found = held_.find({group, queue});
        if (found != held_.end() && found->second.client == client) held_.erase(found);
    }
}

bool QueueLocks::holds_any(std::string_view group) {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    auto entry = held_.lower_bound({std::string(group), QueueName{}});
    for (; entry != held_.end() && entry->first.first == group; ++entry) {
        if (now - entry->second.renewed_ms <= expiry_ms) return true;
    }
    return false;
}

void QueueLocks::expire() {
    const std::int64_t now = clock_.monotonic_ms();
    const Lock lock(mutex_);
    std::erase_if(held_,
                  [now](const auto& entry) { return now - entry.second.renewed_ms > expiry_ms; });
}

}  // namespace mqd::broker
