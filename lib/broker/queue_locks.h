#pragma once
// The queues that ordered consumers hold for themselves (spec semantics.md 4.7).
//
// Threads: any.
// Owner:   Broker.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace mqd::broker {

struct QueueName {
    std::string topic;
    std::int32_t id = 0;
    auto operator<=>(const QueueName&) const = default;
};

class QueueLocks {
public:
    static constexpr std::int64_t expiry_ms = 60'000;

    explicit QueueLocks(const Clock& clock) : clock_(clock) {}

    /// True for each queue that `client` holds now: it was free, its own, or its holder had not
    /// renewed it for expiry_ms.
    std::vector<bool> lock(const std::string& group, const std::string& client,
                           const std::vector<QueueName>& queues);
    /// Gives up those that are its own.
    void unlock(const std::string& group, const std::string& client,
                const std::vector<QueueName>& queues);
    /// Some client of the group holds a queue: its consumption is ordered.
    bool holds_any(std::string_view group);
    /// Forgets what has run out.
    void expire();

private:
    struct Holder {
        std::string client;
        std::int64_t renewed_ms = 0;
    };
    const Clock& clock_;
    Mutex mutex_;
    std::map<std::pair<std::string, QueueName>, Holder> held_ GUARDED_BY(mutex_);
};

}  // namespace mqd::broker
