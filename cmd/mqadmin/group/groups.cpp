// updateSubGroup 200, deleteSubGroup 207 with the topics of the group, 215 and 216, and
// getConsumerConfig 352: what brokers know of a consumer group.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/bodies/groups.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

json::Value object_of(const Target& broker, const wire::SubscriptionGroupConfig& is) {
    return json::Value::object(
        {{"broker", broker.address},
         {"group", is.group_name},
         {"consumeEnable", is.consume_enable},
         {"consumeFromMinEnable", is.consume_from_min_enable},
         {"consumeBroadcastEnable", is.consume_broadcast_enable},
         {"consumeMessageOrderly", is.consume_message_orderly},
         {"retryQueueNums", is.retry_queue_nums},
         {"retryMaxTimes", is.retry_max_times},
         {"brokerId", is.broker_id},
         {"whichBrokerWhenConsumeSlowly", is.which_broker_when_consume_slowly},
         {"notifyConsumerIdsChangedEnable", is.notify_consumer_ids_changed_enable}});
}

std::string text_of(const wire::SubscriptionGroupConfig& is) {
    return fmt::format(
        "SubscriptionGroupConfig [groupName={}, consumeEnable={}, consumeFromMinEnable={}, "
        "consumeBroadcastEnable={}, consumeMessageOrderly={}, retryQueueNums={}, retryMaxTimes={}, "
        "brokerId={}, whichBrokerWhenConsumeSlowly={}, notifyConsumerIdsChangedEnable={}]",
        is.group_name, is.consume_enable, is.consume_from_min_enable, is.consume_broadcast_enable,
        is.consume_message_orderly, is.retry_queue_nums, is.retry_max_times, is.broker_id,
        is.which_broker_when_consume_slowly, is.notify_consumer_ids_changed_enable);
}

void add_config(cli::Rows& rows, const Target& broker, const wire::SubscriptionGroupConfig& is) {
    auto object = object_of(broker, is);
    std::vector<std::vector<std::string>> lines;
    lines.push_back({fmt::format(
        "============================={}:{}===================", broker.cluster, broker.name)});
    for (const auto& [name, value] : object.members())
        if (name != "broker")
            lines.push_back({fmt::format(
                "{:<40}=  {}", name, value.is_text() ? value.as_text() : json::to_text(value))});
    rows.add_lines(std::move(lines), std::move(object));
}

void add_config_options(cli::Parser& cli, wire::SubscriptionGroupConfig& is) {
    const auto flag = [&](std::string_view names, bool& into, std::string_view help) {
        cli.option(names, into, parse_bool, "true|false", help);
    };
    flag("-s,--consumeEnable", is.consume_enable, "its members may pull (default: true)");
    flag("-m,--consumeFromMinEnable", is.consume_from_min_enable,
         "a new member may begin at the first message (default: true)");
    flag("-d,--consumeBroadcastEnable", is.consume_broadcast_enable,
         "broadcasting members may pull (default: true)");
    flag("-o,--consumeMessageOrderly", is.consume_message_orderly,
         "it consumes in order (default: false)");
    cli.option("-q,--retryQueueNums", is.retry_queue_nums, "N",
               "queues of its retry topic (default: 1)");
    cli.option("-r,--retryMaxTimes", is.retry_max_times, "N",
               "retries before a message is a dead letter (default: 16)");
    cli.option("-i,--brokerId", is.broker_id, "ID",
               "the broker that members pull from "
               "(default: 0)");
    cli.option("-w,--whichBrokerWhenConsumeSlowly", is.which_broker_when_consume_slowly, "ID",
               "and from which when they are slow (default: 1)");
    flag("-a,--notifyConsumerIdsChanged", is.notify_consumer_ids_changed_enable,
         "its members hear at once when it changes (default: true)");
}

}  // namespace

