#include "broker/send_back.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/random.h"
#include "broker/append_one.h"
#include "broker/names.h"
#include "message/id.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/sys_flag.h"

namespace mqd::broker {
namespace {

namespace property = message::property;

/// Level 0 begins after the short levels: the first retry comes after 10 seconds.
constexpr std::int64_t first_retry_level = 3;

Result<TopicRef> topic_of_group(Broker& broker, std::string name, std::int32_t queues,
                                bool unit_mode) {
    TopicConfig config;
    config.name = std::move(name);
    config.read_queues = config.write_queues = queues;
    config.sys_flag = unit_mode ? 2 : 0;
    auto topic = broker.topics().ensure(config);
    // A disk without room is nobody's lack of rights.
    if (!topic) return Error{Errc::io, std::move(topic).error().what};
    if (*topic == nullptr)
        return Error{Errc::unavailable, fmt::format("topic[{}] not exist", config.name)};
    return *topic;
}

/// The failed message's, with what a retry adds.
std::string retried_properties(const message::RecordView& failed) {
    const auto kept = [&](std::string_view name, std::string otherwise) {
        const auto is = message::find_property(failed.properties, name);
        return is ? std::string(*is) : std::move(otherwise);
    };
    const auto first_topic = kept(property::retry_topic, std::string(failed.topic));
    const auto first_id =
        kept(property::origin_message_id, message::offset_id(failed.store_host, failed.at));
    auto out = message::without_properties(
        failed.properties, {property::retry_topic, property::origin_message_id, property::wait,
                            property::delay, property::crc32});
    message::append_property(out, property::retry_topic, first_topic);
    message::append_property(out, property::wait, "false");
    message::append_property(out, property::origin_message_id, first_id);
    return out;
}

Result<> store_again(Broker& broker, const message::RecordView& failed, std::string_view properties,
                     store::Queue& queue) {
    if (properties.size() > message::properties_bytes_max)
        return Error{Errc::invalid, fmt::format("the properties would be longer than {} bytes",
                                                message::properties_bytes_max)};
    message::Draft draft;
    draft.flag = failed.flag;
    draft.sys_flag = failed.sys_flag;
    draft.born_ts_ms = failed.born_ts_ms;
    draft.born_host = failed.born_host;
    draft.store_host = broker.store_host();
    draft.reconsume_times = failed.reconsume_times + 1;
    draft.body = failed.body;
    draft.properties = properties;
    // Whatever the reason, the client sends it itself then.
    if (!append_one(broker, draft, queue))
        return Error{Errc::io, "the message was not stored again"};
    return {};
}

}  // namespace

Result<TopicRef> dead_letters_of(Broker& broker, std::string_view group) {
    return topic_of_group(broker, dead_letter_topic(group), 1, false);
}

Result<> send_back(Broker& broker, const SendBack& wanted, const TopicRight& may_take) {
    const auto group = broker.find_or_create_group(wanted.group);
    if (group == nullptr)
        return Error{Errc::not_found,
                     fmt::format("subscription group not exist, {}", wanted.group)};
    const auto& settings = broker.settings();
    if (broker.leading() == nullptr || (settings.identity.permission & message::perm::write) == 0)
        return Error{Errc::refused, fmt::format("the broker[{}] sending message is forbidden",
                                                settings.network.ip)};
    const std::int32_t queues = std::min(group->retry_queues(), topic_queues_max);
    if (queues <= 0) {
        // The client takes this for done, as from RocketMQ.
        log::warn("send_back_dropped", {{"group", wanted.group},
                                        {"at", wanted.at.value},
                                        {"reason", "the group's retryQueueNums is 0"}});
        return {};
    }
    const auto slice = broker.store().record_at(wanted.at);
    if (!slice)
        return Error{Errc::io, fmt::format("look message by offset failed, {}", wanted.at.value)};
    TRY(const auto failed, message::RecordView::parse(slice->bytes));
    TRY_OK(may_take(failed.topic));
    TRY(auto topic, topic_of_group(broker, retry_topic(wanted.group), queues, wanted.unit_mode));
    if ((topic->config().perm & message::perm::write) == 0)
        return Error{Errc::refused,
                     fmt::format("the topic[{}] sending message is forbidden", topic->name())};
    // Not before: a lease is not kept while the disk is waited for.
    const auto leading = broker.leading();
    if (leading == nullptr) return Error{Errc::refused, "the broker follows another one"};
    // Which of its messages failed is not said; the client sends that one itself then.
    if (failed.is_inner_batch())
        return Error{Errc::invalid, "one message of a batch cannot be sent back"};
    auto properties = retried_properties(failed);
    const auto count = [&](std::string_view name) {
        const auto first = message::find_property(properties, property::retry_topic);
        broker.counters().traffic().count(name, first.value_or(failed.topic), wanted.group);
    };
    count("SNDBCK_PUT_NUMS");

    const std::int32_t retry_max = wanted.retry_max.value_or(group->retry_max());
    if (failed.reconsume_times >= retry_max || wanted.delay_level < 0) {
        TRY(topic, dead_letters_of(broker, wanted.group));
        count("DLQ_PUT_NUMS");
        message::append_property(properties, property::delay, "0");
        return store_again(broker, failed, properties, topic->queue(0));
    }
    const std::int64_t level =
        wanted.delay_level > 0 ? wanted.delay_level : first_retry_level + failed.reconsume_times;
    const auto place =
        leading->delay->place(properties, level, topic->name(), random_below(queues));
    return store_again(broker, failed, place.properties, *place.queue);
}

}  // namespace mqd::broker
