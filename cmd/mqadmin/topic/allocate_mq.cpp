// allocateMQ: how the strategy AVG shares a topic's queues among members (mqd-remoting(7), SHARING
// QUEUES); the route, 105.

#include <fmt/format.h>

#include <algorithm>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "client/allocate.h"
#include "message/sys_flag.h"
#include "wire/bodies/queues.h"

namespace mqd::admin {

int allocate_mq(const Arguments& arguments) {
    std::string topic, list;
    Admin admin("allocateMQ", "print which members would have which queues of a topic");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.required("-i,--ipList", list, "NAME,...", "the members");
    cli.example("mqadmin allocateMQ -t orders -i 10.0.0.1,10.0.0.2", "shared by two");
    cli.example("mqadmin allocateMQ -t orders -i a,b,c --out jsonl", "a line a queue, as JSON");
    cli.example(
        "mqadmin allocateMQ -t orders -i a,b,c --out json | jq 'group_by(.member) | "
        "map(length)'",
        "how many each has");
    if (const auto status = admin.start(arguments)) return *status;
    const auto route = admin.route(topic);
    if (!route) return cli.fail(route.error());
    std::vector<wire::MessageQueue> queues;
    for (const auto& data : route->queues) {
        if ((data.perm & message::perm::read) == 0) continue;
        for (std::int32_t id = 0; id < data.read_queue_nums; ++id)
            queues.push_back({data.broker_name, id, topic});
    }
    std::ranges::sort(queues);
    std::vector<std::string> members;
    for (const auto name : split(list, ','))
        if (!trimmed(name).empty()) members.emplace_back(trimmed(name));
    cli::Rows rows(admin.out, {"#Member", "#Broker Name", "#QID"});
    for (const auto& member : members) {
        const auto [begin, end] = client::average_share(queues.size(), members, member);
        for (std::size_t i = begin; i < end; ++i)
            rows.add({member, queues[i].broker_name, std::to_string(queues[i].queue_id)},
                     json::Value::object({{"member", member},
                                          {"topic", topic},
                                          {"broker", queues[i].broker_name},
                                          {"queueId", queues[i].queue_id}}));
    }
    return cli.finish(rows.print());
}

}  // namespace mqd::admin
