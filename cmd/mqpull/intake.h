#pragma once
// Which message is next: the blocks as they come; with --merge the oldest message of all queues by
// its store time, of one broker in the order of its log; or that of whichever queue is accepted.
// One block a queue is held for the latter two.
//
// Threads: one.
// Owner:   Pulling.

#include <compare>
#include <cstdint>
#include <map>
#include <set>

#include "block_reader.h"
#include "client/puller.h"

namespace mqd::mqpull {

class Intake {
public:
    enum class Order { as_they_come, merged, any_accepted };
    /// `waits`: queues at their end are waited for as long as their requests wait, else until they
    /// have answered.
    Intake(client::Puller& puller, Order order, bool waits)
        : puller_(puller), order_(order), waits_(waits) {}

    /// Of the puller; add() right after its add(), drop() before its drop().
    void add(client::PulledQueue& queue);
    void drop(client::PulledQueue& queue);

    /// The reader that has the next message, or that has come to the end of its block: finished()
    /// then. Null: none by now. Errors as Puller::take() and BlockReader.
    template <class Accepts>
    Result<BlockReader*> next(Accepts accepts) {
        TRY(BlockReader* const first, next());
        if (order_ != Order::any_accepted || first == nullptr || first->at_end()) return first;
        for (const auto& head : heads_)
            if (accepts(*head.lane->queue)) return head.lane;
        return first;
    }
    /// The reader has given its next message.
    Result<> moved(BlockReader& reader);
    void finished(BlockReader& reader);

    /// No block is held.
    bool at_end() const { return held_ == 0; }
    /// Blocks that come would be taken.
    bool wants_blocks() const { return has_lanes() ? !asked_.empty() : held_ == 0; }
    /// When next() may have one without anything coming, in monotonic ms; -1: never.
    std::int64_t due_ms() const;

private:
    struct Lane;
    struct Head {
        std::int64_t store_ts_ms = 0;
        std::int64_t log_offset = 0;
        Lane* lane = nullptr;
        auto operator<=>(const Head&) const = default;
    };
    /// A queue where each has a block of its own.
    struct Lane : BlockReader {
        client::PulledQueue* queue = nullptr;
        std::int64_t since_ms = 0;  ///< asked for a block, or holding one
        bool has_block = false;
        Head head;  ///< as it stands in heads_, if it does
    };
    bool has_lanes() const { return order_ != Order::as_they_come; }
    Result<BlockReader*> next();
    Result<> take_blocks();
    Result<> line_up(Lane& lane);
    void leave_line(Lane& lane);
    bool waits_for_others() const;

    client::Puller& puller_;
    const Order order_;
    const bool waits_;
    BlockReader reader_;  // when not merging
    std::map<client::PulledQueue*, Lane> lanes_;
    std::set<Head> heads_;   // of lanes with a message
    std::set<Lane*> ended_;  // whose block has come to its end
    std::set<Lane*> asked_;  // whose queue has been asked for more
    std::size_t held_ = 0;   // blocks
};

}  // namespace mqd::mqpull
