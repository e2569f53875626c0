#pragma once
// A group's queues as long as they are this member's: locked before they are read, committed while
// they are, and let go only when what was put of them is done and its last offset is committed. So
// the next member goes on exactly there (mqpull(1), --group).
//
// Threads: one; waits for its calls.
// Owner:   Pulling.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/membership.h"
#include "client/puller.h"
#include "client/queue_locks.h"
#include "client/waiting.h"
#include "output.h"

namespace mqd::mqpull {

class Holding {
public:
    Holding(client::Client& client, client::Membership& membership, client::Puller& puller,
            Output& output, client::QueueLocks locks, const client::Waiting& waiting);

    /// Of the wanted ones those that no other member holds, nor we for the moment that it takes to
    /// let one go. What is being read and is no longer granted goes to lost().
    std::vector<client::Queue> lock(const std::vector<client::Queue>& wanted);
    /// The last lock() got all that it wanted.
    bool has_all() const { return has_all_; }

    /// The queue, which the puller has already dropped, is to be another member's.
    void let_go(const std::shared_ptr<client::PulledQueue>& queue);
    /// It is another's already: nothing of it is committed any more.
    static void lose(client::PulledQueue& queue) { queue.is_dropped = queue.is_lost = true; }
    /// Lets go what is done. True: there was something, so that the queues may be shared out anew.
    bool advance();
    std::int64_t due_ms() const;  ///< of advance(); monotonic, -1: never by itself

    /// What is done of all queues; unchanged, too, every few seconds, since a broker that was
    /// killed may have lost what it had not saved yet.
    void commit(bool also_unchanged);
    /// For as long as nothing is shared out: nobody can tell who is there, or the last commands
    /// take their time. To be called often.
    void keep_locks();
    /// The same for the last time, on disk when it returns; then all locks are given back.
    /// refused, unavailable: of some queues it was not committed.
    Result<> finish(std::int64_t give_up_ms);

private:
    client::Membership::Commit commit_of(const client::PulledQueue& queue) const;
    std::vector<client::Queue> held() const;
    std::vector<client::Queue> keep(const std::vector<client::Queue>& queues);
    bool commit_last(std::vector<std::shared_ptr<client::PulledQueue>>& queues, bool is_durable,
                     Result<>& failed);
    void say_waiting(const std::vector<client::Queue>& wanted,
                     const std::vector<client::Queue>& ours);

    client::Client& client_;
    client::Membership& membership_;
    client::Puller& puller_;
    Output& output_;
    client::QueueLocks locks_;
    std::vector<std::shared_ptr<client::PulledQueue>> leaving_;
    std::int64_t try_again_ms_ = 0;  // a commit of one that leaves has failed; 0: none has
    std::int64_t kept_ms_ = 0;       // when the locks were last renewed
    bool has_all_ = true;
    client::WaitLine waiting_;  // for another member's queues
};

}  // namespace mqd::mqpull
