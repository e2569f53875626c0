#pragma once
// What a broker does only while it leads: it takes messages, and delivers what waits in its store,
// delayed messages, timers and the questions about transactions. One that follows has the same
// bytes and does none of it.
//
// Threads: any. take_away() by one that holds no lease itself.
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
    /// How far each has come, for the last time; after stop(). io, refused
    Result<> close();
};

/// While somebody has one the broker leads: whoever is about to append takes it first and keeps it
/// until the append is done.
using Lease = std::shared_ptr<Leading>;

class Role {
public:
    /// Null: the broker follows.
    Lease lease() const {
        const Lock lock(mutex_);
        return lease_;
    }
    void give(std::unique_ptr<Leading> leading);
    /// No lease is given any more; when this returns, the last one has come back. Null: it follows.
    std::unique_ptr<Leading> take_away();

private:
    mutable Mutex mutex_;
    Condition returned_;
    std::unique_ptr<Leading> leading_ GUARDED_BY(mutex_);
    Lease lease_ GUARDED_BY(mutex_);
    bool is_leased_ GUARDED_BY(mutex_) = false;
};

}  // namespace mqd::broker
