#pragma once
// How much goes through each queue, and to which group: totals, and what they were over the last
// minute, hour and day (mqd-remoting(7), COUNTERS).
//
// Threads: any; a Flow is added to without a lock. sample() from the broker's housekeeping thread.
// Owner:   Counters.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "broker/table_file.h"
#include "store/store.h"

namespace mqd::broker {

/// What went one way, since the start.
class Flow {
public:
    enum Value { messages, bytes, times, micros, values };
    using Values = std::array<std::int64_t, values>;

    /// One put or get of so much, which took so long.
    void add(std::int64_t message_count, std::int64_t byte_count, std::int64_t us) {
        now_[messages].fetch_add(message_count, std::memory_order_relaxed);
        now_[bytes].fetch_add(byte_count, std::memory_order_relaxed);
        now_[times].fetch_add(1, std::memory_order_relaxed);
        now_[micros].fetch_add(us, std::memory_order_relaxed);
    }

private:
    friend class Traffic;
    Values now() const;
    void keep(Values& past) const { past = now(); }

    std::array<std::atomic<std::int64_t>, values> now_{};
    // Earlier totals, guarded by the Traffic's mutex; the places are its own in its Rings. Nothing
    // had gone before it was made: zeros.
    std::array<Values, 6> minute_{}, hour_{};
    std::array<Values, 24> day_{};
};
using FlowRef = std::shared_ptr<Flow>;

class Traffic {
public:
    static constexpr std::int64_t sample_ms = 10'000;

    explicit Traffic(const Clock& clock);

    FlowRef puts(const store::Queue& queue);
    FlowRef gets(const store::Queue& queue, std::string_view group);
    /// Something rare that is counted by topic and group: `SNDBCK_PUT_NUMS`.
    void count(std::string_view name, std::string_view topic, std::string_view group);

    /// To be called every second or so; notes the totals when it is time, and forgets the Flows
    /// of groups that have got nothing for a day.
    void sample();

    struct Snapshot {
        std::int64_t sum = 0;
        double tps = 0;    ///< sum by second
        double avgpt = 0;  ///< sum by put or get
    };
    struct View {
        Snapshot minute, hour, day;
    };
    /// What VIEW_BROKER_STATS_DATA calls `name`; the key's form depends on the name. Nothing: no
    /// such name, or nothing was ever counted under that key.
    std::optional<View> view(std::string_view name, std::string_view key) const;
    double put_tps(std::string_view topic) const;
    double get_tps(std::string_view topic, std::string_view group) const;

    void forget_topic(std::string_view topic);
    void forget_group(std::string_view group);
    /// Moves when something was forgotten: who keeps Flows looks for them again.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

private:
    /// When the totals in a Flow's array of this length were noted; the oldest is at `next`.
    template <std::size_t n>
    struct Ring {
        std::array<std::int64_t, n> at_ms{};
        std::size_t next = 0;
    };
    struct Sum;
    using ByQueue = std::unordered_map<const store::Queue*, FlowRef>;
    void note(Flow& flow, bool hour, bool day) REQUIRES(mutex_);
    void forget_idle() REQUIRES(mutex_);
    template <class Call>
    void for_each(Call call) const REQUIRES(mutex_);

    const Clock& clock_;
    std::atomic<std::uint64_t> generation_ = 1;

    mutable Mutex mutex_;
    ByQueue puts_ GUARDED_BY(mutex_);
    ByName<ByQueue> gets_ GUARDED_BY(mutex_);          // by group
    ByName<ByName<FlowRef>> rare_ GUARDED_BY(mutex_);  // by name, then `topic@group`
    Ring<6> minute_ GUARDED_BY(mutex_), hour_ GUARDED_BY(mutex_);
    Ring<24> day_ GUARDED_BY(mutex_);
    std::int64_t next_sample_ms_ GUARDED_BY(mutex_) = 0;
    std::int64_t samples_ GUARDED_BY(mutex_) = 0;
};

/// One thread's way to Flows: no lock once it has seen them.
///
/// Threads: one. What it gives is good until the next call.
class TrafficCache {
public:
    explicit TrafficCache(Traffic& traffic) : traffic_(traffic) {}
    Flow& puts(const store::Queue& queue);
    Flow& gets(const store::Queue& queue, std::string_view group);

private:
    void forget_if_older();

    Traffic& traffic_;
    std::uint64_t generation_ = 0;
    std::unordered_map<const store::Queue*, FlowRef> puts_;
    ByName<std::unordered_map<const store::Queue*, FlowRef>> gets_;
};

}  // namespace mqd::broker
