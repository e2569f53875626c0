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
#include "wire/headers/clients.h"

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

struct Options {
    std::string group, topic, cluster;
    bool show_client = false;
};

struct Progress {
    std::vector<std::pair<wire::MessageQueue, wire::ConsumeOffset>> offsets;
    double tps = 0;
    /// By broker: retries that wait for their delay, where there are some. Only mqd's brokers tell.
    std::vector<std::pair<std::string, std::int64_t>> delayed;

    std::int64_t diff_total() const {
        std::int64_t total = 0;
        for (const auto& [broker, count] : delayed) total += count;
        for (const auto& [queue, o] : offsets) total += o.broker_offset - o.consumer_offset;
        return total;
    }
    std::int64_t inflight_total() const {
        std::int64_t total = 0;
        for (const auto& [queue, o] : offsets) total += inflight(o);
        return total;
    }
    // Pulled and not yet acknowledged; of brokers that do not say it the pull offset is the smaller
    // one.
    static std::int64_t inflight(const wire::ConsumeOffset& o) {
        return std::max<std::int64_t>(0, o.pull_offset - o.consumer_offset);
    }
};

// Where the group's offsets may lie: the brokers of its retry topic. A group that never had a
// push consumer has none; then all masters are asked.
Result<std::vector<Target>> brokers_of_group(Admin& admin, const Options& options,
                                             const std::string& group) {
    auto brokers = admin.brokers_of(fmt::format("{}{}", retry_prefix, group));
    if (!brokers && brokers.error().remote_code == wire::response_code::topic_not_exist) {
        TRY(const auto info, admin.clusters());
        std::vector<Target> all;
        for (const auto& [name, broker] : info.brokers)
            if (!broker.address().empty())
                all.push_back({broker.cluster, name, std::string(broker.address()), 0});
        brokers = std::move(all);
    }
    if (!brokers) return brokers;
    if (!options.cluster.empty())
        std::erase_if(*brokers, [&](const Target& t) { return t.cluster != options.cluster; });
    return brokers;
}

bool wants_retries(const Options& options, const std::string& group) {
    return options.topic.empty() || options.topic == fmt::format("{}{}", retry_prefix, group);
}

Result<> add_offsets(Admin& admin, const Target& broker, const Options& options,
                     const std::string& group, Progress& into) {
    wire::GetConsumeStats header;
    header.consumer_group = group;
    if (!options.topic.empty()) header.topic = options.topic;
    header.wants_delayed_retries = wants_retries(options, group);
    TRY(const auto answer,
        admin.call(broker.address, wire::request_code::get_consume_stats, header));
    TRY(const auto stats, wire::ConsumeStats::read(answer.body));
    into.offsets.insert(into.offsets.end(), stats.offsets.begin(), stats.offsets.end());
    into.tps += stats.consume_tps;
    const auto delayed = parse_int<std::int64_t>(answer.find("mqdDelayedRetries"));
    if (delayed.value_or(0) > 0) into.delayed.emplace_back(broker.name, *delayed);
    return {};
}

/// Nothing: nobody is online.
Result<std::optional<wire::ConsumerConnection>> members(Admin& admin,
                                                        const std::vector<Target>& brokers,
                                                        const std::string& group) {
    for (const auto& broker : brokers) {
        wire::ConsumerGroupHeader header;
        header.consumer_group = group;
        auto answer =
            admin.call(broker.address, wire::request_code::get_consumer_connection_list, header);
        if (!answer) {
            if (answer.error().remote_code == wire::response_code::consumer_not_online) continue;
            return std::move(answer).error();
        }
        TRY(auto connection, wire::ConsumerConnection::read(answer->body));
        return std::optional(std::move(connection));
    }
    return std::optional<wire::ConsumerConnection>();
}

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
    const auto brokers = brokers_of_group(admin, options, options.group);
    if (!brokers) return cli.fail(brokers.error());
    Progress progress;
    const int status = admin.each(*brokers, [&](const Target& broker) {
        return add_offsets(admin, broker, options, options.group, progress);
    });
    if (progress.offsets.empty() && progress.delayed.empty() && status == 0)
        return cli.fail(
            {Errc::not_found,
             fmt::format("group '{}' has no offsets{} on {}", options.group,
                         options.topic.empty() ? "" : " of topic '" + options.topic + "'",
                         admin.namesrv())});
    std::ranges::sort(progress.offsets, {}, [](const auto& entry) {
        return std::tie(entry.first.topic, entry.first.broker_name, entry.first.queue_id);
    });
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

Result<> add_group(Admin& admin, const Options& options, const std::string& group,
                   cli::Rows& rows) {
    TRY(const auto brokers, brokers_of_group(admin, options, group));
    Progress progress;
    for (const auto& broker : brokers) TRY_OK(add_offsets(admin, broker, options, group, progress));
    TRY(const auto online, members(admin, brokers, group));
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
    auto object = json::Value::object({{"group", group},
                                       {"members", count},
                                       {"consumeTps", progress.tps},
                                       {"diff", progress.diff_total()}});
    if (online) {
        object.set("version", version);
        object.set("type", type);
        object.set("model", model);
    }
    rows.add({group, std::to_string(count), online ? std::to_string(version) : "OFFLINE", type,
              model, fmt::format("{:.2f}", progress.tps), std::to_string(progress.diff_total())},
             std::move(object));
    return {};
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
    std::vector<Target> groups;
    for (const auto& topic : topics->topics)
        if (topic.starts_with(retry_prefix))
            groups.push_back({{}, topic.substr(retry_prefix.size()), {}, 0});
    cli::Rows rows(admin.out,
                   {"#Group", "#Count", "#Version", "#Type", "#Model", "#TPS", "#Diff Total"});
    const int status = admin.each(
        groups, [&](const Target& group) { return add_group(admin, options, group.name, rows); });
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
