#pragma once
// How much of what was written to a pipe its reader has taken and outlived (mqpull(1), --group): a
// reader that dies has not dealt with what it took last.
//
// Threads: one.
// Owner:   PipeOutput.

#include <cstdint>
#include <deque>

namespace mqd::mqpull {

class Taken {
public:
    static constexpr std::int64_t outlive_ms = 100;

    /// What is to be seen at `now_ms`, monotonic: so much was written so far, so much of it may
    /// still lie unread, and the reader is alive or gone.
    void look(std::uint64_t written, std::uint64_t unread, bool is_gone, std::int64_t now_ms);

    /// Bytes from the start on that the reader has taken, and lived outlive_ms longer. Once it is
    /// gone they are all that there will be.
    std::uint64_t confirmed() const { return confirmed_; }
    /// When the next look may confirm more without the reader taking any more; -1: it will not.
    std::int64_t due_ms() const { return seen_.empty() ? -1 : seen_.front().at_ms + outlive_ms; }
    /// When it was last seen to have taken something.
    std::int64_t moved_ms() const { return moved_ms_; }

private:
    struct Seen {
        std::uint64_t bytes;
        std::int64_t at_ms;
    };
    static constexpr std::size_t seen_max = 16;

    std::deque<Seen> seen_;  // taken, not yet outlived
    std::uint64_t taken_ = 0;
    std::uint64_t confirmed_ = 0;
    std::int64_t moved_ms_ = 0;
    bool is_gone_ = false;
};

}  // namespace mqd::mqpull
