#pragma once
// What the broker reads in a message's properties before it stores it, and what it adds
// (mqd-remoting(7), SENDING and BATCH BODIES).
//
// Threads: pure functions and one-thread values.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace mqd::front::rocketmq {

struct SendProperties {
    std::string_view unique_key;  ///< "" without one
    bool waits = true;            ///< for disk and replicas: WAIT is not false
    bool has_pop_check = false;
    /// A timer property, of which the first that is set counts.
    std::string_view timer_delay_sec, timer_delay_ms, timer_deliver_ms;
    std::int64_t delay_level = 0;   ///< above 0: the message waits
    bool delay_unreadable = false;  ///< DELAY is no number
    bool is_half = false;           ///< TRAN_MSG=true
    bool has_inner_num = false;     ///< INNER_NUM, which is ours to say

    static SendProperties read(std::string_view properties);

    bool is_timed() const {
        return !timer_delay_sec.empty() || !timer_delay_ms.empty() || !timer_deliver_ms.empty();
    }
    /// When a timed message is to be delivered. invalid: no number.
    Result<std::int64_t> deliver_ms(std::int64_t now_ms) const;
};

}  // namespace mqd::front::rocketmq
