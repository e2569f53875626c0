#pragma once
// Durability calls back when stored messages are safe: in memory, on the disk, or on replicas; or
// when that takes too long.
//
// Threads: any. `done` is called once, without a lock, and must not wait. It is called by the
//          caller of when(), by the store's flusher, by the caller of replicated(), or by a
//          `mqd-late` thread when the time is over. For replicas that is a second `mqd-late`, which
//          the first wait for replicas starts.
// Owner:   Broker.

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/mutex.h"
#include "broker/settings.h"
#include "store/store.h"
#include "store/waiters.h"

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

    /// What the configuration promises to a client whose send is acknowledged.
    static Wanted promised(const Settings& settings);

    /// Calls `done` when all of the log before `end` is as safe as wanted, or the time is over. If
    /// both are late, the outcome is `replicas_late`.
    void when(PhysicalOffset end, const Wanted& wanted, Done done);
    /// Enough replicas have all of the log before `to`.
    void replicated(PhysicalOffset to);
    /// Ends the thread. Calls that wait for replicas, and later calls, get `replicas_late`.
    void stop();

private:
    void when_on_disk(PhysicalOffset end, std::int64_t ms, Done done);
    void when_replicated(PhysicalOffset end, std::int64_t ms, std::function<void(bool)> done);

    store::Store& store_;
    std::atomic<std::int64_t> replicated_ = 0;  // an offset of the log
    store::Lateness lateness_;
    store::Waiters waiters_{lateness_, [this] { return replicated_.load(); }};  // for replicas
    Mutex mutex_;
    bool has_thread_ GUARDED_BY(mutex_) = false;
};

}  // namespace mqd::broker
