#pragma once
// Timers: messages that are delivered at a time of their sender's choice (mqd-store(5), TIMED
// MESSAGES and TIMER FILES; mqd-remoting(7), DELAYED MESSAGES). They wait in rmq_sys_wheel_timer,
// queue 0; from there each gets a unit in the timer log, chained to the slot of the wheel in which
// it is due. A slot's units are taken into memory when its time is near and delivered one by one,
// each to the millisecond, so memory is what the next seconds hold, however many wait.
//
// What is delivered is always the smallest (due, position in the timer log), and a unit never gets
// a due time before what has been delivered: two numbers say where to go on (DeliveryMark). Times
// are the wall clock's. When that is put back, the progress goes back with it, and what had been
// delivered by then is remembered by such numbers too.
//
// Threads: run_due() by one, its own `mqd-timer` once started, which sleeps until something is due
//          or arrives; save() by another; everything else by any.
// Owner:   Broker and the store's listener.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/counters.h"
#include "broker/delivery_mark.h"
#include "broker/place.h"
#include "broker/redelivery.h"
#include "broker/settings.h"
#include "broker/table_file.h"
#include "base/bell.h"
#include "store/store.h"
#include "store/timer/timer_log.h"
#include "store/timer/timer_wheel.h"

namespace mqd::broker {

class Timers {
public:
    /// Goes on where the timer files say; damaged ones are made again from the queue. io: a file.
    static Result<std::shared_ptr<Timers>> open(store::Files& files, const Clock& clock,
                                                store::Store& store, Counters& counters,
                                                const Settings& settings);
    ~Timers() { stop(); }
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;

    /// Starts the thread; without it run_due() is the caller's business.
    void start();
    /// Ends the thread; nothing is delivered any more.
    void stop();

    /// Where a message waits that is to be delivered at `out_ms`, which lies ahead: TIMER_OUT_MS,
    /// REAL_TOPIC and REAL_QID are set.
    Place place(std::string_view properties, std::int64_t out_ms, std::string_view topic,
                std::int32_t queue_id) const;

    /// For Store::on_arrival.
    void arrived(std::span<const store::Arrival> arrivals);
    /// Takes in what has arrived and delivers what is due; the milliseconds until there may be
    /// more to do, -1 for nothing.
    std::int64_t run_due();
    /// Brings the timer files to disk, once a second. io, refused
    Result<> save();
    /// The same at a clean stop, after stop(): what was delivered of the current slot is taken
    /// out of it, since the files can only say where a slot begins.
    Result<> close();

    struct Progress {
        std::int64_t read_ms = 0;        ///< everything due before has been delivered
        std::int64_t next = 0, max = 0;  ///< of the queue: taken in, there
        std::int64_t pending = 0;
    };
    Progress progress() const;
    store::TimerCheck check_point() const;
    /// How many wait for each topic, as the reference's timermetrics.
    json::Value metrics() const;

private:
    struct Entry {
        std::int64_t due_ms = 0, position = 0, at = 0;
        std::int64_t written_ms = 0;
        std::int32_t magic = 0;
        bool operator>(const Entry& other) const {
            return due_ms != other.due_ms ? due_ms > other.due_ms : position > other.position;
        }
    };
    struct Delivered {
        std::int64_t due_ms = 0, position = -1, log_end = 0;
        bool covers(const Entry& entry) const {
            if (entry.position >= log_end) return false;
            return entry.due_ms < due_ms || (entry.due_ms == due_ms && entry.position <= position);
        }
    };
    class Collector;
    static constexpr std::size_t done_max = 64;

    Timers(store::Files& files, const Clock& clock, store::Store& store, Counters& counters,
           const Settings& settings);
    Result<> load();
    Result<> load_files() REQUIRES(mutex_);
    Result<> replay(std::int64_t from) REQUIRES(mutex_);
    Result<> start_afresh() REQUIRES(mutex_);
    bool wheel_ends_by(std::int64_t log_end) const REQUIRES(mutex_);
    void raise_floor(std::int64_t to_ms) REQUIRES(mutex_);
    std::int64_t waiting_in(const store::TimerSlot& slot) const REQUIRES(mutex_);
    Result<> load_metrics() REQUIRES(mutex_);
    /// Every slot with units from `from_ms` on.
    template <class Take>
    void for_each_slot(std::int64_t from_ms, Take take) const REQUIRES(mutex_) {
        std::int64_t from = slot_of(from_ms);
        const std::int64_t to = from + store::TimerWheel::slots;
        while (const auto slot = wheel_->next(from, to)) {
            take(*slot);
            from = slot->time + 1;
        }
    }
    Result<> save_files(const store::TimerCheck& check,
                        const std::vector<store::TimerWheel::Page>& pages);
    Result<> chain_again(std::int64_t time, const std::vector<Entry>& entries) REQUIRES(mutex_);

