#pragma once
// Reads that wait for a message (long polling, mqd-remoting(7), LONG POLLS). One is woken by the
// first message that matches its filter, by a sweep every five seconds when anything arrived (so
// that an offset moves on over what does not match), or at its deadline, to the millisecond. A
// sweep goes in small portions: among 100,000 that wait it may find 20,000, and a message that
// arrives meanwhile must not wait for all of their answers.
//
// Threads: any; wake-ups come from the store's dispatcher, from the thread `mqd-arrivals`, and
//          from nobody once cancel() or stop() has returned. They must not block.
// Owner:   Broker and the store's listener; the queues outlive it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/store.h"

namespace mqd::broker {

class Arrivals {
public:
    static constexpr std::int64_t sweep_ms = 5000;
    static constexpr std::size_t sweep_wakes = 8;  ///< in a portion, a millisecond apart

    struct Place {
        store::Queue* queue = nullptr;
        QueueOffset from;  ///< the first offset that is not there yet
    };
    /// For one queue, or for whichever of several has something first.
    struct Wait : Place {
        std::vector<Place> more = {};                     ///< other queues, each once
        std::shared_ptr<const store::ReadFilter> filter;  ///< null: everything matches
        std::int64_t deadline_ms = 0;                     ///< monotonic
        std::function<void()> wake;                       ///< once
    };

    Arrivals(const Clock& clock, std::size_t waits_max) : clock_(clock), waits_max_(waits_max) {}
    ~Arrivals() { stop(); }
    Arrivals(const Arrivals&) = delete;
    Arrivals& operator=(const Arrivals&) = delete;

    /// Starts the thread; without it run_due() is the caller's business.
    void start();
    /// Ends the thread; what waits is never woken, and nothing waits any more.
    void stop();

    struct Parked {
        enum class State { waiting, grown, gone, full } state = State::full;
        std::uint64_t id = 0;
    };
    /// grown: a queue has more than its `from` by now; read again, nothing was parked. gone: one
    /// has been deleted. full: too many wait already.
    Parked park(Wait wait);
    void cancel(std::uint64_t id);
    /// Wakes all that wait for this queue, for another reason than a message.
    void wake(store::Queue& queue);

    /// For Store::on_arrival.
    void arrived(std::span<const store::Arrival> arrivals);

    /// Wakes what is due; the milliseconds until something may be due again, -1 for nothing.
    std::int64_t run_due();

    std::size_t waiting() const;

private:
    using Ids = std::unordered_set<std::uint64_t>;
    using Deadlines = std::set<std::pair<std::int64_t, std::uint64_t>>;
    struct Parking {
        Wait wait;
        Deadlines::iterator deadline;
    };
    template <class Call>
    void for_each_place(Wait& wait, Call call) REQUIRES(mutex_);
    static QueueOffset from_in(const Wait& wait, const store::Queue* queue);
    void sweep(std::int64_t now, std::vector<std::function<void()>>& woken) REQUIRES(mutex_);
    void take(std::uint64_t id, std::vector<std::function<void()>>& woken) REQUIRES(mutex_);
    void run();

    const Clock& clock_;
    const std::size_t waits_max_;

    mutable Mutex mutex_;
    Condition changed_;
    std::unordered_map<std::uint64_t, Parking> waits_ GUARDED_BY(mutex_);
    std::map<store::Queue*, Ids> by_queue_ GUARDED_BY(mutex_);
    Deadlines deadlines_ GUARDED_BY(mutex_);
    std::uint64_t last_id_ GUARDED_BY(mutex_) = 0;
    std::int64_t next_sweep_ms_ GUARDED_BY(mutex_) = 0;
    store::Queue* swept_to_ GUARDED_BY(mutex_) = nullptr;  // where the next portion begins
    std::int64_t sleeps_until_ms_ GUARDED_BY(mutex_) = 0;
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace mqd::broker
