// Consumer groups made, shown and deleted by request: 200, 201, 207, 300, 352 (spec remoting.md
// 4.3, 4.5). Bodies go through as JSON, so that members we do not know are kept.

#include <fmt/format.h>

#include <set>

#include "broker/names.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "json/writer.h"
#include "wire/bodies/groups.h"
#include "wire/headers/topics.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

}  // namespace

void put_group(const Call& call) {
    const auto body = json::parse(call.body());
    if (!body) return call.refuse(body.error());
    auto group = broker::Group::from_json(*body);
    if (!group) return call.refuse(rc::invalid_parameter, group.error().what);
    if (const auto named = broker::check_group_name(group->name()); !named)
        return call.refuse(rc::invalid_parameter, named.error().what);
    call.broker.groups().put(std::move(*group));
    reply_when_saved(call);
}

void get_group(const Call& call) {
    const auto header = call.header<wire::GroupHeader>();
    if (!header) return call.refuse(header.error());
    const auto group = call.broker.find_or_create_group(header->group);
    if (group == nullptr)
        return call.refuse(rc::subscription_group_not_exist,
                           fmt::format("No group in this broker. group: {}", header->group));
    call.reply_body(json::to_text(group->json()));
}

void get_all_groups(const Call& call) {
    call.reply_body(json::to_text(call.broker.groups().to_json()));
}

void delete_group(const Call& call) {
    const auto header = call.header<wire::DeleteGroup>();
    if (!header) return call.refuse(header.error());
    call.broker.groups().remove(header->group_name);
    if (header->clean_offset) call.broker.offsets().remove_group(header->group_name);
    reply_when_saved(call);
}

void get_groups_of_topic(const Call& call) {
    const auto header = call.header<wire::TopicHeader>();
    if (!header) return call.refuse(header.error());
    std::set<std::string> groups;
    for (auto& group : call.broker.clients().groups_subscribed(header->topic))
        groups.insert(std::move(group));
    for (auto& group : call.broker.offsets().groups_of(header->topic))
        groups.insert(std::move(group));
    call.reply_body(wire::to_body(wire::GroupList{{groups.begin(), groups.end()}}));
}

}  // namespace mqd::front::rocketmq
