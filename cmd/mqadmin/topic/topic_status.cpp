// topicStatus: the route, 105, and GET_TOPIC_STATS_INFO 202 from each broker of it.

#include <fmt/format.h>

#include <algorithm>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/bodies/stats.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::admin {

int topic_status(const Arguments& arguments) {
    std::string topic, cluster;
    Admin admin("topicStatus", "print the offsets of each queue of a topic");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.option("-c,--cluster", cluster, "CLUSTER", "only the brokers of this cluster");
    cli.example("mqadmin topicStatus -t orders", "all queues");
    cli.example("mqadmin topicStatus -t orders -c DefaultCluster", "of one cluster");
    cli.example("mqadmin topicStatus -t orders --out json | jq '[.rows[].messages] | add'",
                "number of all messages");
    if (const auto status = admin.start(arguments)) return *status;

    const auto brokers = admin.brokers_of(topic, cluster);
    if (!brokers) return cli.fail(brokers.error());

    std::vector<std::pair<wire::MessageQueue, wire::TopicOffset>> offsets;
    double tps = 0;
    const int status = admin.each(*brokers, [&](const Target& broker) -> Result<> {
        TRY(const auto answer, admin.call(broker.address, wire::request_code::get_topic_stats_info,
                                          wire::TopicHeader{topic}));
        TRY(const auto table, wire::TopicStatsTable::read(answer.body));
        offsets.insert(offsets.end(), table.offsets.begin(), table.offsets.end());
        tps += table.topic_put_tps;
        return {};
    });
    std::ranges::sort(offsets, {}, [](const auto& entry) { return entry.first; });

    cli::Rows rows(admin.out,
                   {"#Broker Name", "#QID", "#Min Offset", "#Max Offset", "#Last Updated"});
    for (const auto& [queue, offset] : offsets) {
        auto object = json::Value::object({{"topic", topic},
                                           {"broker", queue.broker_name},
                                           {"queueId", queue.queue_id},
                                           {"minOffset", offset.min_offset},
                                           {"maxOffset", offset.max_offset},
                                           {"messages", offset.max_offset - offset.min_offset}});
        if (offset.last_update_timestamp > 0) {
            object.set("lastUpdate", offset.last_update_timestamp);
            object.set("lastUpdateTime", format_time(offset.last_update_timestamp));
        }
        rows.add(
            {queue.broker_name, std::to_string(queue.queue_id), std::to_string(offset.min_offset),
             std::to_string(offset.max_offset), time_cell(offset.last_update_timestamp)},
            std::move(object));
    }
    rows.totals({fmt::format("Topic Put TPS: {}", tps)}, json::Value::object({{"putTps", tps}}));
    return admin.print(status, rows);
}

}  // namespace mqd::admin
