#include "client/queue_locks.h"

#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "wire/bodies/queues.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"

namespace mqd::client {
namespace {

constexpr std::int64_t believed_ms = 30'000;

std::map<std::string, std::vector<Queue>> by_address(const std::vector<Queue>& queues) {
    std::map<std::string, std::vector<Queue>> all;
    for (const auto& queue : queues) all[queue.address].push_back(queue);
    return all;
}

std::string body_of(const std::string& group, const std::string& client_id,
                    const std::vector<Queue>& queues) {
    wire::LockBatchBody body;
    body.client_id = client_id;
    body.consumer_group = group;
    for (const auto& queue : queues) body.queues.push_back({queue.broker, queue.id, queue.topic});
    return wire::to_body(body);
}

}  // namespace

std::vector<Queue> QueueLocks::keep(const std::vector<Queue>& queues,
                                    const std::function<bool(const std::string&)>& is_away) {
    std::vector<Queue> ours;
    for (const auto& [address, asked] : by_address(queues)) {
        const bool away = is_away && is_away(address);
        auto some = asks_for_locks(address, away) ? keep_at(address, asked, away) : asked;
        std::move(some.begin(), some.end(), std::back_inserter(ours));
    }
    return ours;
}

/// A lock on nothing tells, without an effect on any broker, whether it is one of ours.
bool QueueLocks::asks_for_locks(const std::string& address, bool is_away) {
    if (hold_ == Hold::order || knows_hold_.contains(address)) return true;
    // Who does not answer now takes nothing away, and gives nothing that is not ours.
    if (is_away) return !knows_none_.contains(address);
    const auto answer = lock(address, {});
    return answer ? !answer->find("mqdHold").empty() : !knows_none_.contains(address);
}

Result<remoting::Answer> QueueLocks::lock(const std::string& address,
                                          const std::vector<Queue>& queues) {
    wire::LockHeader header;
    header.hold = hold_ == Hold::order ? wire::LockHeader::order : wire::LockHeader::share;
    const auto body = body_of(group_, client_id_, queues);
    auto answer = client_.call(address, wire::request_code::lock_batch_mq, header, as_bytes(body));
    if (!answer) return answer;
    if (answer->find("mqdHold") == *header.hold) {
        knows_hold_.insert(address);
        knows_none_.erase(address);
    } else {
        knows_hold_.erase(address);
        knows_none_.insert(address);
    }
    return answer;
}

std::vector<Queue> QueueLocks::keep_at(const std::string& address, const std::vector<Queue>& asked,
                                       bool is_away) {
    std::vector<Queue> ours;
    // A lock is as old as the question.
    const std::int64_t now_ms = monotonic_ms();
    const auto answer =
        is_away ? Error{Errc::unavailable, address + " is away"} : lock(address, asked);
    const auto granted = answer ? wire::LockBatchAnswer::read(answer->body)
                                : Result<wire::LockBatchAnswer>(answer.error());
    for (const auto& queue : asked) {
        const auto known = granted_ms_.find(queue);
        if (!granted) {
            const bool is_believed = known != granted_ms_.end() &&
                                     (hold_ == Hold::share || now_ms - known->second < believed_ms);
            if (is_believed) ours.push_back(queue);
            continue;
        }
        const wire::MessageQueue wanted{queue.broker, queue.id, queue.topic};
        const auto& all = granted->queues;
        if (std::find(all.begin(), all.end(), wanted) == all.end()) {
            granted_ms_.erase(queue);
            continue;
        }
        granted_ms_.erase(queue);  // its broker may be elsewhere by now
        granted_ms_.emplace(queue, now_ms);
        ours.push_back(queue);
    }
    return ours;
}

void QueueLocks::release(const Queue& queue) {
    if (granted_ms_.erase(queue) > 0) unlock(queue.address, {queue});
}

void QueueLocks::release_all() {
    std::vector<Queue> queues;
    for (const auto& [queue, since] : granted_ms_) queues.push_back(queue);
    granted_ms_.clear();
    for (const auto& [address, held] : by_address(queues)) unlock(address, held);
}

/// One that does not arrive ends by itself.
void QueueLocks::unlock(const std::string& address, const std::vector<Queue>& queues) {
    const auto body = body_of(group_, client_id_, queues);
    client_.channel(address)->oneway(wire::request_code::unlock_batch_mq, wire::NoHeader{},
                                     as_bytes(body));
}

}  // namespace mqd::client
