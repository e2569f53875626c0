#pragma once
// The properties string: `name 0x01 value 0x02` repeated, the last 0x02 optional
// (mqd-store(5), PROPERTIES), and the reserved names.
//
// Threads: value types and pure functions.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace mqd::message {

namespace property {
inline constexpr std::string_view keys = "KEYS";
inline constexpr std::string_view tags = "TAGS";
inline constexpr std::string_view wait = "WAIT";
inline constexpr std::string_view delay = "DELAY";
inline constexpr std::string_view retry_topic = "RETRY_TOPIC";
inline constexpr std::string_view real_topic = "REAL_TOPIC";
inline constexpr std::string_view real_qid = "REAL_QID";
inline constexpr std::string_view uniq_key = "UNIQ_KEY";
inline constexpr std::string_view msg_region = "MSG_REGION";
inline constexpr std::string_view trace_on = "TRACE_ON";
inline constexpr std::string_view cluster = "CLUSTER";
inline constexpr std::string_view pop_ck = "POP_CK";
inline constexpr std::string_view tran_msg = "TRAN_MSG";
inline constexpr std::string_view producer_group = "PGROUP";
inline constexpr std::string_view transaction_id = "__transactionId__";
inline constexpr std::string_view check_times = "TRANSACTION_CHECK_TIMES";
inline constexpr std::string_view check_immunity = "CHECK_IMMUNITY_TIME_IN_SECONDS";
inline constexpr std::string_view prepared_queue_offset = "TRAN_PREPARED_QUEUE_OFFSET";
/// mqd's own: where the first copy of a half message lay in its queue.
inline constexpr std::string_view first_half_offset = "MQD_FIRST_HALF_OFFSET";
inline constexpr std::string_view origin_message_id = "ORIGIN_MESSAGE_ID";
inline constexpr std::string_view correlation_id = "CORRELATION_ID";
inline constexpr std::string_view message_type = "MSG_TYPE";
inline constexpr std::string_view ttl = "TTL";
inline constexpr std::string_view reply_to_client = "REPLY_TO_CLIENT";
inline constexpr std::string_view push_reply_time = "PUSH_REPLY_TIME";
inline constexpr std::string_view sharding_key = "__SHARDINGKEY";
inline constexpr std::string_view inner_num = "INNER_NUM";
inline constexpr std::string_view inner_base = "INNER_BASE";
inline constexpr std::string_view crc32 = "__CRC32#";
inline constexpr std::string_view timer_delay_sec = "TIMER_DELAY_SEC";
inline constexpr std::string_view timer_delay_ms = "TIMER_DELAY_MS";
inline constexpr std::string_view timer_deliver_ms = "TIMER_DELIVER_MS";
inline constexpr std::string_view timer_out_ms = "TIMER_OUT_MS";
inline constexpr std::string_view timer_enqueue_ms = "TIMER_ENQUEUE_MS";
inline constexpr std::string_view timer_dequeue_ms = "TIMER_DEQUEUE_MS";
inline constexpr std::string_view timer_roll_times = "TIMER_ROLL_TIMES";
inline constexpr std::string_view timer_del_uniqkey = "TIMER_DEL_UNIQKEY";
}  // namespace property

/// Names that clients and brokers keep for themselves (mqd-remoting(7), RESERVED PROPERTIES).
bool is_reserved_property(std::string_view name);

inline constexpr std::size_t properties_bytes_max = 32767;

/// Walks a properties string. Pieces without a name, a 0x01 or a value are passed over.
class PropertyReader {
public:
    explicit PropertyReader(std::string_view text) : rest_(text) {}
    struct Property {
        std::string_view name, value;
    };
    std::optional<Property> next();

private:
    std::string_view rest_;
};

/// The last value of `name`, since on duplicates the last wins; nothing when there is none.
std::optional<std::string_view> find_property(std::string_view properties, std::string_view name);

/// Appends `name 0x01 value 0x02`, after a 0x02 if `out` does not end with one. The caller has
/// checked that neither holds 0x01 or 0x02 and that the value is not empty.
void append_property(std::string& out, std::string_view name, std::string_view value);

/// `properties` without `name`, without each of `names`.
std::string without_property(std::string_view properties, std::string_view name);
std::string without_properties(std::string_view properties,
                               std::initializer_list<std::string_view> names);

/// Java's String.hashCode over the UTF-16 form of UTF-8 `text` (mqd-store(5), CONVENTIONS);
/// `before` is the hash of what stands in front of it.
std::int32_t java_hash(std::string_view text, std::int32_t before = 0);

/// A consume queue unit's tags code: 0 without a tag, else the hash sign-extended.
std::int64_t tags_code(std::string_view properties);

}  // namespace mqd::message
