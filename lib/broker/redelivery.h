#pragma once
// Waiting messages become ordinary ones: each is appended again to the queue that its REAL_TOPIC
// and REAL_QID name (mqd-store(5), DELAYED MESSAGES and TIMED MESSAGES), many in one append. The
// new record's prepared offset says where the waiting one lies, which DeliveryMark reads.
//
// Threads: one at a time.
// Owner:   Delay, Timers.

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "broker/counters.h"
#include "message/record.h"
#include "store/store.h"

namespace mqd::broker {

class Redelivery {
public:
    /// `append_crc` as Settings::append_crc.
    Redelivery(store::Store& store, Counters& counters, bool append_crc)
        : store_(store), counters_(counters), append_crc_(append_crc) {}

    void clear();
    /// Adds a message; `more` are properties that it gets besides. False for what no broker can
    /// deliver, which has been logged.
    bool add(const message::RecordView& waiting, std::string_view more = {});
    /// The same to a queue of the caller's choice.
    void add_to(store::Queue& queue, const message::RecordView& waiting,
                std::string_view properties, std::string_view more);
    /// Appends what was added; how many of the first are settled: stored, or too long for ever.
    /// Less than all: the next one could not be stored now.
    std::size_t append();
    std::int64_t bytes() const { return static_cast<std::int64_t>(records_.size()); }

private:
    static constexpr std::size_t kept_bytes = 4 << 20;

    store::Store& store_;
    Counters& counters_;
    const bool append_crc_;
    Buffer records_;
    std::vector<std::size_t> ends_;
    std::vector<store::Append> units_;
};

}  // namespace mqd::broker
