#include "broker/later_properties.h"

#include <array>

#include "broker/names.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/stored_time.h"

namespace mqd::broker {
namespace {

namespace property = message::property;

struct Later {
    std::string_view name;
    std::size_t value_bytes_max;
};

constexpr std::size_t int32_digits = 11, int64_digits = 20;
constexpr std::size_t offset_id_v6_digits = 56;
// What Java's clients put in before they send a message back themselves.
constexpr std::string_view reconsume_time = "RECONSUME_TIME";
constexpr std::string_view max_reconsume_times = "MAX_RECONSUME_TIMES";
constexpr std::string_view consume_start_time = "CONSUME_START_TIME";

constexpr std::array retried = std::to_array<Later>({
    {property::retry_topic, topic_name_max},
    {property::origin_message_id, offset_id_v6_digits},
    {property::wait, 5},
    {property::delay, int32_digits},
    {property::stored_ms, int64_digits},
    {property::real_topic, topic_name_max},
    {property::real_qid, int32_digits},
    {reconsume_time, int32_digits},
    {max_reconsume_times, int32_digits},
    {consume_start_time, int64_digits},
});
constexpr std::array asked_about = std::to_array<Later>({
    {property::check_times, int64_digits},
    {property::first_half_offset, int64_digits},
    {property::prepared_queue_offset, int64_digits},  // by RocketMQ's broker
});

template <std::size_t N>
constexpr std::size_t bytes_of(const std::array<Later, N>& all) {
    std::size_t bytes = 0;
    for (const auto& is : all) bytes += is.name.size() + is.value_bytes_max + 2;
    return bytes;
}

constexpr std::size_t separators_bytes = 2;  // before the first, and before the CRC
constexpr std::size_t retried_bytes =
    bytes_of(retried) + message::crc_property_bytes + separators_bytes;
constexpr std::size_t asked_about_bytes = retried_bytes + bytes_of(asked_about);

}  // namespace

std::size_t later_properties_bytes(bool is_half) {
    return is_half ? asked_about_bytes : retried_bytes;
}

std::string without_later_properties(std::string_view properties) {
    return message::without_properties(
        properties, {property::retry_topic, property::origin_message_id, property::wait,
                     property::delay, property::stored_ms, property::real_topic, property::real_qid,
                     reconsume_time, max_reconsume_times, consume_start_time, property::check_times,
                     property::first_half_offset, property::prepared_queue_offset, property::crc32,
                     property::msg_region, property::trace_on, property::cluster});
}

}  // namespace mqd::broker
