// topicClusterList: the clusters of the brokers in the topic's route, 105.

#include <set>

#include "../admin.h"
#include "../commands.h"

namespace mqd::admin {

int topic_cluster_list(const Arguments& arguments) {
    std::string topic;
    Admin admin("topicClusterList", "print the clusters that have a topic");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.example("mqadmin topicClusterList -t orders", "a name a line");
    cli.example("mqadmin topicClusterList -t orders --out jsonl", "an object a line");
    cli.example("mqadmin topicClusterList -t orders | xargs -I{} mqadmin clusterList -c {}",
                "their brokers");
    if (const auto status = admin.start(arguments)) return *status;
    const auto brokers = admin.brokers_of(topic);
    if (!brokers) return cli.fail(brokers.error());
    std::set<std::string> clusters;
    for (const auto& broker : *brokers) clusters.insert(broker.cluster);
    cli::Rows rows(admin.out, {});
    for (const auto& cluster : clusters)
        rows.add({cluster}, json::Value::object({{"topic", topic}, {"cluster", cluster}}));
    return cli.finish(rows.print());
}

}  // namespace mqd::admin
