// consumerProgress: of one group, or without -g a line for each (mqadmin(1), CONSUMER GROUPS).
// Offsets come from GET_CONSUME_STATS 208, members from GET_CONSUMER_CONNECTION_LIST 203, and with
// -s the queues of each member from GET_CONSUMER_RUNNING_INFO 307.

#include <fmt/format.h>

#include <algorithm>

#include "../admin.h"
#include "../commands.h"
#include "base/clock.h"
#include "base/parse.h"
#include "wire/bodies/connections.h"
#include "wire/bodies/stats.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"
#include "progress.h"
#include "wire/headers/clients.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

constexpr std::int32_t get_consumer_running_info = 307;

struct RunningInfoHeader {
    std::string_view consumer_group, client_id;
    bool jstack = false;

    static constexpr auto fields() {
        using H = RunningInfoHeader;
        return std::tuple{wire::required("consumerGroup", &H::consumer_group),
                          wire::required("clientId", &H::client_id),
                          wire::optional("jstackEnable", &H::jstack)};
    }
};

struct Options : ProgressQuery {
    bool show_client = false;
};

// Which member has which queue, as the members themselves say.
std::map<wire::MessageQueue, std::string> owners(Admin& admin, const std::vector<Target>& brokers,
                                                 const Options& options,
                                                 const wire::ConsumerConnection& connection) {
    std::map<wire::MessageQueue, std::string> out;
    for (const auto& member : connection.connections) {
        const auto answer = admin.call(brokers.front().address, get_consumer_running_info,
                                       RunningInfoHeader{options.group, member.client_id, false});
        const auto info = answer ? json::parse(answer->body) : Result<json::Value>(answer.error());
        if (!info) {
            admin.cli.warn(info.error().what);
            continue;
        }
        for (const auto& [key, ignored] : (*info)["mqTable"].members())
            if (auto queue = wire::MessageQueue::read(key))
                out[*queue] = member.client_id.substr(0, member.client_id.find('@'));
    }
    return out;
}

void add_row(cli::Rows& rows, const Options& options, const wire::MessageQueue& queue,
             const wire::ConsumeOffset& o, const std::string& client) {
    const auto diff = o.broker_offset - o.consumer_offset;
    auto object = json::Value::object({{"group", options.group},
                                       {"topic", queue.topic},
                                       {"broker", queue.broker_name},
                                       {"queueId", queue.queue_id},
                                       {"brokerOffset", o.broker_offset},
                                       {"consumerOffset", o.consumer_offset},
                                       {"diff", diff},
                                       {"inflight", Progress::inflight(o)}});
    if (o.last_timestamp > 0) {
        object.set("lastTimestamp", o.last_timestamp);
        object.set("lastTime", format_time(o.last_timestamp));
        object.set("delayMs", diff > 0 ? wall_ms() - o.last_timestamp : 0);
    }
    if (!client.empty()) object.set("clientId", client);
    std::vector<std::string> cells = {queue.topic,
                                      queue.broker_name,
                                      std::to_string(queue.queue_id),
                                      std::to_string(o.broker_offset),
                                      std::to_string(o.consumer_offset),
                                      std::to_string(diff),
                                      std::to_string(Progress::inflight(o)),
                                      time_cell(o.last_timestamp)};
    if (options.show_client) cells.insert(cells.begin() + 5, client.empty() ? "N/A" : client);
    rows.add(std::move(cells), std::move(object));
}

void add_delayed_row(cli::Rows& rows, const Options& options, const std::string& broker,
                     std::int64_t count) {
    const auto topic = fmt::format("{}{}", retry_prefix, options.group);
    auto object = json::Value::object({{"group", options.group},
                                       {"topic", topic},
                                       {"broker", broker},
                                       {"delayed", true},
                                       {"diff", count}});
    std::vector<std::string> cells = {topic, broker, "delayed", "-", "-", std::to_string(count),
                                      "0",   ""};
    if (options.show_client) cells.insert(cells.begin() + 5, "N/A");
    rows.add(std::move(cells), std::move(object));
}

