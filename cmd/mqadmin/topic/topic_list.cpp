// topicList: GET_ALL_TOPIC_LIST_FROM_NAMESERVER 206, and which of them are the system's, 304 and
// 305; with -c also the route, 105, and the groups,
// 300, of each topic.

#include <fmt/format.h>

#include <algorithm>

#include "../admin.h"
#include "../commands.h"
#include "wire/bodies/groups.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

Result<std::vector<std::string>> all_topics(Admin& admin) {
    TRY(const auto answer,
        admin.call_namesrv(wire::request_code::get_all_topic_list_from_nameserver, NoHeader{}));
    TRY(auto list, wire::TopicList::read(answer.body));
    std::ranges::sort(list.topics);
    return std::move(list.topics);
}

// Names of clusters and brokers are topics too. Servers that do not say are none the worse.
std::vector<std::string> system_topics(Admin& admin) {
    std::vector<std::string> names;
    const auto add = [&](const Result<remoting::Answer>& answer) {
        auto list =
            answer ? wire::TopicList::read(answer->body) : Result<wire::TopicList>(answer.error());
        if (!list) return std::string();
        names.insert(names.end(), list->topics.begin(), list->topics.end());
        return list->broker_addr;
    };
    using namespace wire::request_code;
    const auto broker = add(admin.call_namesrv(get_system_topic_list_from_ns, NoHeader{}));
    if (!broker.empty()) add(admin.call(broker, get_system_topic_list_from_broker, NoHeader{}));
    return names;
}

// A row for each cluster and group; a topic without groups has one of its own.
Result<> add_topic(Admin& admin, const std::string& topic, std::string_view type, cli::Rows& rows) {
    TRY(const auto brokers, admin.brokers_of(topic));
    std::vector<std::string> clusters;
    auto names = json::Value::array();
    for (const auto& broker : brokers) {
        if (std::ranges::find(clusters, broker.cluster) == clusters.end())
            clusters.push_back(broker.cluster);
        names.push(broker.name);
    }
    wire::GroupList groups;
    if (!brokers.empty()) {
        TRY(const auto answer,
            admin.call(brokers.front().address, wire::request_code::query_topic_consume_by_who,
                       wire::TopicHeader{topic}));
        TRY(groups, wire::GroupList::read(answer.body));
    }
    std::ranges::sort(groups.groups);
    auto group_names = json::Value::array();
    for (const auto& group : groups.groups) group_names.push(group);
    for (const auto& cluster : clusters) {
        auto object = json::Value::object({{"topic", topic},
                                           {"cluster", cluster},
                                           {"type", type},
                                           {"groups", group_names},
                                           {"brokers", names}});
        // One object, but in the table a line for each group.
        if (groups.groups.empty()) {
            rows.add({cluster, topic, ""}, std::move(object));
            continue;
        }
        std::vector<std::vector<std::string>> lines;
        for (const auto& group : groups.groups) lines.push_back({cluster, topic, group});
        rows.add_lines(std::move(lines), std::move(object));
    }
    return {};
}

}  // namespace

int topic_list(const Arguments& arguments) {
    bool by_cluster = false;
    Admin admin("topicList", "print all topics that the name server knows");
    auto& cli = admin.cli;
    cli.flag("-c,--clusterModel", by_cluster, "print cluster and consumer groups too");
    cli.example("mqadmin topicList", "names of all topics");
    cli.example("mqadmin topicList -c", "with cluster and groups");
    cli.example("mqadmin topicList --out json | jq -r '.[] | select(.type==\"normal\").topic'",
                "topics other than retry, dead letter and system topics");
    if (const auto status = admin.start(arguments)) return *status;

    const auto topics = all_topics(admin);
    if (!topics) return cli.fail(topics.error());
    const auto system = system_topics(admin);
    const auto type_of = [&](const std::string& topic) {
        return std::ranges::find(system, topic) == system.end() ? topic_type(topic) : "system";
    };
    int status = 0;
    using Columns = std::vector<std::string>;
    cli::Rows rows(admin.out,
                   by_cluster ? Columns{"#Cluster Name", "#Topic", "#Consumer Group"} : Columns{});
    if (by_cluster) {
        std::vector<Target> targets;
        for (const auto& topic : *topics)
            if (!topic.starts_with(retry_prefix) && !topic.starts_with(dlq_prefix))
                targets.push_back({{}, topic, {}, 0});
        status = admin.each(targets, [&](const Target& target) {
            return add_topic(admin, target.name, type_of(target.name), rows);
        });
    } else {
        for (const auto& topic : *topics)
            rows.add({topic}, json::Value::object({{"topic", topic}, {"type", type_of(topic)}}));
    }
    return admin.print(status, rows);
}

}  // namespace mqd::admin
