#pragma once
// SEND_MESSAGE 10, _V2 310, _BATCH 320 and SEND_REPLY_MESSAGE 324, 325 (mqd-remoting(7), SENDING):
// the same fields under long names or under letters.

#include "wire/codes.h"
#include "wire/header.h"

namespace mqd::wire {

struct SendMessage {
    std::string_view producer_group;
    std::string_view topic;
    std::string_view default_topic;  ///< template for auto-creation
    std::int32_t default_topic_queue_nums = 4;
    std::int32_t queue_id = -1;  ///< -1: the broker picks one
    std::int32_t sys_flag = 0;
    std::int64_t born_timestamp = 0;
    std::int32_t flag = 0;
    std::string_view properties;
    std::int32_t reconsume_times = 0;
    bool unit_mode = false;
    std::optional<std::int32_t> max_reconsume_times;
    bool batch = false;  ///< this and not the code says that the body is a batch
    std::optional<std::string_view> broker_name;
};

struct SendMessageV1 : SendMessage {
    static constexpr auto fields() {
        using H = SendMessage;
        return std::tuple{required("producerGroup", &H::producer_group),
                          required("topic", &H::topic),
                          required("defaultTopic", &H::default_topic),
                          required("defaultTopicQueueNums", &H::default_topic_queue_nums),
                          required("queueId", &H::queue_id),
                          required("sysFlag", &H::sys_flag),
                          required("bornTimestamp", &H::born_timestamp),
                          required("flag", &H::flag),
                          optional("properties", &H::properties),
                          optional("reconsumeTimes", &H::reconsume_times),
                          optional("unitMode", &H::unit_mode),
                          optional("maxReconsumeTimes", &H::max_reconsume_times),
                          optional("batch", &H::batch),
                          optional("bname", &H::broker_name)};
    }
};

struct SendMessageV2 : SendMessage {
    static constexpr auto fields() {
        using H = SendMessage;
        return std::tuple{
            required("a", &H::producer_group), required("b", &H::topic),
            required("c", &H::default_topic),  required("d", &H::default_topic_queue_nums),
            required("e", &H::queue_id),       required("f", &H::sys_flag),
            required("g", &H::born_timestamp), required("h", &H::flag),
            optional("i", &H::properties),     optional("j", &H::reconsume_times),
            optional("k", &H::unit_mode),      optional("l", &H::max_reconsume_times),
            optional("m", &H::batch),          optional("n", &H::broker_name)};
    }
};

/// By the code of the command. invalid: as read_header().
inline Result<SendMessage> read_send_message(const Command& command) {
    if (command.code == request_code::send_message ||
        command.code == request_code::send_reply_message) {
        TRY(const SendMessage header, read_header<SendMessageV1>(command));
        return header;
    }
    TRY(const SendMessage header, read_header<SendMessageV2>(command));
    return header;
}

/// Ours: the largest body that a broker takes, in its answers to sends and heartbeats. Who makes
/// batches goes by it.
inline constexpr std::string_view max_message_size_field = "mqdMaxMessageSize";

/// Of code 13: the message is too long, or a batch.
struct SendRefusal {
    std::int64_t message_bytes_max = 0;

    static constexpr auto fields() {
        return std::tuple{required(max_message_size_field, &SendRefusal::message_bytes_max)};
    }
};

/// Of codes 0, 10, 11 and 12.
struct SendMessageResponse {
    std::string_view msg_id;  ///< the offset message id; for a batch all of them, commas between
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
    std::optional<std::string_view> transaction_id;
    std::optional<std::string_view> region;
    std::optional<bool> trace_on;
    std::optional<std::string_view> batch_id;       ///< of a batch that was stored as one record
    std::optional<std::string_view> recall_handle;  ///< of a timer message: what 370 takes
    std::optional<std::int64_t> message_bytes_max;  ///< max_message_size_field

    static constexpr auto fields() {
        using H = SendMessageResponse;
        return std::tuple{optional("MSG_REGION", &H::region),
                          optional("TRACE_ON", &H::trace_on),
                          required("msgId", &H::msg_id),
                          required("queueId", &H::queue_id),
                          required("queueOffset", &H::queue_offset),
                          optional("recallHandle", &H::recall_handle),
                          optional("transactionId", &H::transaction_id),
                          optional("batchUniqId", &H::batch_id),
                          optional(max_message_size_field, &H::message_bytes_max)};
    }
};

/// PUSH_REPLY_MESSAGE_TO_CLIENT 326: a reply on its way to who asked; the body is the reply's.
struct PushReplyMessage {
    std::string producer_group, topic, default_topic;
    std::int32_t default_topic_queue_nums = 0;
    std::int32_t queue_id = 0;
    std::int32_t sys_flag = 0;
    std::int64_t born_timestamp = 0;
    std::int32_t flag = 0;
    std::string properties;
    std::int32_t reconsume_times = 0;
    bool unit_mode = false;
    std::string born_host, store_host;  ///< `ip:port`
    std::int64_t store_timestamp = 0;

    static constexpr auto fields() {
        using H = PushReplyMessage;
        return std::tuple{required("producerGroup", &H::producer_group),
                          required("topic", &H::topic),
                          required("defaultTopic", &H::default_topic),
                          required("defaultTopicQueueNums", &H::default_topic_queue_nums),
                          required("queueId", &H::queue_id),
                          required("sysFlag", &H::sys_flag),
                          required("bornTimestamp", &H::born_timestamp),
                          required("flag", &H::flag),
                          optional("properties", &H::properties),
                          optional("reconsumeTimes", &H::reconsume_times),
                          optional("unitMode", &H::unit_mode),
                          required("bornHost", &H::born_host),
                          required("storeHost", &H::store_host),
                          required("storeTimestamp", &H::store_timestamp)};
    }
};

/// RECALL_MESSAGE 370, mqd-remoting(7), DELAYED MESSAGES.
struct RecallMessage {
    std::string_view producer_group, topic, recall_handle;

    static constexpr auto fields() {
        using H = RecallMessage;
        return std::tuple{optional("producerGroup", &H::producer_group),
                          required("topic", &H::topic),
                          required("recallHandle", &H::recall_handle)};
    }
};

struct RecallMessageResponse {
    std::string_view msg_id;  ///< the unique key

    static constexpr auto fields() {
        return std::tuple{required("msgId", &RecallMessageResponse::msg_id)};
    }
};

}  // namespace mqd::wire
