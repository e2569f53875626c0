#pragma once
// What lies in the topics at the end, against what was sent, acknowledged and given back.
//
//  * What was acknowledged lies where the acknowledgement says; a delayed message or a transaction,
//    delivered by the broker itself, lies in its topic once.
//  * A message lies there as often as it was sent at most: more than once only if nobody answered
//    an attempt. What was rolled back does not lie there.
//  * In a shard messages lie in order, those that were sent again aside.
//  * What was given back comes again as often as it was, and what always fails is a dead letter.
//  * Nothing delayed is seen before its time.
//
// Threads: main's.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "client/client.h"
#include "group_book.h"
#include "problems.h"
#include "retry_book.h"
#include "sent_book.h"

namespace mqd::soak {

struct Progress {
    std::int64_t stored = 0;  ///< all that the groups' topics have had
    std::int64_t left = 0;    ///< what of it the groups have not done with
    bool operator==(const Progress&) const = default;
};
Result<Progress> progress(client::Client& client, const GroupBook& groups);

struct Found {
    std::int64_t messages = 0;
    std::int64_t sent_again = 0;  ///< of these, copies that a repeated attempt explains
    std::int64_t late_ms_p99 = 0;
    std::int64_t retries = 0;
    std::int64_t dead_letters = 0;
};
Result<Found> audit(client::Client& client, const SentBook& sent, const RetryBook& retries,
                    Problems& problems);

}  // namespace mqd::soak
