#pragma once
// What becomes of a request that was sent: stored, tried again, or given up (mqd-remoting(7),
// RETRYING SENDS).
//
// Threads: pure functions.

#include <cstdint>

#include "base/result.h"
#include "client/ack.h"
#include "remoting/session.h"

namespace mqd::client {

struct Attempts {
    Ack ack = Ack::one;
    int made = 1;
    int retries_max = 0;
    bool has_other_broker = false;  ///< that has not refused it
    bool may_be_stored = false;     ///< an attempt was sent whose end nobody knows
    bool never_gives_up = false;    ///< while nobody says no
    std::int64_t now_ms = 0;
    std::int64_t deadline_ms = 0;
};

enum class Verdict {
    stored,
    wait,     ///< busy: the same again, however often
    again,    ///< on another broker if there is one
    refused,  ///< it is not stored
    unknown,  ///< it may be stored or not
};

/// Whether a broker will say the same again, whenever it is asked: another may not.
bool is_refusal(const Result<remoting::Answer>& answer);

Verdict judge(const Result<remoting::Answer>& answer, const Attempts& attempts);

/// Before attempt `made` + 1: doubles from 50 ms to a second.
std::int64_t backoff_ms(int made);

}  // namespace mqd::client
