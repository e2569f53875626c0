#pragma once
// Which messages of a queue are still being worked on, and how far its group may commit: never
// past one of them, however many after it are done (mqd-remoting(7), COMMIT RULE).
//
// Threads: one.
// Owner:   whoever gives the messages out: mqpull's queue; a broker's share of one.

#include <cstddef>
#include <cstdint>
#include <deque>

namespace mqd::message {

class Ledger {
public:
    /// Everything below `start` is done.
    explicit Ledger(std::int64_t start = 0) : passed_(start) {}

    /// A message begins to be worked on; offsets ascend.
    void take(std::int64_t offset);
    /// It is done. One that was never taken, or is done already, changes nothing.
    void settle(std::int64_t offset);
    /// None below `next` will be taken any more; those that were not need no work.
    void pass(std::int64_t next);

    /// What a commit may say: everything below is done.
    std::int64_t committable() const { return open_.empty() ? passed_ : open_.front().offset; }
    /// Messages remembered: those not done, and those done after one that is not.
    std::size_t size() const { return open_.size(); }

private:
    struct Entry {
        std::int64_t offset;
        bool is_done;
    };
    std::deque<Entry> open_;  // ascending; the first is not done
    std::int64_t passed_;
};

}  // namespace mqd::message