int one_group(Admin& admin, const Options& options) {
    auto& cli = admin.cli;
    const auto brokers = brokers_of_group(admin, options);
    if (!brokers) return cli.fail(brokers.error());
    Progress progress;
    const int status = add_all_offsets(admin, *brokers, options, progress);
    if (progress.offsets.empty() && progress.delayed.empty() && status == 0)
        return cli.fail(
            {Errc::not_found,
             fmt::format("group '{}' has no offsets{} on {}", options.group,
                         options.topic.empty() ? "" : " of topic '" + options.topic + "'",
                         admin.namesrv())});
    const auto online = members(admin, *brokers, options.group);
    std::map<wire::MessageQueue, std::string> clients;
    if (options.show_client && online && *online)
        clients = owners(admin, *brokers, options, **online);

    std::vector<std::string> columns = {"#Topic",         "#Broker Name",     "#QID",
                                        "#Broker Offset", "#Consumer Offset", "#Diff",
                                        "#Inflight",      "#LastTime"};
    if (options.show_client) columns.insert(columns.begin() + 5, "#Client IP");
    cli::Rows rows(admin.out, std::move(columns));
    for (const auto& [queue, offset] : progress.offsets) {
        const auto client = clients.find(queue);
        add_row(rows, options, queue, offset, client == clients.end() ? "" : client->second);
    }
    for (const auto& [broker, count] : progress.delayed)
        add_delayed_row(rows, options, broker, count);
    auto totals = json::Value::object({{"diff", progress.diff_total()},
                                       {"inflight", progress.inflight_total()},
                                       {"consumeTps", progress.tps}});
    if (online)
        totals.set("members",
                   *online ? static_cast<std::int64_t>((*online)->connections.size()) : 0);
    rows.totals({fmt::format("Consume TPS: {:.2f}", progress.tps),
                 fmt::format("Consume Diff Total: {}", progress.diff_total()),
                 fmt::format("Consume Inflight Total: {}", progress.inflight_total())},
                std::move(totals));
    return admin.print(status, rows);
}

/// A group on its way through the rounds of questions.
struct Group {
    std::string name;
    std::vector<Target> brokers;
    Progress progress;
    std::optional<wire::ConsumerConnection> online;
    std::optional<Error> failed;
};
/// What is asked: a group, of one of its brokers.
struct Question {
    Group* group;
    Target broker;
};

/// One request for each question, all at once; `take` gets what came, or fails its group.
template <class MakeHeader, class Take>
void ask_round(Admin& admin, const std::vector<Question>& questions, std::int32_t code,
               const MakeHeader& make, const Take& take) {
    auto answers = admin.ask_all(
        questions,
        [&](client::Calls& calls, const Question& q) {
            calls.add(q.broker.address, code, make(*q.group));
        },
        [&](const Question& q) { return admin.call(q.broker.address, code, make(*q.group)); });
    for (std::size_t i = 0; i < questions.size(); ++i)
        if (auto took = take(questions[i], std::move(answers[i])); !took)
            questions[i].group->failed = took.error();
}

void find_brokers(Admin& admin, std::vector<Group>& groups) {
    const auto header = [](const std::string& topic) {
        wire::GetRouteInfo is;
        is.topic = topic;
        is.accept_standard_json_only = true;
        return is;
    };
    const auto code = wire::request_code::get_routeinfo_by_topic;
    std::vector<std::string> topics;
    for (const auto& group : groups)
        topics.push_back(fmt::format("{}{}", retry_prefix, group.name));
    const auto answers = admin.ask_all(
        topics,
        [&](client::Calls& calls, const std::string& topic) {
            calls.add(admin.client().namesrv(), code, header(topic));
        },
        [&](const std::string& topic) { return admin.call_namesrv(code, header(topic)); });
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const auto route = answers[i] ? wire::TopicRouteData::read(answers[i]->body)
                                      : Result<wire::TopicRouteData>(answers[i].error());
        if (route)
            groups[i].brokers = targets_of(*route);
        else
            groups[i].failed = route.error();
    }
}

