#pragma once
// The locks that keep a queue to one member of its group, for those who consume in order
// (LOCK_BATCH_MQ 41, UNLOCK_BATCH_MQ 42; spec remoting.md 3.7, semantics.md 4.7). A broker holds
// one for 60 s, we believe in it for 30.
//
// Threads: the tool's one thread; waits for its calls.
// Owner:   the tool's main. The client outlives it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/queues.h"

namespace mqd::client {

class QueueLocks {
public:
    QueueLocks(Client& client, std::string group, std::string client_id)
        : client_(client), group_(std::move(group)), client_id_(std::move(client_id)) {}

    /// Locks the queues, those that are ours anew. What is ours then: where a broker does not
    /// answer, what it granted less than 30 s ago. To be called every 20 s.
    std::vector<Queue> keep(const std::vector<Queue>& queues);
    /// Behind the commit of what was done; others may have them at once.
    void release(const Queue& queue);
    void release_all();

private:
    void unlock(const std::string& address, const std::vector<Queue>& queues);

    Client& client_;
    const std::string group_;
    const std::string client_id_;
    std::map<Queue, std::int64_t> granted_ms_;  // monotonic; what we have asked for and got
};

}  // namespace mqd::client
