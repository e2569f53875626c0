#pragma once
// Single messages: looking them up 12 and 33, sending them back 36, ending their transaction 37
// and asking for its state 39, taking it up again 323 (mqd-remoting(7), LOOKING UP MESSAGES,
// RETRIES and TRANSACTIONS).

#include <limits>

#include "wire/header.h"

namespace mqd::wire {

/// QUERY_MESSAGE 12.
struct QueryMessage {
    std::string_view topic;
    std::string_view key;
    std::int32_t max_num = 32;
    std::int64_t begin_timestamp = 0;
    std::int64_t end_timestamp = std::numeric_limits<std::int64_t>::max();
    std::optional<bool> unique_key;  ///< the key is a UNIQ_KEY, not one of KEYS

    static constexpr auto fields() {
        using H = QueryMessage;
        return std::tuple{required("topic", &H::topic),
                          required("key", &H::key),
                          required("maxNum", &H::max_num),
                          required("beginTimestamp", &H::begin_timestamp),
                          required("endTimestamp", &H::end_timestamp),
                          optional("_UNIQUE_KEY_QUERY", &H::unique_key)};
    }
};

struct QueryMessageResponse {
    std::int64_t index_last_update_timestamp = 0;
    std::int64_t index_last_update_phy_offset = 0;

    static constexpr auto fields() {
        using H = QueryMessageResponse;
        return std::tuple{optional("indexLastUpdateTimestamp", &H::index_last_update_timestamp),
                          optional("indexLastUpdatePhyoffset", &H::index_last_update_phy_offset)};
    }
};

/// VIEW_MESSAGE_BY_ID 33.
struct ViewMessage {
    std::int64_t offset = 0;  ///< physical
    std::optional<std::string_view> topic;

    static constexpr auto fields() {
        using H = ViewMessage;
        return std::tuple{required("offset", &H::offset), optional("topic", &H::topic)};
    }
};

/// CONSUMER_SEND_MSG_BACK 36.
struct SendMessageBack {
    std::int64_t offset = 0;  ///< physical
    std::string_view group;
    std::int32_t delay_level = 0;  ///< below 0: to the dead letters; 0: by reconsumeTimes
    std::optional<std::string_view> origin_msg_id;
    std::optional<std::string_view> origin_topic;
    bool unit_mode = false;
    std::optional<std::int32_t> max_reconsume_times;

    static constexpr auto fields() {
        using H = SendMessageBack;
        return std::tuple{required("offset", &H::offset),
                          required("group", &H::group),
                          required("delayLevel", &H::delay_level),
                          optional("originMsgId", &H::origin_msg_id),
                          optional("originTopic", &H::origin_topic),
                          optional("unitMode", &H::unit_mode),
                          optional("maxReconsumeTimes", &H::max_reconsume_times)};
    }
};

namespace transaction_state {
inline constexpr std::int32_t unknown = 0;  ///< never answered
inline constexpr std::int32_t commit = 8;
inline constexpr std::int32_t rollback = 12;
}  // namespace transaction_state

/// END_TRANSACTION 37.
struct EndTransaction {
    std::string_view producer_group;
    std::int64_t tran_state_table_offset = 0;  ///< the half record's queue offset
    std::int64_t commit_log_offset = 0;        ///< and its physical one
    std::int32_t commit_or_rollback = 0;       ///< transaction_state
    bool from_transaction_check = false;
    std::string_view msg_id;  ///< UNIQ_KEY
    std::optional<std::string_view> transaction_id;

    static constexpr auto fields() {
        using H = EndTransaction;
        return std::tuple{required("producerGroup", &H::producer_group),
                          required("tranStateTableOffset", &H::tran_state_table_offset),
                          required("commitLogOffset", &H::commit_log_offset),
                          required("commitOrRollback", &H::commit_or_rollback),
                          optional("fromTransactionCheck", &H::from_transaction_check),
                          required("msgId", &H::msg_id),
                          optional("transactionId", &H::transaction_id)};
    }
};

/// CHECK_TRANSACTION_STATE 39, broker to producer.
struct CheckTransactionState {
    std::string_view topic;
    std::int64_t tran_state_table_offset = 0;
    std::int64_t commit_log_offset = 0;
    std::string_view msg_id;  ///< UNIQ_KEY
    std::string_view transaction_id;
    std::string_view offset_msg_id;
    std::string_view broker_name;

    static constexpr auto fields() {
        using H = CheckTransactionState;
        return std::tuple{optional("topic", &H::topic),
                          optional("bname", &H::broker_name),
                          required("tranStateTableOffset", &H::tran_state_table_offset),
                          required("commitLogOffset", &H::commit_log_offset),
                          optional("msgId", &H::msg_id),
                          optional("transactionId", &H::transaction_id),
                          optional("offsetMsgId", &H::offset_msg_id)};
    }
};

/// RESUME_CHECK_HALF_MESSAGE 323.
struct ResumeCheck {
    std::optional<std::string_view> topic;
    std::string_view msg_id;  ///< the offset id of the message that was given up

    static constexpr auto fields() {
        using H = ResumeCheck;
        return std::tuple{optional("topic", &H::topic), required("msgId", &H::msg_id)};
    }
};

}  // namespace mqd::wire
