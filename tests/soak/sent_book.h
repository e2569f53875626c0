#pragma once
// What was sent, and what the broker said about it.
//
// Threads: any.
// Owner:   main.

#include <array>
#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "text.h"

namespace mqd::soak {

struct Sent {
    int attempts = 0;           ///< 0: nobody knows its fate yet
    bool acknowledged = false;  ///< else it may be stored or not
    std::int32_t queue = -1;    ///< where the acknowledgement says it lies
    std::int64_t offset = -1;
    std::int64_t due_ms = 0;  ///< not to be seen before, by the wall's clock
};

class SentBook {
public:
    /// The number of a new message.
    std::int64_t begin(Stream stream, std::int64_t due_ms = 0);
    void acknowledged(Stream stream, std::int64_t number, int attempts, std::int32_t queue,
                      std::int64_t offset);
    /// Nobody said what became of it.
    void lost_sight(Stream stream, std::int64_t number);

    std::vector<Sent> all(Stream stream) const;

private:
    mutable Mutex lock_;
    std::array<std::vector<Sent>, stream_count> sent_ GUARDED_BY(lock_);
};

}  // namespace mqd::soak
