#pragma once
// Names: what topics and groups may be called, and the ones that brokers keep for themselves
// (mqd-remoting(7), NAMES AND LIMITS and SYSTEM TOPICS).
//
// Threads: pure functions.

#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::broker {

inline constexpr std::size_t topic_name_max = 127;
inline constexpr std::size_t group_name_max = 120;

inline constexpr std::string_view template_topic = "TBW102";
inline constexpr std::string_view schedule_topic = "SCHEDULE_TOPIC_XXXX";
inline constexpr std::string_view timer_topic = "rmq_sys_wheel_timer";
inline constexpr std::string_view half_topic = "RMQ_SYS_TRANS_HALF_TOPIC";
inline constexpr std::string_view op_half_topic = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
inline constexpr std::string_view check_max_topic = "TRANS_CHECK_MAX_TIME_TOPIC";
inline constexpr std::string_view self_test_topic = "SELF_TEST_TOPIC";
inline constexpr std::string_view offset_moved_topic = "OFFSET_MOVED_EVENT";
inline constexpr std::string_view trace_topic = "RMQ_SYS_TRACE_TOPIC";
inline constexpr std::string_view benchmark_topic = "BenchmarkTest";
inline constexpr std::string_view checkpoint_topic = "CHECKPOINT_TOPIC";
inline constexpr std::string_view retry_prefix = "%RETRY%";
inline constexpr std::string_view dead_letter_prefix = "%DLQ%";
inline constexpr std::string_view system_prefix = "rmq_sys_";
inline constexpr std::string_view system_group_prefix = "CID_RMQ_SYS_";
inline constexpr std::string_view transaction_group = "CID_RMQ_SYS_TRANS";

inline bool is_retry_topic(std::string_view topic) {
    return topic.starts_with(retry_prefix);
}
std::string retry_topic(std::string_view group);
std::string dead_letter_topic(std::string_view group);

/// invalid: empty, too long, or a character outside `%|a-zA-Z0-9_-`. The retry and dead letter
/// topics of a legal group may be longer than other topics.
Result<> check_topic_name(std::string_view topic);
Result<> check_group_name(std::string_view group);

/// Topics that only the broker itself writes to.
bool is_send_forbidden(std::string_view topic);
/// Topics that an administrator neither makes nor deletes.
bool is_system_topic(std::string_view topic, std::string_view cluster, std::string_view broker);
bool is_system_group(std::string_view group);

}  // namespace mqd::broker
