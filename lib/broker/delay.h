#pragma once
// Delayed messages: one of delay level n waits in SCHEDULE_TOPIC_XXXX, queue n-1, until it is due
// and is then appended again to the queue it was meant for (mqd-store(5), DELAYED MESSAGES;
// mqd-remoting(7), DELAYED MESSAGES). In a level all wait equally long, so each level is a queue
// whose head tells when to look again.
//
// A level's time is the wall clock's (message/stored_time.h). What was stored while that was ahead
// says that it is due far away: after the clock has been put right it waits a level's time from
// then on, not longer (DueBounds).
//
// Threads: run_due() by one, its own `mqd-delay` once started, which sleeps until the first head
//          is due or something arrives; everything else by any.
// Owner:   Broker and the store's listener.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "broker/counters.h"
#include "broker/delay_offsets.h"
#include "broker/delivery_mark.h"
#include "broker/place.h"
#include "broker/position.h"
#include "broker/redelivery.h"
#include "base/bell.h"
#include "store/queue/delay_levels.h"
#include "store/store.h"

namespace mqd::broker {

class Delay {
public:
    /// Goes on where the mark says, or else delayOffset.json, kept inside what the queues have.
    /// corrupt, io: a file. invalid: messageDelayLevel.
    static Result<std::shared_ptr<Delay>> open(store::Files& files, const Clock& clock,
                                               store::Store& store, Counters& counters,
                                               const Settings& settings);
    ~Delay() { stop(); }
    Delay(const Delay&) = delete;
    Delay& operator=(const Delay&) = delete;

    /// Starts the thread; without it run_due() is the caller's business.
    void start();
    /// Ends the thread; nothing is delivered any more.
    void stop();

    /// Where a message waits: DELAY, REAL_TOPIC and REAL_QID are set.
    /// `level` is above 0; one above the highest means the highest. Timer properties are dropped:
    /// a level goes before them.
    Place place(std::string_view properties, std::int64_t level, std::string_view topic,
                std::int32_t queue_id) const;

    /// For Store::on_arrival.
    void arrived(std::span<const store::Arrival> arrivals);
    /// Delivers what is due; the milliseconds until something may be due again, -1 for nothing.
    std::int64_t run_due();

    struct Progress {
        std::int32_t level = 0;
        std::int64_t next = 0, max = 0;
    };
    /// Of the levels that were ever in use.
    std::vector<Progress> progress() const;
    /// As delayOffset.json and request 45 have it.
    json::Value offsets_json() const { return offsets_.to_json(); }
    /// As DelayOffsets::save().
    Result<> save() { return offsets_.save(); }

private:
    struct Level {
        std::int32_t level = 0;
        std::int64_t wait_ms = 0;
        store::Queue* queue = nullptr;
        // run_due()'s
        std::int64_t next = 0;
        std::optional<std::int64_t> head_due_ms;  // wall time; of the message at `next`
        DueBounds bounds;
        bool failing = false;
    };
    struct Waiting;
    class Collector;

    Delay(store::Files& files, const Clock& clock, store::Store& store, Counters& counters,
          const Settings& settings, store::DelayLevels levels);
    Result<> find_progress();
    std::int64_t waiting_from(const Level& level, const QueueRange& range) const;
    void look_at_clock();
    void bound(Level& level, std::int64_t now_ms);
    bool deliver_some(Level& level);
    bool deliver(Level& level, std::span<const Waiting> due);
    void go_on_from(const DeliveryMark::Left& left);
    void mark(bool delivering);
    void move(Level& level, std::int64_t next);
    void run();

    const Clock& clock_;
    store::Store& store_;
    const store::DelayLevels delay_levels_;
    DelayOffsets offsets_;
    std::vector<Level> levels_;

    // run_due()'s
    Redelivery redelivery_;
    DeliveryMark mark_;
    std::vector<std::int64_t> marked_;  ///< the next of each level
    bool delivering_ = false;
    bool mark_failing_ = false;
    std::int64_t wall_ms_ = 0, monotonic_ms_ = 0;  ///< when the clock was last looked at

    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace mqd::broker
