#pragma once
// Which half messages are settled: ended, given up, or put after the others in another copy. A bit
// for each from the first open one on, so that millions of open ones cost little; and how far the
// op records are needed no more (mqd-store(5), TRANSACTIONS).
//
// Threads: a value.
// Owner:   Transactions.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

namespace mqd::broker {

class HalfLedger {
public:
    /// Everything before `half` is settled, and no op record before `op` is needed.
    HalfLedger(std::int64_t half, std::int64_t op);

    bool is_settled(std::int64_t half) const;
    void settle(std::int64_t half);
    /// The half queue's progress: everything before is settled.
    std::int64_t first_open() const { return first_open_; }
    /// The first one from `half` on that is not settled.
    std::int64_t next_open(std::int64_t half) const;

    /// The op record at `op` names half messages up to `half_last`, -1 for none; in any order.
    void op_written(std::int64_t op, std::int64_t half_last);
    /// The op queue's progress: records before name only what lies before first_open().
    std::int64_t op_progress();

    /// A transaction is known by where its half message lay at first. One that was put after the
    /// others is found here, as long as there are not more than `moved_max` such.
    static constexpr std::size_t moved_max = 1 << 20;
    void moved(std::int64_t first, std::int64_t half);
    std::optional<std::int64_t> moved_to(std::int64_t first) const;
    void forget(std::int64_t first) { moved_.erase(first); }

private:
    static constexpr std::int64_t bits = 64;
    std::int64_t begin_;               // of words_; a multiple of `bits`
    std::deque<std::uint64_t> words_;  // ones are settled
    std::int64_t first_open_;

    std::int64_t op_begin_;
    std::deque<std::int64_t> op_last_;  // by op record; unknown_op: not written by our account yet
    std::unordered_map<std::int64_t, std::int64_t> moved_;
};

}  // namespace mqd::broker
