#pragma once
// What the shared group gives back, and what comes of it.
//
// Threads: any.
// Owner:   main.

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "text.h"

namespace mqd::soak {

class RetryBook {
public:
    /// How often the broker took the message back at that delivery (0: the first), and how often
    /// it may have: what was repeated over a kill may be there twice.
    struct Returned {
        int taken = 0;
        int possible = 0;
    };
    void giving_back(std::int64_t number, int delivery);
    /// `lives_passed`: of the broker's while the member waited for its answer.
    void given_back(std::int64_t number, int delivery, bool was_taken, int lives_passed);
    /// The group has done with it.
    void finished(Stream stream, std::int64_t number);

    std::map<std::int64_t, std::array<Returned, always>> all() const;
    /// How many of these it has not.
    std::size_t unfinished(Stream stream, const std::vector<std::int64_t>& numbers) const;

private:
    mutable Mutex lock_;
    std::map<std::int64_t, std::array<Returned, always>> returned_ GUARDED_BY(lock_);
    std::set<std::pair<Stream, std::int64_t>> finished_ GUARDED_BY(lock_);
};

}  // namespace mqd::soak
