#include "wire/bodies/groups.h"

#include "base/parse.h"

namespace mqd::wire {

SubscriptionGroupConfig SubscriptionGroupConfig::from(const json::Value& value) {
    using detail::int32_of;
    SubscriptionGroupConfig out;
    const auto flag = [&](const char* name, bool& member) { member = value[name].as_bool(member); };
    const auto number = [&](const char* name, std::int32_t& member) {
        member = int32_of(value[name], member);
    };
    const auto tree = [&](const char* name, json::Value& member) {
        if (!value[name].is_null()) member = value[name];
    };
    out.group_name = value["groupName"].as_text();
    flag("consumeEnable", out.consume_enable);
    flag("consumeFromMinEnable", out.consume_from_min_enable);
    flag("consumeBroadcastEnable", out.consume_broadcast_enable);
    flag("consumeMessageOrderly", out.consume_message_orderly);
    number("retryQueueNums", out.retry_queue_nums);
    number("retryMaxTimes", out.retry_max_times);
    out.broker_id = value["brokerId"].as_int(out.broker_id);
    out.which_broker_when_consume_slowly =
        value["whichBrokerWhenConsumeSlowly"].as_int(out.which_broker_when_consume_slowly);
    flag("notifyConsumerIdsChangedEnable", out.notify_consumer_ids_changed_enable);
    number("groupSysFlag", out.group_sys_flag);
    number("consumeTimeoutMinute", out.consume_timeout_minute);
    tree("groupRetryPolicy", out.group_retry_policy);
    tree("subscriptionDataSet", out.subscription_data_set);
    tree("attributes", out.attributes);
    return out;
}

Result<SubscriptionGroupConfig> SubscriptionGroupConfig::read(std::string_view body) {
    return read_body<SubscriptionGroupConfig>(body);
}

void SubscriptionGroupConfig::write(json::Writer& out) const {
    out.begin_object()
        .key("attributes")
        .value(attributes)
        .member("brokerId", broker_id)
        .member("consumeBroadcastEnable", consume_broadcast_enable)
        .member("consumeEnable", consume_enable)
        .member("consumeFromMinEnable", consume_from_min_enable)
        .member("consumeMessageOrderly", consume_message_orderly)
        .member("consumeTimeoutMinute", consume_timeout_minute)
        .member("groupName", std::string_view(group_name))
        .key("groupRetryPolicy")
        .value(group_retry_policy)
        .member("groupSysFlag", group_sys_flag)
        .member("notifyConsumerIdsChangedEnable", notify_consumer_ids_changed_enable)
        .member("retryMaxTimes", retry_max_times)
        .member("retryQueueNums", retry_queue_nums);
    if (!subscription_data_set.is_null())
        out.key("subscriptionDataSet").value(subscription_data_set);
    out.member("whichBrokerWhenConsumeSlowly", which_broker_when_consume_slowly).end_object();
}

SubscriptionGroupTable SubscriptionGroupTable::from(const json::Value& value) {
    SubscriptionGroupTable out;
    out.data_version = DataVersion::from(value["dataVersion"]);
    for (const auto& [name, config] : value["subscriptionGroupTable"].members()) {
        out.groups.push_back(SubscriptionGroupConfig::from(config));
        if (out.groups.back().group_name.empty()) out.groups.back().group_name = name;
    }
    return out;
}

Result<SubscriptionGroupTable> SubscriptionGroupTable::read(std::string_view body) {
    return read_body<SubscriptionGroupTable>(body);
}

void SubscriptionGroupTable::write(json::Writer& out) const {
    out.begin_object().key("dataVersion");
    data_version.write(out);
    out.key("forbiddenTable").begin_object().end_object();
    out.key("subscriptionGroupTable").begin_object();
    for (const auto& group : groups) {
        out.key(group.group_name);
        group.write(out);
    }
    out.end_object().end_object();
}

GroupList GroupList::from(const json::Value& value) {
    return {detail::texts_of(value["groupList"])};
}

Result<GroupList> GroupList::read(std::string_view body) {
    return read_body<GroupList>(body);
}

void GroupList::write(json::Writer& out) const {
    out.begin_object().key("groupList");
    detail::write_texts(out, groups);
    out.end_object();
}

ConsumerOffsetTable ConsumerOffsetTable::from(const json::Value& value) {
    ConsumerOffsetTable out;
    out.data_version = DataVersion::from(value["dataVersion"]);
    for (const auto& [name, queues] : value["offsetTable"].members()) {
        auto& offsets = out.offsets[name];
        for (const auto& [queue, offset] : queues.members())
            if (const auto id = parse_int<std::int32_t>(queue)) offsets[*id] = offset.as_int();
    }
    return out;
}

Result<ConsumerOffsetTable> ConsumerOffsetTable::read(std::string_view body) {
    return read_body<ConsumerOffsetTable>(body);
}

void ConsumerOffsetTable::write(json::Writer& out) const {
    out.begin_object().key("dataVersion");
    data_version.write(out);
    out.key("offsetTable").begin_object();
    for (const auto& [name, queues] : offsets) {
        out.key(name).begin_object();
        for (const auto& [queue, offset] : queues) out.member(std::to_string(queue), offset);
        out.end_object();
    }
    out.end_object().end_object();
}

}  // namespace mqd::wire
