#pragma once
// A broker leads or follows. Only a leader accepts messages, delivers delayed and timed messages,
// and asks producers about open transactions. A follower has the same log and does none of this.
//
// Threads: any. A thread that holds a lease must not call take_away().
// Owner:   Broker and the store's listener.

#include <memory>

#include "base/mutex.h"
#include "broker/delay.h"
#include "broker/delayed_retries.h"
#include "broker/timers.h"
#include "broker/transactions.h"

namespace mqd::broker {

struct Leading {
    std::shared_ptr<Delay> delay;
    std::shared_ptr<Timers> timers;
    std::shared_ptr<Transactions> transactions;
    std::unique_ptr<DelayedRetries> delayed_retries;

    void start(bool with_timers);
    /// Ends the threads: nothing is delivered any more.
    void stop();
    /// Saves the progress of each for the last time; after stop(). io, refused
    Result<> close();
};

/// The broker leads while a lease is held: a thread takes one before it appends, and keeps it until
/// the append is done.
using Lease = std::shared_ptr<Leading>;

class Role {
public:
    /// Null: the broker follows.
    Lease lease() const {
        const Lock lock(mutex_);
        return lease_;
    }
    void give(std::unique_ptr<Leading> leading);
    /// Gives no more leases, and returns when the last one has come back. Null: the broker follows.
    std::unique_ptr<Leading> take_away();

private:
    mutable Mutex mutex_;
    Condition returned_;
    std::unique_ptr<Leading> leading_ GUARDED_BY(mutex_);
    Lease lease_ GUARDED_BY(mutex_);
    bool is_leased_ GUARDED_BY(mutex_) = false;
};

}  // namespace mqd::broker