int update_sub_group(const Arguments& arguments) {
    Where where;
    wire::SubscriptionGroupConfig config;
    std::string policy, attributes;
    Admin admin("updateSubGroup",
                "create a consumer group, or overwrite its configuration; options that are not "
                "given set their default again");
    auto& cli = admin.cli;
    admin.where(where);
    cli.required("-g,--groupName", config.group_name, "GROUP", "name of the group");
    add_config_options(cli, config);
    cli.option("-p,--groupRetryPolicy", policy, "JSON", "how long retries wait");
    cli.option("--attributes", attributes, "+K=V,-K", "attributes of the group");
    cli.example("mqadmin updateSubGroup -c DefaultCluster -g billing", "on all masters");
    cli.example("mqadmin updateSubGroup -b 127.0.0.1:10911 -g billing -r 3", "three retries");
    cli.example("mqadmin updateSubGroup -c DefaultCluster -g billing -s false",
                "its members get nothing");
    if (const auto status = admin.start(arguments)) return *status;
    if (!policy.empty()) {
        auto parsed = json::parse(policy);
        if (!parsed || !parsed->is_object())
            return cli.usage_error("--groupRetryPolicy is no JSON object");
        config.group_retry_policy = std::move(*parsed);
    }
    for (const auto change : split(attributes, ',')) {
        if (change.empty()) continue;
        const auto equals = change.find('=');
        config.attributes.set(std::string(change.substr(0, equals)),
                              equals == std::string_view::npos
                                  ? std::string()
                                  : std::string(change.substr(equals + 1)));
    }
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    const int status = admin.ask(
        *targets, wire::request_code::update_and_create_subscriptiongroup, NoHeader{},
        as_bytes(wire::to_body(config)), [&](const Target& broker, const remoting::Answer&) {
            rows.add({fmt::format("create subscription group to {} success.", broker.address),
                      text_of(config)},
                     object_of(broker, config));
            return Result<>();
        });
    return admin.print(status, rows);
}

int get_consumer_config(const Arguments& arguments) {
    std::string group;
    Admin admin("getConsumerConfig", "print the configuration of a consumer group on each broker");
    auto& cli = admin.cli;
    cli.required("-g,--groupName", group, "GROUP", "name of the group");
    cli.example("mqadmin getConsumerConfig -g billing", "on all masters");
    cli.example("mqadmin getConsumerConfig -g billing --out jsonl", "an object a broker");
    cli.example("mqadmin getConsumerConfig -g billing --out json | jq '.[].retryMaxTimes'",
                "one of the values");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.all_masters();
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    // Asked for one, a broker that makes groups by itself would say what it would make.
    const int status =
        admin.ask(*targets, wire::request_code::get_all_subscriptiongroup_config, NoHeader{}, {},
                  [&](const Target& broker, const remoting::Answer& answer) -> Result<> {
                      TRY(const auto table, wire::SubscriptionGroupTable::read(answer.body));
                      for (const auto& config : table.groups)
                          if (config.group_name == group) add_config(rows, broker, config);
                      return {};
                  });
    if (status == 0 && rows.size() == 0)
        return cli.fail({Errc::not_found, fmt::format("no broker that {} knows has group '{}'",
                                                      admin.namesrv(), group)});
    return admin.print(status, rows);
}

int delete_sub_group(const Arguments& arguments) {
    Where where;
    std::string group;
    bool with_offsets = false;
    Admin admin("deleteSubGroup", "delete a consumer group, with its retries and dead letters");
    auto& cli = admin.cli;
    admin.where(where);
    cli.required("-g,--groupName", group, "GROUP", "name of the group");
    cli.option("-r,--removeOffset", with_offsets, parse_bool, "true|false",
               "its offsets too (default: false)");
    admin.yes_option();
    cli.example("mqadmin deleteSubGroup -c DefaultCluster -g billing",
                "ask first, if stdin is a terminal");
    cli.example("mqadmin deleteSubGroup -c DefaultCluster -g billing -r true --yes",
                "with its offsets, and without a question");
    cli.example("mqadmin deleteSubGroup -b 127.0.0.1:10911 -g billing --out jsonl",
                "on one broker");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    if (!admin.confirmed(
            fmt::format("delete group '{}'{}?", group, with_offsets ? " and its offsets" : "")))
        return cli.usage_error("nothing was deleted");
    cli::Rows rows(admin.out, {});
    int status = admin.ask(
        *targets, wire::request_code::delete_subscriptiongroup,
        wire::DeleteGroup{group, with_offsets}, {},
        [&](const Target& broker, const remoting::Answer&) {
            rows.add({fmt::format("delete subscription group [{}] from broker [{}] success.", group,
                                  broker.address)},
                     json::Value::object({{"broker", broker.address}, {"group", group}}));
            return Result<>();
        });
    for (const auto prefix : {retry_prefix, dlq_prefix}) {
        if (where.cluster.empty() || status != 0) break;
        const auto topic = fmt::format("{}{}", prefix, group);
        const auto done = [](const Target&, const remoting::Answer&) { return Result<>(); };
        status = admin.ask(*targets, wire::request_code::delete_topic_in_broker,
                           wire::TopicHeader{topic}, {}, done);
        if (status == 0)
            status = admin.ask(admin.servers(), wire::request_code::delete_topic_in_namesrv,
                               wire::DeleteTopicInNamesrv{topic, where.cluster}, {}, done);
    }
    return admin.print(status, rows);
}

}  // namespace mqd::admin
