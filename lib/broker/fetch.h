#pragma once
// Reading for a consumer, in any protocol: of one queue or of several, from memory or by a thread
// that may wait for the disk, at once or when something has come.
//
// Threads: the connection's. What waits is woken from elsewhere, and goes on there.
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
    std::int64_t bytes_min = 1;                       ///< fewer are waited for, if it is to wait
    std::int64_t deadline_ms = 0;  ///< monotonic; waits until then. 0: it does not wait
};

enum class FetchOutcome {
    found,
    none,        ///< nothing yet: the client asks again at `next`
    passed,      ///< messages that the filter drops, or that are gone: go on at `next`
    moved,       ///< `from` is no place of the queue, or an operator has moved the group: to `next`
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

/// A fetch that has to wait: what stays of it, and how it is answered. A front end derives its own.
class WaitingFetch {
public:
    virtual ~WaitingFetch() = default;
    /// The fetch as its client may have it now, whose views live as long as this: topics and
    /// permissions may have changed meanwhile. `may_wait`: it has not waited for messages yet.
    /// Null: it has been answered otherwise.
    virtual const Fetch* renew(bool may_wait) = 0;
    virtual void answer(Fetched fetched) = 0;
    /// Too many of the connection's requests wait for the disk.
    virtual void refuse_busy() = 0;

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
    /// What can be had at once.
    Attempt now(const Fetch& fetch);
    /// The rest: `attempt` was not answered. `fetch` has its views in `waiting`.
    void later(Attempt attempt, const Fetch& fetch, std::shared_ptr<WaitingFetch> waiting);
    /// The connection closes: nothing that waits is woken any more.
    void close();

private:
    using Waiting = std::shared_ptr<WaitingFetch>;
    bool take_resets(const Fetch& fetch, Fetched& out);
    bool is_to_wait(const Fetch& fetch, const Fetched& fetched) const;
    Attempt settled(const Fetch& fetch, Fetched fetched);
    void read_from_disk(const Fetch& fetch, Waiting waiting);
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
