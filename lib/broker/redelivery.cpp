#include "broker/redelivery.h"

#include "base/log.h"
#include "base/parse.h"
#include "broker/names.h"
#include "broker/topics.h"
#include "message/properties.h"
#include "message/stored_time.h"

namespace mqd::broker {

namespace property = message::property;

void Redelivery::clear() {
    records_.clear();
    records_.shrink_if_above(kept_bytes);
    ends_.clear();
    units_.clear();
}

bool Redelivery::add(const message::RecordView& waiting, std::string_view more) {
    const auto topic =
        message::find_property(waiting.properties, property::real_topic).value_or("");
    const auto id = parse_int<std::int32_t>(
        message::find_property(waiting.properties, property::real_qid).value_or(""));
    if (!check_topic_name(topic) || topic == half_topic || !id || *id < 0 ||
        *id >= topic_queues_max) {
        log::error("delayed_message_dropped", {{"topic", topic},
                                               {"at", waiting.at.value},
                                               {"reason", "no topic and queue to deliver to"}});
        return false;
    }
    // DELAY, REAL_TOPIC and the like stay, as with the reference: the topic tells what it is.
    auto& queue = *store_.queue(topic, *id);
    if (!message::find_property(waiting.properties, property::stored_ms))
        return add_to(queue, waiting, waiting.properties, more), true;
    add_to(queue, waiting, message::without_property(waiting.properties, property::stored_ms),
           more);
    return true;
}

void Redelivery::add_to(store::Queue& queue, const message::RecordView& waiting,
                        std::string_view properties, std::string_view more) {
    message::Draft draft;
    draft.topic = queue.topic();
    draft.queue_id = queue.id();
    draft.flag = waiting.flag;
    draft.sys_flag = waiting.sys_flag;
    draft.born_ts_ms = waiting.born_ts_ms;
    draft.born_host = waiting.born_host;
    draft.store_host = waiting.store_host;
    draft.reconsume_times = waiting.reconsume_times;
    draft.prepared_offset = waiting.at.value;
    draft.body = waiting.body;
    draft.properties = properties;
    const bool fits =
        properties.size() + more.size() + 1 <= message::properties_bytes_max;  // 1: the separator
    if (fits) draft.more_properties = more;
    draft.append_crc = append_crc_;
    message::encode(draft, records_);
    ends_.push_back(records_.size());
    store::Append unit;
    unit.queue = &queue;
    units_.push_back(unit);
}

std::size_t Redelivery::append() {
    // Only now has the buffer stopped moving.
    for (std::size_t i = 0, begin = 0; i < units_.size(); begin = ends_[i++])
        units_[i].records = records_.bytes().subspan(begin, ends_[i] - begin);
    if (!units_.empty()) store_.append(units_);

    std::size_t settled = 0;
    for (const auto& unit : units_) {
        if (unit.stored) {
            counters_.put(*unit.queue, 1, static_cast<std::int64_t>(unit.records.size()));
        } else if (unit.why_not == Errc::invalid) {
            log::error("delayed_message_dropped",
                       {{"topic", unit.queue->topic()}, {"reason", "longer than maxMessageSize"}});
        } else {
            counters_.put_failed();
            break;
        }
        ++settled;
    }
    return settled;
}

}  // namespace mqd::broker
