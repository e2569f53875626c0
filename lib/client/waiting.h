#pragma once
// No wait is silent, and starting is retried as running is (mqd(7), WAITING): whatever waits longer
// than a second says so in one line with the reason, and in another when it goes on.
//
// Threads: one at a time.
// Owner:   who waits.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::client {

/// How a tool waits.
struct Waiting {
    std::function<void(std::string_view)> say = {};  ///< a line for a person; empty: nobody
    /// A wait is told of after so long: a second, with -q the time of --timeout.
    std::int64_t told_after_ms = 1000;
    std::int64_t timeout_ms = 10'000;  ///< of try_again(); 0: without limit
    int stop_fd = -1;                  ///< readable: nothing is waited for any more
};

/// The two lines of one wait. It costs nothing while nothing waits.
class WaitLine {
public:
    WaitLine() = default;
    explicit WaitLine(const Waiting& waiting)
        : say_(waiting.say), told_after_ms_(waiting.told_after_ms) {}

    /// It waits, since `since_ms` (monotonic; -1: since the first call), for this reason: to be
    /// called again and again, at due_ms() at the latest.
    void waits(std::string_view why, std::int64_t since_ms = -1);
    /// It goes on: that is said if the wait was.
    void goes_on();
    /// It is over, and what came of it is said elsewhere.
    void gives_up() { since_ms_ = -1; }

    bool is_waiting() const { return since_ms_ >= 0; }
    /// When waits() has a line to say, in monotonic ms; -1: it has none.
    std::int64_t due_ms() const;

private:
    std::function<void(std::string_view)> say_;
    std::int64_t told_after_ms_ = 1000;
    std::int64_t since_ms_ = -1;
    bool is_told_ = false;
};

/// Calls `attempt`, which gives a Result, until that is something else than unavailable, the time
/// is over or the tool is to stop; the last one's result. The reason is the error.
template <class Attempt>
auto try_again(const Waiting& waiting, Attempt attempt) -> decltype(attempt());

/// try_again()'s pause. False: no time is left, or the tool is to stop. Gets longer with each call,
/// up to half a second.
class Pauses {
public:
    explicit Pauses(const Waiting& waiting);
    bool wait(const Error& why);
    void goes_on() { line_.goes_on(); }

private:
    const std::int64_t deadline_ms_;  ///< -1: none
    const int stop_fd_;
    std::int64_t pause_ms_ = 50;
    WaitLine line_;
};

template <class Attempt>
auto try_again(const Waiting& waiting, Attempt attempt) -> decltype(attempt()) {
    Pauses pauses(waiting);
    for (;;) {
        auto result = attempt();
        if (result) pauses.goes_on();
        if (result || result.error().code != Errc::unavailable || !pauses.wait(result.error()))
            return result;
    }
}

}  // namespace mqd::client
