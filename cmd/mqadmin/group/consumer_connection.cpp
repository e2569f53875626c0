// consumerConnection: GET_CONSUMER_CONNECTION_LIST 203 of the brokers of the group's retry topic.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/bodies/connections.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"

namespace mqd::admin {
namespace {

json::Value object_of(const std::string& group, const wire::ConsumerConnection& is,
                      const wire::Connection& member) {
    std::vector<json::Value> subscriptions;
    for (const auto& subscription : is.subscriptions) {
        std::vector<json::Value> tags(subscription.tags.begin(), subscription.tags.end());
        subscriptions.push_back(json::Value::object({{"topic", subscription.topic},
                                                     {"expression", subscription.sub_string},
                                                     {"type", subscription.expression_type},
                                                     {"tags", json::Value::array(std::move(tags))},
                                                     {"subVersion", subscription.sub_version}}));
    }
    return json::Value::object(
        {{"group", group},
         {"clientId", member.client_id},
         {"clientAddr", member.client_addr},
         {"language", std::string(wire::language_name(member.language))},
         {"version", member.version},
         {"consumeType", std::string(wire::name_of(is.consume_type))},
         {"messageModel", std::string(wire::name_of(is.message_model))},
         {"consumeFromWhere", std::string(wire::name_of(is.consume_from_where))},
         {"subscriptions", json::Value::array(std::move(subscriptions))}});
}

std::vector<std::vector<std::string>> lines_of(const wire::ConsumerConnection& is) {
    cli::TextTable members({"#ClientId", "#ClientAddr", "#Language", "#Version"});
    for (const auto& member : is.connections)
        members.add({member.client_id, member.client_addr,
                     std::string(wire::language_name(member.language)),
                     std::to_string(member.version)});
    cli::TextTable subscriptions({"#Topic", "#SubExpression"});
    for (const auto& subscription : is.subscriptions)
        subscriptions.add({subscription.topic, subscription.sub_string});
    return {{members.text()},
            {subscriptions.text()},
            {fmt::format("ConsumeType: {}", wire::name_of(is.consume_type))},
            {fmt::format("MessageModel: {}", wire::name_of(is.message_model))},
            {fmt::format("ConsumeFromWhere: {}", wire::name_of(is.consume_from_where))}};
}

}  // namespace

int consumer_connection(const Arguments& arguments) {
    std::string group, broker;
    Admin admin("consumerConnection", "print the members of a consumer group, and what they want");
    auto& cli = admin.cli;
    cli.required("-g,--consumerGroup", group, "GROUP", "name of the group");
    cli.option("-b,--brokerAddr", broker, "HOST:PORT", "as this broker knows it");
    cli.example("mqadmin consumerConnection -g billing", "its members and subscriptions");
    cli.example("mqadmin consumerConnection -g billing --out json | jq -r '.[].clientAddr'",
                "the addresses of its members");
    cli.example("mqadmin consumerConnection -g billing -b 127.0.0.1:10911",
                "as one broker knows it");
    if (const auto status = admin.start(arguments)) return *status;
    std::vector<Target> targets = {{{}, {}, broker, 0}};
    if (broker.empty()) {
        auto brokers = admin.brokers_of(fmt::format("{}{}", retry_prefix, group));
        if (!brokers && brokers.error().code == Errc::not_found)
            return cli.fail({Errc::not_found,
                             fmt::format("group '{}' is not known to {}", group, admin.namesrv())});
        if (!brokers) return cli.fail(brokers.error());
        targets = std::move(*brokers);
    }
    // All of them know all members: the first that answers is enough.
    cli::Rows rows(admin.out, {});
    Result<> last;
    for (const auto& target : targets) {
        const auto answer =
            admin.call(target.address, wire::request_code::get_consumer_connection_list,
                       wire::ConsumerGroupHeader{group});
        if (!answer) {
            last = answer.error();
            continue;
        }
        const auto is = wire::ConsumerConnection::read(answer->body);
        if (!is) return cli.fail(is.error());
        // A record for each member; for people all of them are one block.
        for (const auto& member : is->connections)
            rows.add_lines(
                rows.size() == 0 ? lines_of(*is) : std::vector<std::vector<std::string>>(),
                object_of(group, *is, member));
        return cli.finish(rows.print());
    }
    if (last.error().remote_code == wire::response_code::consumer_not_online)
        return cli.fail({Errc::not_found, fmt::format("group '{}' has no members now", group)});
    return cli.fail(last.error());
}

}  // namespace mqd::admin
