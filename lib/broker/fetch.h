#pragma once
// A fetch reads messages of one or several queues for a consumer, in any protocol. It reads from
// memory at once, or on a thread that may wait for the disk. If there are no messages, it can wait
// for the first one.
//
// Threads: the connection's. Another thread wakes a waiting fetch, which continues on the
//          connection's thread.
// Owner:   the connection.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "broker/broker.h"
#include "broker/caller.h"
#include "broker/disk_reads.h"
#include "broker/traffic.h"
#include "store/store.h"

namespace mqd::broker {

struct Fetch {
    struct Part {
        store::Queue* queue = nullptr;
        QueueOffset from;
    };
    std::string_view group;
    std::span<const Part> parts;                      ///< each queue once
    std::shared_ptr<const store::ReadFilter> filter;  ///< null: everything matches
    store::ReadLimits limits;                         ///< of all parts together
    std::int64_t bytes_min = 1;    ///< with fewer bytes it waits, up to the deadline
    std::int64_t deadline_ms = 0;  ///< monotonic; 0: it does not wait
};

enum class FetchOutcome {
    found,
    none,        ///< nothing yet: the client asks again at `next`
    passed,      ///< only messages that the filter drops, or that are deleted: continue at `next`
    moved,       ///< `from` is not in the queue, or an operator has reset the group: to `next`
    unreadable,  ///< the disk failed, or the topic was deleted: Queue::deleted()
};

struct FetchedPart {
    store::Queue* queue = nullptr;
    FetchOutcome outcome = FetchOutcome::none;
    bool is_reset = false;   ///< moved by an operator
    store::ReadResult read;  ///< `next`, `min` and `max` are set whatever the outcome
};

struct Fetched {
    std::vector<FetchedPart> parts;
    std::int64_t us = 0;  ///< that the reads took
};

/// A fetch that waits. It owns what the views of the fetch show, and sends the answer. Each front
/// end derives its own class.
class WaitingFetch {
public:
    virtual ~WaitingFetch() = default;
    /// Makes the fetch again after a wait, since topics and permissions may have changed. Its views
    /// live as long as this object. `may_wait`: it may wait again. Null: the client has been
    /// answered already, for example with a refusal.
    virtual const Fetch* renew(bool may_wait) = 0;
    virtual void answer(Fetched fetched) = 0;
    /// It cannot be read from the disk now; `why` is for the client.
    virtual void refuse_busy(std::string_view why) = 0;

private:
    friend class Fetches;
    std::uint64_t id_ = 0;  // of Arrivals
};

class Fetches {
public:
    Fetches(Broker& broker, TrafficCache& traffic, DiskReads& reads,
            std::shared_ptr<const Caller> caller)
        : broker_(broker), traffic_(traffic), reads_(reads), caller_(std::move(caller)) {}

    struct Attempt {
        enum class State { answered, to_disk, to_wait } state = State::answered;
        Fetched fetched;
    };
    /// Reads what is in memory.
    Attempt now(const Fetch& fetch);
    /// Waits for the disk or for messages, and answers: `attempt` is not `answered`, and the views
    /// of `fetch` are in `waiting`.
    void later(Attempt attempt, const Fetch& fetch, const std::shared_ptr<WaitingFetch>& waiting);
    /// The connection closes: its fetches are not woken any more.
    void close();

private:
    using Waiting = std::shared_ptr<WaitingFetch>;
    bool take_resets(const Fetch& fetch, Fetched& out);
    bool is_to_wait(const Fetch& fetch, const Fetched& fetched) const;
    Attempt settled(const Fetch& fetch, Fetched fetched);
    void read_from_disk(const Fetch& fetch, const Waiting& waiting);
    bool park(const Fetch& fetch, Attempt& attempt, const Waiting& waiting);
    void woken(const Waiting& waiting);
    void count(const Fetch& fetch, Fetched& fetched);

    Broker& broker_;
    TrafficCache& traffic_;
    DiskReads& reads_;
    const std::shared_ptr<const Caller> caller_;
    std::unordered_set<std::uint64_t> parked_;  // ids of Arrivals
};

}  // namespace mqd::broker
