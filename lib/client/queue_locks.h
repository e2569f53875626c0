#pragma once
// The locks that keep a queue to one member of its group (LOCK_BATCH_MQ 41, UNLOCK_BATCH_MQ 42;
// mqd-remoting(7), QUEUE LOCKS): for those who consume in order, and among mqd's own
// clients for all, so that a queue is handed over only when its last offset is committed.
//
// A broker holds one for 60 s; mqd's ends it earlier when the connection ends. RocketMQ's would
// keep a shared queue from the others for a minute after a crash, and take the group for one that
// consumes in order: queues are shared there without locks, as its own clients do.
//
// Threads: the tool's one thread; waits for its calls.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/queues.h"

namespace mqd::client {

class QueueLocks {
public:
    enum class Hold { order, share };
    QueueLocks(Client& client, std::string group, std::string client_id, Hold hold = Hold::order)
        : client_(client),
          group_(std::move(group)),
          client_id_(std::move(client_id)),
          hold_(hold) {}

    /// Locks the queues, those that are ours anew. What is ours then: where a broker does not
    /// answer, what it granted less than 30 s ago, and of shared queues what was ours, since
    /// nobody else gets them there either. To be called every 20 s, and after a disconnect.
    /// A broker that is away, by its address, is not asked.
    std::vector<Queue> keep(const std::vector<Queue>& queues,
                            const std::function<bool(const std::string&)>& is_away = nullptr);
    /// Its broker ends the lock with our connection, and a commit can be made to count only under
    /// it.
    bool is_bound(const Queue& queue) const { return knows_hold_.contains(queue.address); }
    /// After the commit of what was done; others may have them at once.
    void release(const Queue& queue);
    void release_all();

private:
    bool asks_for_locks(const std::string& address, bool is_away);
    std::vector<Queue> keep_at(const std::string& address, const std::vector<Queue>& asked,
                               bool is_away);
    Result<remoting::Answer> lock(const std::string& address, const std::vector<Queue>& queues);
    void unlock(const std::string& address, const std::vector<Queue>& queues);

    Client& client_;
    const std::string group_;
    const std::string client_id_;
    const Hold hold_;
    std::map<Queue, std::int64_t> granted_ms_;  // monotonic; what we have asked for and got
    std::set<std::string> knows_hold_;          // addresses of brokers of mqd
    std::set<std::string> knows_none_;          // those of others, which are not asked for shares
};

}  // namespace mqd::client
