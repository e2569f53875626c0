// Consumer groups made, shown and deleted by request: 200, 201, 207, 225, 300, 343, 352, 353
// (mqd-remoting(7), GROUPS). Bodies go through as JSON, so that members we do not know are kept.

#include <fmt/format.h>

#include <set>

#include "broker/names.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/requests.h"
#include "front/rocketmq/saved.h"
#include "json/writer.h"
#include "wire/bodies/groups.h"
#include "wire/headers/clients.h"
#include "wire/headers/consumers.h"
#include "wire/headers/topics.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

/// Of groups that a body names.
Result<> may_put(const Call& call, const broker::Group& group) {
    return call.may(access::Action::create | access::Action::update,
                    {access::Resource::group(group.name())});
}

Result<broker::Group> group_of(const json::Value& value) {
    TRY(auto group, broker::Group::from_json(value));
    TRY_OK(broker::check_group_name(group.name()));
    return group;
}

}  // namespace

void put_group(const Call& call) {
    const auto body = json::parse(call.body());
    if (!body) return call.refuse(body.error());
    auto group = group_of(*body);
    if (!group) return call.refuse(rc::invalid_parameter, group.error().what);
    if (const auto may = may_put(call, *group); !may) return call.forbid(may.error());
    call.broker.groups().put(std::move(*group));
    reply_when_saved(call);
}

void put_groups(const Call& call) {
    const auto body = json::parse(call.body());
    if (!body) return call.refuse(body.error());
    std::vector<broker::Group> groups;
    for (const auto& item : (*body)["groupConfigList"].items()) {
        auto group = group_of(item);
        if (!group) return call.refuse(rc::invalid_parameter, group.error().what);
        if (const auto may = may_put(call, *group); !may) return call.forbid(may.error());
        groups.push_back(std::move(*group));
    }
    for (auto& group : groups) call.broker.groups().put(std::move(group));
    reply_when_saved(call);
}

void get_group(const Call& call, const wire::GroupHeader& header) {
    const auto group = call.broker.find_or_create_group(header.group);
    if (group == nullptr)
        return call.refuse(rc::subscription_group_not_exist,
                           fmt::format("No group in this broker. group: {}", header.group));
    call.reply_body(json::to_text(group->json()));
}

void get_all_groups(const Call& call) {
    call.reply_body(json::to_text(call.broker.groups().to_json()));
}

void delete_group(const Call& call, const wire::DeleteGroup& header) {
    call.broker.delete_group(header.group_name, header.clean_offset);
    reply_when_saved(call);
}

void get_groups_of_topic(const Call& call, const wire::TopicHeader& header) {
    std::set<std::string> groups;
    for (auto& group : call.broker.clients().groups_subscribed(header.topic))
        groups.insert(std::move(group));
    for (auto& group : call.broker.offsets().groups_of(header.topic))
        groups.insert(std::move(group));
    call.reply_body(wire::to_body(wire::GroupList{{groups.begin(), groups.end()}}));
}

void get_topics_of_group(const Call& call, const wire::GroupHeader& header) {
    call.reply_body(wire::to_body(
        wire::TopicList{call.broker.offsets().topics_of(header.group), call.service.address()}));
}

void forbid_group(const Call& call, const wire::GroupForbidden& header) {
    auto& groups = call.broker.groups();
    if (header.readable) groups.set_may_read(header.group, header.topic, *header.readable);
    const auto body = json::to_text(
        json::Value::object({{"group", header.group},
                             {"readable", groups.may_read(header.group, header.topic)},
                             {"topic", header.topic}}));
    call.broker.save_soon(
        [ticket = call.session.ticket(call.request), body](const Result<>& saved) {
            if (!saved) return reply_outcome(ticket, saved);
            ticket.with_session([ticket, body](remoting::Session& session) {
                session.reply(ticket, rc::success, wire::NoHeader{}, as_bytes(body));
            });
        });
}

}  // namespace mqd::front::rocketmq
