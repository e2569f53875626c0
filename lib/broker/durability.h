#pragma once
// When a message that was stored is safe: in memory at once; on the disk, and on the replicas,
// later or not in time.
//
// Threads: any. `done` is called once, and must not wait: by the caller, by the store's flusher or
//          its mqd-late, by whoever tells of replicas, or by `mqd-replicas`, which is started for
//          the first one that waits for replicas and ends their waits in time.
// Owner:   Broker.

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "broker/settings.h"
#include "store/store.h"

namespace mqd::broker {

class Durability {
public:
    struct Wanted {
        bool disk = false;
        bool replicas = false;                      ///< as many as the configuration demands
        std::int64_t disk_ms = 0, replicas_ms = 0;  ///< how long to wait for each
        bool is_memory() const { return !disk && !replicas; }
    };
    enum class Outcome { reached, disk_late, replicas_late };
    using Done = std::function<void(Outcome)>;

    explicit Durability(store::Store& store) : store_(store) {}
    ~Durability() { stop(); }
    Durability(const Durability&) = delete;
    Durability& operator=(const Durability&) = delete;

    /// What the configuration promises whoever gets a send acknowledged.
    static Wanted promised(const Settings& settings);

    /// When all of the log before `end` is as safe as wanted, or its time is over. The replicas'
    /// being late is told before the disk's.
    void when(PhysicalOffset end, const Wanted& wanted, Done done);
    /// Enough replicas have all of the log before `to`.
    void replicated(PhysicalOffset to);
    /// Ends the thread. Who still waits for replicas, and who comes later, is told that they are
    /// late.
    void stop();

private:
    struct Waiter {
        PhysicalOffset end;
        std::int64_t deadline_ms = 0;  // monotonic
        std::function<void(bool)> done;
    };
    void when_on_disk(PhysicalOffset end, std::int64_t ms, Done done);
    void when_replicated(PhysicalOffset end, std::int64_t ms, std::function<void(bool)> done);
    void run();
    void release(std::int64_t now_ms);

    store::Store& store_;
    Mutex mutex_;
    Condition changed_;
    PhysicalOffset replicated_ GUARDED_BY(mutex_);
    std::vector<Waiter> waiters_ GUARDED_BY(mutex_);
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_ GUARDED_BY(mutex_);
};

}  // namespace mqd::broker
