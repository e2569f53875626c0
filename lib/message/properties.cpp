#include "message/properties.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace mqd::message {
namespace {

constexpr char name_end = '\x01';
constexpr char pair_end = '\x02';

// Sorted, for binary search; mqd-remoting(7), RESERVED PROPERTIES.
// clang-format off
constexpr std::array reserved = std::to_array<std::string_view>({
    "1ST_POP_TIME", "ARRIVE_TIME", "BORN_TIMESTAMP", "BUYER_ID",
    "CHECK_IMMUNITY_TIME_IN_SECONDS", "CLUSTER", "CONSUME_START_TIME", "CORRECTION_FLAG",
    "CORRELATION_ID", "DELAY", "DLQ_ORIGIN_MESSAGE_ID", "DLQ_ORIGIN_TOPIC", "DUP_INFO",
    "EXTEND_UNIQ_INFO", "INNER_BASE", "INNER_MULTI_DISPATCH", "INNER_MULTI_QUEUE_OFFSET",
    "INNER_NUM", "INSTANCE_ID", "KEYS", "MAX_OFFSET", "MAX_RECONSUME_TIMES", "MIN_OFFSET",
    "MQ2_FLAG", "MQD_FIRST_HALF_OFFSET", "MQD_STORED_MS", "MSG_REGION", "MSG_TYPE",
    "ORIGIN_MESSAGE_ID", "PGROUP", "POP_CK", "POP_CK_OFFSET",
    "PROPERTY_FORWARD_QUEUE_ID", "PUSH_REPLY_TIME", "REAL_QID", "REAL_TOPIC", "RECONSUME_TIME",
    "REDIRECT", "REPLY_TO_CLIENT", "RETRY_TOPIC", "TAGS", "TIMER_DELAY_LEVEL", "TIMER_DELAY_MS",
    "TIMER_DELAY_SEC", "TIMER_DELIVER_MS", "TIMER_DEL_UNIQKEY", "TIMER_DEQUEUE_MS",
    "TIMER_ENQUEUE_MS", "TIMER_OUT_MS", "TIMER_ROLL_TIMES", "TRACE_CONTEXT", "TRACE_ON",
    "TRANSACTION_CHECK_TIMES", "TRANSFER_FLAG", "TRAN_MSG", "TRAN_PREPARED_QUEUE_OFFSET", "TTL",
    "UNIQ_KEY", "WAIT", "__BORNHOST", "__CRC32#", "__SHARDINGKEY", "__STARTDELIVERTIME",
    "__transactionId__",
});
// clang-format on
static_assert(std::ranges::is_sorted(reserved));

}  // namespace

bool is_reserved_property(std::string_view name) {
    return std::ranges::binary_search(reserved, name) || name.starts_with("__RMQ.TRANSIENT.");
}

std::optional<PropertyReader::Property> PropertyReader::next() {
    while (!rest_.empty()) {
        const auto end = rest_.find(pair_end);
        const auto piece = rest_.substr(0, end);
        rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
        const auto split = piece.find(name_end);
        if (split == 0 || split == std::string_view::npos || split + 1 == piece.size()) continue;
        return Property{piece.substr(0, split), piece.substr(split + 1)};
    }
    return std::nullopt;
}

std::optional<std::string_view> find_property(std::string_view properties, std::string_view name) {
    // From the back, since the last one wins; by hand, for this runs once a message.
    std::size_t end = name.empty() ? 0 : properties.size();
    while (end > 0) {
        if (properties[end - 1] == pair_end) {
            --end;
            continue;
        }
        const void* const before = ::memrchr(properties.data(), pair_end, end - 1);
        const std::size_t begin =
            before == nullptr
                ? 0
                : static_cast<std::size_t>(static_cast<const char*>(before) - properties.data()) +
                      1;
        const auto piece = properties.substr(begin, end - begin);
        if (piece.size() > name.size() + 1 && piece[name.size()] == name_end &&
            piece.starts_with(name))
            return piece.substr(name.size() + 1);
        end = begin;
    }
    return std::nullopt;
}

void append_property(std::string& out, std::string_view name, std::string_view value) {
    if (!out.empty() && out.back() != pair_end) out += pair_end;
    out += name;
    out += name_end;
    out += value;
    out += pair_end;
}

std::string without_property(std::string_view properties, std::string_view name) {
    return without_properties(properties, {name});
}

std::string without_properties(std::string_view properties,
                               std::initializer_list<std::string_view> names) {
    std::string out;
    out.reserve(properties.size());
    PropertyReader reader(properties);
    while (const auto property = reader.next())
        if (std::ranges::find(names, property->name) == names.end())
            append_property(out, property->name, property->value);
    return out;
}

std::int32_t java_hash(std::string_view text, std::int32_t before) {
    auto hash = static_cast<std::uint32_t>(before);
    const auto unit = [&hash](std::uint32_t u) { hash = 31 * hash + u; };
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) -> std::uint32_t {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        const std::uint32_t lead = byte(i);
        if (lead < 0x80) {
            unit(lead);
            i += 1;
        } else if (lead < 0xE0) {
            unit((lead & 0x1FU) << 6U | (byte(i + 1) & 0x3FU));
            i += 2;
        } else if (lead < 0xF0) {
            unit((lead & 0x0FU) << 12U | (byte(i + 1) & 0x3FU) << 6U | (byte(i + 2) & 0x3FU));
            i += 3;
        } else {
            const std::uint32_t point = (lead & 0x07U) << 18U | (byte(i + 1) & 0x3FU) << 12U |
                                        (byte(i + 2) & 0x3FU) << 6U | (byte(i + 3) & 0x3FU);
            unit(0xD800U + ((point - 0x10000U) >> 10U));
            unit(0xDC00U + ((point - 0x10000U) & 0x3FFU));
            i += 4;
        }
    }
    return static_cast<std::int32_t>(hash);
}

std::int64_t tags_code(std::string_view properties) {
    const auto tag = find_property(properties, property::tags);
    return tag ? java_hash(*tag) : 0;
}

}  // namespace mqd::message
