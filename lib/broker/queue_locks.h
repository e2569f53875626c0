#pragma once
// The queues that members of groups hold for themselves (mqd-remoting(7), QUEUE LOCKS): those who
// consume in order, and mqd's own clients, which hand a queue over only when its last offset is
// committed (mqpull(1), --group).
//
// Threads: any.
// Owner:   Broker.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace mqd::broker {

class Peer;

struct QueueName {
    std::string topic;
    std::int32_t id = 0;
    auto operator<=>(const QueueName&) const = default;
};

/// What ends a lock that its holder does not give back. All end expiry_ms after they were last
/// renewed.
enum class Hold {
    time,   ///< nothing else: RocketMQ's clients may go on over another connection
    order,  ///< grace_ms after the end of its connection: by then its holder would have renewed it
    share,  ///< the end of its connection; it does not make the group's consumption ordered
};

class QueueLocks {
public:
    static constexpr std::int64_t expiry_ms = 60'000;
    static constexpr std::int64_t grace_ms = 10'000;

    explicit QueueLocks(const Clock& clock) : clock_(clock) {}

    /// Who asks; for Hold::time the connection does not matter.
    struct Claim {
        std::string client;
        const Peer* connection = nullptr;
        Hold hold = Hold::time;
    };
    /// True for each queue that the client holds now: it was free, its own, or its time was over.
    std::vector<bool> lock(const std::string& group, const Claim& claim,
                           const std::vector<QueueName>& queues);
    /// Gives up those that are its own.
    void unlock(const std::string& group, const std::string& client,
                const std::vector<QueueName>& queues);
    /// The lock was last renewed over this connection, and has not ended.
    bool is_held_over(const Peer& connection, const std::string& group, const QueueName& queue);
    /// Some client of the group holds a queue for order's sake: its consumption is ordered.
    bool holds_any(std::string_view group);

    /// The connection is gone.
    void disconnected(const Peer& connection);
    /// It has left the group: what was locked over it ends at once.
    void left(const Peer& connection, std::string_view group);
    /// Forgets what has run out.
    void expire();
    void remove_topic(std::string_view topic);

private:
    using Key = std::pair<std::string, QueueName>;
    struct Holder {
        std::string client;
        const Peer* connection = nullptr;
        Hold hold = Hold::time;
        std::int64_t renewed_ms = 0;
        std::int64_t orphaned_ms = -1;  // since when its connection is gone
        bool has_ended(std::int64_t now_ms) const {
            return now_ms - renewed_ms > expiry_ms ||
                   (orphaned_ms >= 0 && now_ms - orphaned_ms > grace_ms);
        }
    };
    using Held = std::map<Key, Holder>;
    void detach(const Key& key, const Holder& holder) REQUIRES(mutex_);
    Held::iterator end_lock(Held::iterator entry) REQUIRES(mutex_);

    const Clock& clock_;
    Mutex mutex_;
    Held held_ GUARDED_BY(mutex_);
    /// The keys of those with a connection, so that the end of one that holds none costs nothing.
    std::unordered_map<const Peer*, std::set<Key>> by_connection_ GUARDED_BY(mutex_);
};

}  // namespace mqd::broker
