#pragma once
// Messages that were gone when it was their turn: told when it happens, but in no more than a few
// lines a second, and remembered for the exit status (mqpull(1)).
//
// Threads: one.
// Owner:   Pulling.

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "client/queues.h"

namespace mqd::mqpull {

class Losses {
public:
    enum class Why {
        deleted,     ///< the broker says so
        unreadable,  ///< deleted or damaged: there is a gap where a message should be
        gone,        ///< with their topic or queue
    };
    /// `say` writes a line for a person.
    explicit Losses(std::function<void(std::string_view)> say) : say_(std::move(say)) {}

    /// Of the queue, [from, to); nothing where that is empty.
    void add(const client::Queue& queue, Why why, std::int64_t from, std::int64_t to);
    /// Tells what has gathered, if it is due or this is the end.
    void tell(std::int64_t now_ms, bool is_end = false);
    /// When tell() has something to say, in monotonic ms; -1: never.
    std::int64_t due_ms() const { return gathered_.empty() ? -1 : next_ms_; }
    bool any() const { return has_any_; }

private:
    struct Stretch {
        std::int64_t from = 0, to = 0;  ///< the first and one past the last
        std::int64_t messages = 0;      ///< of those between
    };
    const std::function<void(std::string_view)> say_;
    std::map<std::pair<client::Queue, Why>, Stretch> gathered_;
    std::int64_t next_ms_ = 0;
    bool has_any_ = false;
};

}  // namespace mqd::mqpull
