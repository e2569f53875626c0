#include "client/retry.h"

#include <algorithm>

#include "wire/codes.h"

namespace mqd::client {
namespace {

// Of RocketMQ's multi-unit brokers; its clients try them again.
constexpr std::int32_t no_buyer_id = 204;
constexpr std::int32_t not_in_current_unit = 205;

}  // namespace

Verdict judge(const Result<remoting::Answer>& answer, const Attempts& attempts) {
    namespace code = wire::response_code;
    const auto given_up = attempts.may_be_stored ? Verdict::unknown : Verdict::refused;
    const bool may_try = attempts.made <= attempts.retries_max;
    const bool goes_on =
        attempts.never_gives_up || (may_try && attempts.now_ms < attempts.deadline_ms);
    if (!answer) {
        if (answer.error().code != Errc::unavailable) return Verdict::refused;
        return goes_on ? Verdict::again : given_up;
    }
    switch (answer->code) {
        case code::success:
            return Verdict::stored;
        case code::flush_disk_timeout:
        case code::slave_not_available:
        case code::flush_slave_timeout:
            // It is in the master's log: another attempt would be another message.
            return missing_ack(attempts.ack, answer->code).empty() ? Verdict::stored
                                                                   : Verdict::unknown;
        case code::system_busy:
            return Verdict::wait;
        case code::system_error:
        case code::service_not_available:
        case code::go_away:
        case no_buyer_id:
        case not_in_current_unit:
            return goes_on ? Verdict::again : given_up;
        case code::topic_not_exist:
        case code::no_permission:
            // The same broker would say the same again: each is asked once.
            return may_try && attempts.has_other_broker ? Verdict::again : given_up;
        default:
            return given_up;
    }
}

bool is_refusal(const Result<remoting::Answer>& answer) {
    namespace code = wire::response_code;
    return answer && (answer->code == code::topic_not_exist || answer->code == code::no_permission);
}

std::int64_t backoff_ms(int made) {
    return std::min<std::int64_t>(1000, std::int64_t{50} << std::clamp(made - 1, 0, 5));
}

}  // namespace mqd::client
