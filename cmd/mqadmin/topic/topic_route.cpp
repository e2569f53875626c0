// topicRoute: GET_ROUTEINFO_BY_TOPIC 105.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "json/writer.h"

namespace mqd::admin {
namespace {

std::string addresses_text(const wire::BrokerData& broker) {
    std::string out;
    for (const auto& [id, address] : broker.broker_addrs)
        out += fmt::format("{}{}={}", out.empty() ? "" : ", ", id, address);
    return out;
}

json::Value addresses_value(const wire::BrokerData& broker) {
    auto addresses = json::Value::object();
    for (const auto& [id, address] : broker.broker_addrs)
        addresses.set(std::to_string(id), address);
    return addresses;
}

}  // namespace

int topic_route(const Arguments& arguments) {
    std::string topic;
    bool list = false;
    Admin admin("topicRoute", "print the route of a topic, as the name server has it");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.flag("-l,--list", list, "a line for each broker");
    cli.example("mqadmin topicRoute -t orders", "as JSON text");
    cli.example("mqadmin topicRoute -t orders -l", "a line for each broker");
    cli.example("mqadmin topicRoute -t orders --out jsonl", "an object for each broker");
    if (const auto status = admin.start(arguments)) return *status;

    const auto route = admin.route(topic);
    if (!route) return cli.fail(route.error());
    const bool as_text = admin.out == cli::RowsOut::table && !list;
    using Columns = std::vector<std::string>;
    cli::Rows rows(admin.out, as_text ? Columns{}
                                      : Columns{"#ClusterName", "#BrokerName", "#BrokerAddrs",
                                                "#ReadQueue", "#WriteQueue", "#Perm"});
    if (as_text) {
        const auto value = json::parse(wire::to_body(*route));
        rows.add({json::to_text(value ? *value : json::Value(), true)}, {});
        return cli.finish(rows.print());
    }
    std::int64_t reads = 0, writes = 0;
    for (const auto& queue : route->queues) {
        const auto* broker = route->broker(queue.broker_name);
        reads += queue.read_queue_nums;
        writes += queue.write_queue_nums;
        auto object = json::Value::object({{"topic", topic},
                                           {"brokerName", queue.broker_name},
                                           {"readQueueNums", queue.read_queue_nums},
                                           {"writeQueueNums", queue.write_queue_nums},
                                           {"perm", queue.perm},
                                           {"topicSysFlag", queue.topic_sys_flag}});
        if (broker != nullptr) {
            object.set("cluster", broker->cluster);
            object.set("brokers", addresses_value(*broker));
        }
        if (!route->order_topic_conf.empty()) object.set("orderTopicConf", route->order_topic_conf);
        rows.add({broker != nullptr ? broker->cluster : "", queue.broker_name,
                  broker != nullptr ? addresses_text(*broker) : "",
                  std::to_string(queue.read_queue_nums), std::to_string(queue.write_queue_nums),
                  std::to_string(queue.perm)},
                 std::move(object));
    }
    if (admin.out == cli::RowsOut::table)
        rows.totals({fmt::format("Total: {} read queues, {} write queues", reads, writes)}, {});
    return cli.finish(rows.print());
}

}  // namespace mqd::admin
