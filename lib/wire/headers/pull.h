#pragma once
// PULL_MESSAGE 11 and LITE_PULL_MESSAGE 361 (mqd-remoting(7), PULLING).

#include "wire/header.h"

namespace mqd::wire {

namespace pull_flag {
inline constexpr std::int32_t commit_offset = 1;  ///< commitOffset is valid
inline constexpr std::int32_t suspend = 2;        ///< long poll
inline constexpr std::int32_t subscription = 4;   ///< the subscription is in this request
inline constexpr std::int32_t lite_pull = 16;
}  // namespace pull_flag

struct PullMessage {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
    std::int32_t max_msg_nums = 32;
    std::int32_t sys_flag = 0;  ///< pull_flag
    std::int64_t commit_offset = 0;
    std::int64_t suspend_timeout_ms = 0;
    std::int64_t sub_version = 0;
    std::optional<std::string_view> subscription;
    std::optional<std::string_view> expression_type;  ///< absent: TAG
    std::optional<std::int32_t> max_msg_bytes;

    bool has(std::int32_t flag) const { return (sys_flag & flag) != 0; }

    static constexpr auto fields() {
        using H = PullMessage;
        return std::tuple{required("consumerGroup", &H::consumer_group),
                          required("topic", &H::topic),
                          required("queueId", &H::queue_id),
                          required("queueOffset", &H::queue_offset),
                          required("maxMsgNums", &H::max_msg_nums),
                          required("sysFlag", &H::sys_flag),
                          required("commitOffset", &H::commit_offset),
                          required("suspendTimeoutMillis", &H::suspend_timeout_ms),
                          required("subVersion", &H::sub_version),
                          optional("subscription", &H::subscription),
                          optional("expressionType", &H::expression_type),
                          optional("maxMsgBytes", &H::max_msg_bytes)};
    }
};

/// Of codes 0, 19, 20 and 21; with 16 perhaps only forbiddenType.
struct PullMessageResponse {
    std::int64_t suggest_which_broker_id = 0;
    std::int64_t next_begin_offset = 0;
    std::int64_t min_offset = 0;
    std::int64_t max_offset = 0;
    std::optional<std::int32_t> topic_sys_flag;
    std::optional<std::int32_t> group_sys_flag;
    std::optional<std::int32_t> forbidden_type;
    /// mqd's own: where the log ended when a topic of this name was last deleted. A reader that
    /// knew a lower one, or none, has read another topic.
    std::optional<std::int64_t> queue_since;

    static constexpr auto fields() {
        using H = PullMessageResponse;
        return std::tuple{optional("suggestWhichBrokerId", &H::suggest_which_broker_id),
                          required("nextBeginOffset", &H::next_begin_offset),
                          required("minOffset", &H::min_offset),
                          required("maxOffset", &H::max_offset),
                          optional("topicSysFlag", &H::topic_sys_flag),
                          optional("groupSysFlag", &H::group_sys_flag),
                          optional("forbiddenType", &H::forbidden_type),
                          optional("mqdQueueSince", &H::queue_since)};
    }
};

}  // namespace mqd::wire
