#pragma once
// The sums of a run (mqsend(1)): what became of what was read.
//
// Threads: a value type, pure functions.

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"

namespace mqd::sending {

struct Tally {
    std::uint64_t read = 0;
    // Each of them is one of these, or still under way.
    std::uint64_t acknowledged = 0;
    std::uint64_t handed_over = 0;  ///< one-way
    std::uint64_t spooled = 0;
    std::uint64_t unanswered = 0;   ///< requests that are stored, and no reply came
    std::uint64_t rolled_back = 0;  ///< as --transaction's command has decided
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;

    std::uint64_t bytes = 0;  ///< of the bodies of what was acknowledged or handed over
    std::uint64_t retries = 0;
    std::map<std::string, std::uint64_t> refused_by;  ///< reason_of(), adds up to `refused`
    std::int64_t last_success_ms = 0;                 ///< since the epoch; 0: none yet

    // What an earlier run has left in the spool.
    std::uint64_t old_sent = 0;
    std::uint64_t old_failed = 0;  ///< refused or unknown
    std::uint64_t old_left = 0;

    /// Grows with whatever is counted.
    std::uint64_t changes() const {
        return read + acknowledged + handed_over + rolled_back + unanswered + refused + unknown +
               old_sent + old_failed;
    }
};

/// A word for a label: the name of the response code, else what kind of error it is.
std::string reason_of(const Error& error);

}  // namespace mqd::sending
