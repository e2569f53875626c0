// deleteTopic: DELETE_TOPIC_IN_BROKER 215 on each master, then DELETE_TOPIC_IN_NAMESRV 216 on each
// name server. In that order, or a registration in between brings the route back. Servers answer
// both with success whether they had the topic or not, so they are asked before: brokers by
// GET_TOPIC_CONFIG 351, which old ones do not know, then GET_TOPIC_STATS_INFO 202, name servers by
// GET_ROUTEINFO_BY_TOPIC 105.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

void add_row(cli::Rows& rows, std::string_view target, const std::string& address,
             const Result<remoting::Answer>& answer, std::string text) {
    auto object =
        json::Value::object({{"target", target}, {"address", address}, {"ok", answer.has_value()}});
    object.set("code", answer ? answer->code : answer.error().remote_code);
    object.set("remark", answer ? answer->remark : answer.error().what);
    std::vector<std::string> cells;
    if (answer) cells.push_back(std::move(text));
    rows.add(std::move(cells), std::move(object));
}

Result<> outcome(Result<remoting::Answer> answer) {
    if (!answer) return std::move(answer).error();
    return {};
}

/// Who cannot say may have it.
bool may_have(const Result<remoting::Answer>& answer) {
    return answer || answer.error().remote_code != wire::response_code::topic_not_exist;
}

bool broker_may_have(Admin& admin, const std::string& address, std::string_view topic) {
    const wire::TopicHeader header{topic};
    const auto config = admin.call(address, wire::request_code::get_topic_config, header);
    if (config || config.error().code != Errc::unsupported) return may_have(config);
    return may_have(admin.call(address, wire::request_code::get_topic_stats_info, header));
}

bool namesrv_may_have(Admin& admin, const std::string& address, std::string_view topic) {
    wire::GetRouteInfo header;
    header.topic = topic;
    header.accept_standard_json_only = true;
    return may_have(admin.call(address, wire::request_code::get_routeinfo_by_topic, header));
}

}  // namespace

int delete_topic(const Arguments& arguments) {
    std::string topic, cluster;
    Admin admin("deleteTopic", "delete a topic from a cluster, with its messages and offsets");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.required("-c,--clusterName", cluster, "CLUSTER", "from this cluster");
    admin.yes_option();
    cli.example("mqadmin deleteTopic -c DefaultCluster -t orders",
                "ask before deleting, if stdin is a terminal");
    cli.example("mqadmin deleteTopic -c DefaultCluster -t orders --yes", "do not ask");
    cli.example("mqadmin deleteTopic -c DefaultCluster -t orders --out jsonl",
                "print what each server answered");
    if (const auto status = admin.start(arguments)) return *status;

    const auto targets = admin.masters({{}, cluster});
    if (!targets) return cli.fail(targets.error());
    if (!admin.confirmed(fmt::format("delete topic '{}' from cluster '{}'?", topic, cluster)))
        return cli.usage_error("nothing was deleted");

    bool was_there = false;
    for (const auto& address : admin.namesrvs())
        was_there = was_there || namesrv_may_have(admin, address, topic);
    for (const auto& target : *targets)
        was_there = was_there || broker_may_have(admin, target.address, topic);

    cli::Rows rows(admin.out, {});
    int status = admin.each(*targets, [&](const Target& target) {
        auto answer = admin.call(target.address, wire::request_code::delete_topic_in_broker,
                                 wire::TopicHeader{topic});
        add_row(rows, "broker", target.address, answer,
                fmt::format("delete topic [{}] from broker [{}] success.", topic, target.address));
        return outcome(std::move(answer));
    });
    if (status == 0) {
        std::vector<Target> servers;
        for (const auto& address : admin.namesrvs()) servers.push_back({{}, {}, address, 0});
        status = admin.each(servers, [&](const Target& server) {
            wire::DeleteTopicInNamesrv header;
            header.topic = topic;
            header.cluster_name = cluster;
            auto answer =
                admin.call(server.address, wire::request_code::delete_topic_in_namesrv, header);
            add_row(rows, "namesrv", server.address, answer,
                    fmt::format("delete topic [{}] from NameServer [{}] success.", topic,
                                server.address));
            return outcome(std::move(answer));
        });
    }
    const int printed = cli.finish(rows.print());
    if (status != 0 || printed != 0) return status != 0 ? status : printed;
    if (was_there) return status;
    return cli.fail({Errc::not_found,
                     fmt::format("there was no topic '{}', neither on {} nor on a broker of '{}'",
                                 topic, admin.namesrv(), cluster)});
}

}  // namespace mqd::admin