void ask_groups(Admin& admin, const Options& options, std::vector<Group>& groups) {
    find_brokers(admin, groups);
    std::vector<Question> all;
    for (auto& group : groups) {
        if (!options.cluster.empty())
            std::erase_if(group.brokers,
                          [&](const Target& t) { return t.cluster != options.cluster; });
        for (const auto& broker : group.brokers) all.push_back({&group, broker});
    }
    ask_round(
        admin, all, wire::request_code::get_consume_stats,
        [&](const Group& group) { return stats_header(options, group.name); },
        [](const Question& q, Result<remoting::Answer> answer) -> Result<> {
            if (!answer) return answer.error();
            return q.group->progress.add(q.broker, *answer);
        });
    // All brokers of a group know all of its members.
    std::vector<Question> firsts;
    for (auto& group : groups)
        if (!group.brokers.empty()) firsts.push_back({&group, group.brokers.front()});
    ask_round(
        admin, firsts, wire::request_code::get_consumer_connection_list,
        [](const Group& group) { return wire::ConsumerGroupHeader{group.name}; },
        [](const Question& q, const Result<remoting::Answer>& answer) -> Result<> {
            TRY(q.group->online, members_in(answer));
            return {};
        });
}

void add_group(const Group& group, cli::Rows& rows) {
    const auto& online = group.online;
    std::int64_t count = 0;
    std::int32_t version = 0;
    std::string type, model;
    if (online) {
        count = static_cast<std::int64_t>(online->connections.size());
        for (const auto& member : online->connections)
            version = version == 0 ? member.version : std::min(version, member.version);
        type = online->consume_type == wire::ConsumeType::passively ? "PUSH" : "PULL";
        model = online->message_model == wire::MessageModel::broadcasting ? "BROADCASTING"
                                                                          : "CLUSTERING";
    }
    auto object = json::Value::object({{"group", group.name},
                                       {"members", count},
                                       {"consumeTps", group.progress.tps},
                                       {"diff", group.progress.diff_total()}});
    if (online) {
        object.set("version", version);
        object.set("type", type);
        object.set("model", model);
    }
    rows.add({group.name, std::to_string(count), online ? std::to_string(version) : "OFFLINE", type,
              model, fmt::format("{:.2f}", group.progress.tps),
              std::to_string(group.progress.diff_total())},
             std::move(object));
}

int all_groups(Admin& admin, const Options& options) {
    if (!options.cluster.empty())
        if (const auto known = admin.masters({{}, options.cluster}); !known)
            return admin.cli.fail(known.error());
    const auto answer =
        admin.call_namesrv(wire::request_code::get_all_topic_list_from_nameserver, NoHeader{});
    if (!answer) return admin.cli.fail(answer.error());
    auto topics = wire::TopicList::read(answer->body);
    if (!topics) return admin.cli.fail(topics.error());
    std::ranges::sort(topics->topics);
    std::vector<Group> groups;
    for (const auto& topic : topics->topics)
        if (topic.starts_with(retry_prefix))
            groups.push_back({topic.substr(retry_prefix.size()), {}, {}, {}, {}});
    ask_groups(admin, options, groups);
    cli::Rows rows(admin.out,
                   {"#Group", "#Count", "#Version", "#Type", "#Model", "#TPS", "#Diff Total"});
    std::vector<Target> names;
    for (const auto& group : groups) names.push_back({{}, group.name, {}, 0});
    std::size_t next = 0;
    const int status = admin.each(names, [&](const Target&) -> Result<> {
        const auto& group = groups[next++];
        if (group.failed) return *group.failed;
        // With a cluster: only groups that are there.
        if (!group.brokers.empty()) add_group(group, rows);
        return {};
    });
    return admin.print(status, rows);
}

}  // namespace

int consumer_progress(const Arguments& arguments) {
    Options options;
    Admin admin("consumerProgress", "print how many messages consumer groups have left to read");
    auto& cli = admin.cli;
    cli.option("-g,--groupName", options.group, "GROUP",
               "this group, a line for each queue (default: a line for each group)");
    cli.option("-t,--topicName", options.topic, "TOPIC", "only this topic");
    cli.option("-s,--showClientIP", options.show_client, parse_bool, "true|false",
               "print which member has each queue");
    cli.option("-c,--cluster", options.cluster, "CLUSTER", "only the brokers of this cluster");
    cli.example("mqadmin consumerProgress", "all groups");
    cli.example("mqadmin consumerProgress -g billing -t orders", "one group, one topic");
    cli.example("mqadmin consumerProgress -g billing --out json | jq .totals.diff",
                "number of messages that a group has left to read");
    if (const auto status = admin.start(arguments)) return *status;
    return options.group.empty() ? all_groups(admin, options) : one_group(admin, options);
}

}  // namespace mqd::admin
