#pragma once
// What half messages and op records say (mqd-store(5), TRANSACTIONS).
//
// Threads: pure functions and views of a record.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "message/record.h"

namespace mqd::broker {

/// A half message's record, read; views of it.
struct Half {
    message::RecordView record;
    std::string_view group;  ///< of its producers
    std::string_view unique_key;
    std::string_view transaction_id;
    std::string_view topic;  ///< it is meant for
    std::int32_t queue_id = 0;
    std::int64_t checks = 0;                  ///< how often its producers were asked
    std::optional<std::int64_t> immunity_ms;  ///< CHECK_IMMUNITY_TIME_IN_SECONDS
    std::int64_t first = 0;                   ///< where its first copy lay in the half queue
    bool is_copy = false;                     ///< not the first one
    std::optional<std::int64_t> noted_ms;     ///< as message::noted_stored_ms()
    bool moved_by_rocketmq = false;  ///< then an op record that names `first` settles this too

    /// corrupt: no topic and queue that it could be meant for.
    static Result<Half> read(const message::RecordView& record);
};

/// The properties that a message is stored with as a half message.
std::string half_properties(std::string_view properties, std::string_view topic,
                            std::int32_t queue_id);
/// Those of another copy, and of the message once it is committed.
std::string copied_properties(const Half& half, std::int64_t checks);
std::string committed_properties(const Half& half);
/// Those of the copy that is put aside when nobody has ended it in time: with what it is found by.
std::string given_up_properties(const Half& half);
/// Whether `record` is that copy of the transaction that `half` belongs to.
bool is_given_up_copy(const message::RecordView& record, const Half& half);
/// At most so many bytes more than half_properties().
inline constexpr std::size_t copied_properties_more_max = 128;

/// The message once more, with its body, flag, times and hosts: for another queue.
message::Draft copy_of(const message::RecordView& record);

/// A record of RMQ_SYS_TRANS_OP_HALF_TOPIC that names these half messages.
void encode_op(std::span<const std::int64_t> halves, const message::Host& store_host,
               std::int64_t now_ms, bool append_crc, Buffer& out);
/// The half messages that an op record names, as this broker, RocketMQ 5 and 4 write them.
std::vector<std::int64_t> read_op(std::string_view body);

}  // namespace mqd::broker
