// Topics made, changed, shown and deleted by request: 17, 18, 21, 215, 305, 351 (mqd-remoting(7),
// TOPICS). A change is answered when it is on disk.

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "broker/names.h"
#include "front/rocketmq/convert.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "wire/headers/topics.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

struct Attribute {
    std::string_view name;
    std::vector<std::string_view> values;  ///< empty: a number
};
const Attribute attributes_known[] = {
    {"queue.type", {"SimpleCQ", "BatchCQ"}},
    {"cleanup.policy", {"DELETE"}},
    {"message.type", {"UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION"}},
    {"reserve.time", {}},
};

Result<> check_attribute(std::string_view name, std::string_view value) {
    const auto* known =
        std::find_if(std::begin(attributes_known), std::end(attributes_known),
                     [name](const Attribute& attribute) { return attribute.name == name; });
    if (known == std::end(attributes_known))
        return Error{Errc::unsupported, fmt::format("unsupported attribute '{}'", name)};
    const bool fits = known->values.empty() ? parse_int<std::int64_t>(value).has_value()
                                            : std::find(known->values.begin(), known->values.end(),
                                                        value) != known->values.end();
    if (!fits)
        return Error{Errc::unsupported,
                     fmt::format("attribute '{}' cannot be '{}' here", name, value)};
    return {};
}

/// `+key=value,-key` over what the topic has.
Result<> change_attributes(broker::TopicConfig& config, std::string_view changes) {
    if (changes.empty()) return {};
    for (const auto change : split(changes, ',')) {
        const auto equals = change.find('=');
        const char sign = change.empty() ? ' ' : change.front();
        if ((sign != '+' || equals == std::string_view::npos) && sign != '-')
            return Error{Errc::unsupported,
                         fmt::format("'{}' is neither +key=value nor -key", change)};
        const auto name = change.substr(1, equals == std::string_view::npos ? equals : equals - 1);
        std::erase_if(config.attributes, [&](const auto& is) { return is.first == name; });
        if (sign == '-') continue;
        const auto value = change.substr(equals + 1);
        TRY_OK(check_attribute(name, value));
        config.attributes.emplace_back(name, value);
    }
    return {};
}

Result<> check_changeable(const Call& call, std::string_view topic) {
    TRY_OK(broker::check_topic_name(topic));
    const auto& settings = call.broker.settings();
    if (call.service.settings().check_system_topics &&
        broker::is_system_topic(topic, settings.identity.cluster, settings.identity.name))
        return Error{Errc::invalid,
                     fmt::format("The topic[{}] is conflict with system topic.", topic)};
    return {};
}

void refuse(const Call& call, const Error& error) {
    call.refuse(response_code_of(error.code), error.what);
}

}  // namespace

void create_topic(const Call& call, const wire::CreateTopic& header) {
    if (const auto fits = check_changeable(call, header.topic); !fits)
        return refuse(call, fits.error());

    broker::TopicConfig config;
    if (const auto is = call.broker.topics().find(header.topic)) config = is->config();
    config.name = header.topic;
    config.read_queues = header.read_queue_nums;
    config.write_queues = header.write_queue_nums;
    config.perm = header.perm;
    config.filter_type = header.topic_filter_type;
    config.sys_flag = header.topic_sys_flag;
    config.order = header.order;
    auto changed = config.check();
    if (changed) changed = change_attributes(config, header.attributes.value_or(""));
    if (!changed) return refuse(call, changed.error());
    std::vector<broker::TopicConfig> configs;
    configs.push_back(std::move(config));
    if (const auto made = call.broker.put_topics(std::move(configs)); !made)
        return refuse(call, made.error());
    reply_when_saved(call);
}

void create_topics(const Call& call, const wire::TopicConfigList& list) {
    std::vector<broker::TopicConfig> configs;
    for (const auto& topic : list.topics) {
        auto& config = configs.emplace_back(from_wire(topic));
        auto fits = check_changeable(call, config.name);
        if (fits) fits = config.check();
        if (!fits) return refuse(call, fits.error());
    }
    if (const auto made = call.broker.put_topics(std::move(configs)); !made)
        return refuse(call, made.error());
    reply_when_saved(call);
}

void delete_topic(const Call& call, const wire::TopicHeader& header) {
    if (header.topic.empty())
        return call.refuse(rc::invalid_parameter, "The specified topic is blank.");
    const auto& settings = call.broker.settings();
    if (call.service.settings().check_system_topics &&
        broker::is_system_topic(header.topic, settings.identity.cluster, settings.identity.name))
        return call.refuse(
            rc::invalid_parameter,
            fmt::format("The topic[{}] is conflict with system topic.", header.topic));
    if (const auto removed = call.broker.delete_topic(header.topic); !removed)
        return refuse(call, removed.error());
    reply_when_saved(call);
}

void get_topic_config(const Call& call, const wire::TopicHeader& header) {
    const auto topic = call.broker.topics().find(header.topic);
    if (topic == nullptr)
        return call.refuse(rc::topic_not_exist,
                           fmt::format("No topic in this broker. topic: {}", header.topic));
    call.reply_body(wire::to_body(to_wire(topic->config())));
}

void get_all_topic_config(const Call& call) {
    wire::TopicConfigTable table;
    table.data_version = to_wire(call.broker.topics().data_version());
    for (const auto& topic : call.broker.topics().all())
        table.topics.push_back(to_wire(topic->config()));
    call.reply_body(wire::to_body(table));
}

void get_system_topics(const Call& call) {
    const auto& settings = call.broker.settings();
    wire::TopicList list;
    for (const auto& topic : call.broker.topics().all()) {
        if (broker::is_system_topic(topic->name(), settings.identity.cluster,
                                    settings.identity.name))
            list.topics.push_back(topic->name());
    }
    std::sort(list.topics.begin(), list.topics.end());
    call.reply_body(wire::to_body(list));
}

}  // namespace mqd::front::rocketmq