    // timer_clock.cpp
    std::int64_t now_ms() const REQUIRES(mutex_);
    bool is_done(const Entry& entry) const REQUIRES(mutex_);
    template <class Take>
    void for_each_waiting(const store::TimerSlot& slot, Take take) const REQUIRES(mutex_);
    Result<> look_at_clock() REQUIRES(mutex_);
    void remember_done(std::int64_t from_ms, std::int64_t now_ms) REQUIRES(mutex_);
    void remember(const Delivered& done) REQUIRES(mutex_);
    std::int64_t done_until_ms() const REQUIRES(mutex_);
    Result<> bring_near(std::int64_t now_ms, std::int64_t reached_ms) REQUIRES(mutex_);

    bool enqueue_some();
    Result<> enqueue(const Collector& found, std::int64_t next) REQUIRES(mutex_);
    void put(const store::TimerUnit& unit, std::int64_t position) REQUIRES(mutex_);
    void load_slots() REQUIRES(mutex_);
    void load_slot(const store::TimerSlot& slot) REQUIRES(mutex_);
    void take(const Entry& entry) REQUIRES(mutex_);
    bool deliver_some();
    bool prepare(const Entry& entry);
    void settle(const Entry& entry) REQUIRES(mutex_);
    void count(std::string_view topic, std::int64_t change) REQUIRES(mutex_);
    void mark(bool delivering);
    std::int64_t wait_ms();
    std::int64_t read_ms() const REQUIRES(mutex_);
    std::int64_t slot_of(std::int64_t ms) const { return ms / precision_ms_; }
    void run();

    store::Files& files_;
    const Clock& clock_;
    store::Store& store_;
    Counters& counters_;
    const std::filesystem::path log_dir_, wheel_path_, check_path_, metrics_path_;
    const std::int64_t precision_ms_, log_file_bytes_;
    store::Queue* const queue_;

    mutable Mutex mutex_;
    std::unique_ptr<store::TimerLog> log_;  // its sync() needs no lock
    std::optional<store::TimerWheel> wheel_ GUARDED_BY(mutex_);
    std::int64_t offset_ GUARDED_BY(mutex_) = 0;         // the next of the queue to take in
    std::int64_t horizon_ms_ GUARDED_BY(mutex_) = 0;     // the slots before it are in soon_
    std::int64_t floor_ms_ GUARDED_BY(mutex_) = 0;       // no unit is due before
    std::int64_t floor_log_end_ GUARDED_BY(mutex_) = 0;  // those before it and due before are done
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> soon_ GUARDED_BY(mutex_);
    std::unordered_set<std::string> removed_ GUARDED_BY(mutex_);  // topic+key, while in soon_
    Delivered delivered_ GUARDED_BY(mutex_);
    // Delivered while the clock was ahead.
    std::vector<Delivered> done_ GUARDED_BY(mutex_);
    store::TimerCheck check_ GUARDED_BY(mutex_);
    std::int64_t pending_ GUARDED_BY(mutex_) = 0;
    ByName<std::int64_t> counts_ GUARDED_BY(mutex_);
    DataVersion metrics_version_ GUARDED_BY(mutex_);
    bool changed_ GUARDED_BY(mutex_) = false;
    // Records of which the last run ended in the delivery, until they are behind us.
    std::unordered_set<std::int64_t> left_at_ GUARDED_BY(mutex_);
    // Made again: what of the queue lies before and was due before is done.
    std::int64_t remade_before_ GUARDED_BY(mutex_) = 0;
    std::int64_t not_before_ms_ GUARDED_BY(mutex_) = 0;

    // run_due()'s
    Redelivery redelivery_;
    std::vector<Entry> batch_;
    bool delivering_ = false;
    bool failing_ = false;
    DeliveryMark mark_;
    bool mark_failing_ = false;
    std::int64_t expire_at_ms_ = 0;  // save()'s

    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace mqd::broker
