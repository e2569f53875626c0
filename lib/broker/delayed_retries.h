#pragma once
// How many messages that groups gave back still wait for their delay: they lie in
// SCHEDULE_TOPIC_XXXX among all others that wait, and are counted only when somebody asks.
//
// Threads: any; count() reads the log, so it is for the reader threads.
// Owner:   Broker.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/delay.h"
#include "broker/table_file.h"
#include "store/store.h"

namespace mqd::broker {

class DelayedRetries {
public:
    DelayedRetries(const Clock& clock, store::Store& store, const Delay& delay)
        : clock_(clock), store_(store), delay_(delay) {}

    /// Of the retry topic. What was counted is good for ten times as long as counting took, so that
    /// asking costs a tenth of a thread at most. io: the disk said no.
    Result<std::int64_t> count(std::string_view retry_topic);

private:
    using Counts = ByName<std::int64_t>;
    Result<std::shared_ptr<const Counts>> count_all() const;

    const Clock& clock_;
    store::Store& store_;
    const Delay& delay_;

    Mutex mutex_;
    std::shared_ptr<const Counts> counts_ GUARDED_BY(mutex_);
    std::int64_t good_until_ms_ GUARDED_BY(mutex_) = 0;  // monotonic
};

}  // namespace mqd::broker
