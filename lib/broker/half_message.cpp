#include "broker/half_message.h"

#include <fmt/format.h>

#include <limits>

#include "base/parse.h"
#include "broker/names.h"
#include "broker/topics.h"
#include "message/properties.h"
#include "message/stored_time.h"
#include "message/sys_flag.h"

namespace mqd::broker {
namespace {

namespace property = message::property;

constexpr std::string_view op_tag = "d";

template <class T>
std::optional<T> number(std::string_view properties, std::string_view name) {
    const auto text = message::find_property(properties, name);
    return text ? parse_int<T>(*text) : std::nullopt;
}

std::string text_of(std::string_view properties, std::string_view name) {
    return std::string(message::find_property(properties, name).value_or(""));
}

std::optional<std::int64_t> immunity_of(std::string_view properties) {
    const auto seconds = number<std::int64_t>(properties, property::check_immunity);
    constexpr std::int64_t seconds_max = std::numeric_limits<std::int64_t>::max() / 1000;
    if (!seconds || *seconds < 0) return std::nullopt;
    return std::min(*seconds, seconds_max) * 1000;
}

}  // namespace

Result<Half> Half::read(const message::RecordView& record) {
    const auto text = [&](std::string_view name) {
        return message::find_property(record.properties, name).value_or("");
    };
    Half half;
    half.record = record;
    half.group = text(property::producer_group);
    half.unique_key = text(property::uniq_key);
    half.transaction_id = text(property::transaction_id);
    half.topic = text(property::real_topic);
    const auto id = number<std::int32_t>(record.properties, property::real_qid);
    if (!check_topic_name(half.topic) || !id || *id < 0 || *id >= topic_queues_max)
        return Error{Errc::corrupt,
                     fmt::format("the half message at {} has no topic and queue", record.at.value)};
    half.queue_id = *id;
    half.checks = number<std::int64_t>(record.properties, property::check_times).value_or(0);
    half.immunity_ms = immunity_of(record.properties);
    half.noted_ms = message::noted_stored_ms(record);

    const auto ours = number<std::int64_t>(record.properties, property::first_half_offset);
    const auto theirs = number<std::int64_t>(record.properties, property::prepared_queue_offset);
    const auto first = ours ? ours : theirs;
    half.is_copy = first && *first >= 0 && *first < record.queue_offset.value;
    half.first = half.is_copy ? *first : record.queue_offset.value;
    half.moved_by_rocketmq = half.is_copy && !ours;
    return half;
}

std::string half_properties(std::string_view properties, std::string_view topic,
                            std::int32_t queue_id) {
    auto out = message::without_properties(
        properties, {property::real_topic, property::real_qid, property::check_times,
                     property::prepared_queue_offset, property::first_half_offset,
                     property::stored_ms, property::crc32});
    const auto key = text_of(properties, property::uniq_key);
    if (!key.empty()) {
        out = message::without_property(out, property::transaction_id);
        message::append_property(out, property::transaction_id, key);
    }
    message::append_property(out, property::real_topic, topic);
    message::append_property(out, property::real_qid, std::to_string(queue_id));
    return out;
}

std::string copied_properties(const Half& half, std::int64_t checks) {
    auto out = message::without_properties(half.record.properties,
                                           {property::check_times, property::prepared_queue_offset,
                                            property::first_half_offset, property::crc32});
    if (checks > 0) message::append_property(out, property::check_times, std::to_string(checks));
    message::append_property(out, property::first_half_offset, std::to_string(half.first));
    return out;
}

std::string committed_properties(const Half& half) {
    return message::without_properties(
        half.record.properties,
        {property::first_half_offset, property::stored_ms, property::crc32});
}

std::string given_up_properties(const Half& half) {
    auto out = committed_properties(half);
    if (out.size() + copied_properties_more_max <= message::properties_bytes_max)
        message::append_property(out, property::first_half_offset, std::to_string(half.first));
    return out;
}

bool is_given_up_copy(const message::RecordView& record, const Half& half) {
    const auto is = [&](std::string_view name, std::string_view value) {
        return message::find_property(record.properties, name).value_or("") == value;
    };
    if (!is(property::uniq_key, half.unique_key) || !is(property::producer_group, half.group) ||
        !is(property::real_topic, half.topic))
        return false;
    // RocketMQ does not say which it was.
    const auto first = number<std::int64_t>(record.properties, property::first_half_offset);
    return first ? *first == half.first : !half.unique_key.empty();
}

message::Draft copy_of(const message::RecordView& record) {
    message::Draft draft;
    draft.flag = record.flag;
    draft.sys_flag = record.sys_flag;
    draft.born_ts_ms = record.born_ts_ms;
    draft.born_host = record.born_host;
    draft.store_host = record.store_host;
    draft.reconsume_times = record.reconsume_times;
    draft.body = record.body;
    draft.properties = record.properties;
    return draft;
}

void encode_op(std::span<const std::int64_t> halves, const message::Host& store_host,
               std::int64_t now_ms, bool append_crc, Buffer& out) {
    std::string body;
    for (const auto half : halves) fmt::format_to(std::back_inserter(body), "{},", half);
    std::string properties;
    message::append_property(properties, property::wait, "true");
    message::append_property(properties, property::tags, op_tag);
    message::Draft draft;
    draft.topic = op_half_topic;
    draft.born_ts_ms = now_ms;
    draft.born_host = draft.store_host = store_host;
    draft.body = body;
    draft.properties = properties;
    draft.append_crc = append_crc;
    message::encode(draft, out);
}

std::vector<std::int64_t> read_op(std::string_view body) {
    std::vector<std::int64_t> out;
    for (const auto piece : split(body, ',')) {
        if (const auto half = parse_int<std::int64_t>(trimmed(piece)); half && *half >= 0)
            out.push_back(*half);
    }
    return out;
}

}  // namespace mqd::broker
