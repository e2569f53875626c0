// resetOffsetByTime and skipAccumulatedMessage: INVOKE_BROKER_TO_RESET_OFFSET 222 of each broker of
// the topic; cloneGroupOffset: the offsets of one group, 208, given to another, 15.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/bodies/consumers.h"
#include "wire/bodies/stats.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"
#include "wire/headers/consumers.h"
#include "wire/headers/offsets.h"

namespace mqd::admin {
namespace {

struct Reset {
    std::string group, topic, cluster, broker;
    std::int64_t timestamp = 0;
    bool is_force = true;
    std::optional<std::int32_t> queue;
    std::optional<std::int64_t> offset;

    void options(cli::Parser& cli) {
        cli.required("-g,--group", group, "GROUP", "name of the group");
        cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
        cli.option("-f,--force", is_force, parse_bool, "true|false",
                   "forwards too, not only back (default: true)");
        cli.option("-c,--cluster", cluster, "CLUSTER", "only the brokers of this cluster");
    }
};

int reset(Admin& admin, const Reset& is) {
    auto& cli = admin.cli;
    std::vector<Target> targets = {{{}, {}, is.broker, 0}};
    if (is.broker.empty()) {
        auto brokers = admin.brokers_of(is.topic, is.cluster);
        if (!brokers) return cli.fail(brokers.error());
        targets = std::move(*brokers);
    }
    wire::ResetOffset header;
    header.topic = is.topic;
    header.group = is.group;
    header.timestamp = is.timestamp;
    header.is_force = is.is_force;
    header.queue_id = is.queue;
    header.offset = is.offset;
    cli::Rows rows(admin.out, {"#brokerName", "#queueId", "#offset"});
    const int status = admin.ask(
        targets, wire::request_code::invoke_broker_to_reset_offset, header, {},
        [&](const Target&, const remoting::Answer& answer) -> Result<> {
            TRY(const auto table, wire::ResetOffsetBody::read(answer.body));
            for (const auto& [queue, offset] : table.offsets)
                rows.add(
                    {queue.broker_name, std::to_string(queue.queue_id), std::to_string(offset)},
                    json::Value::object({{"group", is.group},
                                         {"topic", is.topic},
                                         {"broker", queue.broker_name},
                                         {"queueId", queue.queue_id},
                                         {"offset", offset}}));
            return {};
        });
    return admin.print(status, rows);
}

}  // namespace

int reset_offset_by_time(const Arguments& arguments) {
    Reset is;
    Admin admin("resetOffsetByTime", "move a group to a time, or to an offset of one queue");
    auto& cli = admin.cli;
    is.options(cli);
    cli.required("-s,--timestamp", is.timestamp, parse_admin_time, "TIME",
                 "milliseconds, now, -1h, 2026-11-30T10:00 or 2026-11-30#10:00:00:000");
    cli.option("-b,--broker", is.broker, "HOST:PORT", "with -q: this broker");
    cli.option("-q,--queue", is.queue, "N", "with -b: only this queue");
    cli.option("-o,--offset", is.offset, "N", "with -q: to this offset, whatever the time");
    cli.example("mqadmin resetOffsetByTime -g billing -t orders -s -1h",
                "consume the last hour again");
    cli.example("mqadmin resetOffsetByTime -g billing -t orders -s now", "skip what is left");
    cli.example("mqadmin resetOffsetByTime -g billing -t orders -s 0 -b 127.0.0.1:10911 -q 0 -o 5",
                "one queue, to message 5");
    if (const auto status = admin.start(arguments)) return *status;
    if (is.broker.empty() != !is.queue.has_value())
        return cli.usage_error("-b and -q belong together");
    if (is.offset && !is.queue) return cli.usage_error("-o needs -b and -q");
    return reset(admin, is);
}

int skip_accumulated_message(const Arguments& arguments) {
    Reset is;
    is.timestamp = -1;
    Admin admin("skipAccumulatedMessage", "move a group to the end: it skips what it has not read");
    is.options(admin.cli);
    admin.cli.example("mqadmin skipAccumulatedMessage -g billing -t orders", "all queues");
    admin.cli.example("mqadmin skipAccumulatedMessage -g billing -t orders -c DefaultCluster",
                      "of one cluster");
    admin.cli.example("mqadmin skipAccumulatedMessage -g billing -t orders --out jsonl",
                      "print the new offsets as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    return reset(admin, is);
}

int clone_group_offset(const Arguments& arguments) {
    std::string from, to, topic;
    bool offline = true;
    Admin admin("cloneGroupOffset", "give a group the offsets that another one has");
    auto& cli = admin.cli;
    cli.required("-s,--srcGroup", from, "GROUP", "the group that has them");
    cli.required("-d,--destGroup", to, "GROUP", "the group that gets them");
    cli.required("-t,--topic", topic, "TOPIC", "of this topic");
    cli.option("-o,--offline", offline, parse_bool, "true|false",
               "taken for the sake of scripts; it makes no difference");
    cli.example("mqadmin cloneGroupOffset -s billing -d audit -t orders -o true",
                "audit goes on where billing is");
    cli.example("mqadmin cloneGroupOffset -s billing -d audit -t orders -o true --out jsonl",
                "print the offsets as JSON");
    cli.example(
        "mqadmin cloneGroupOffset -s old -d new -t orders -o true && "
        "mqadmin deleteSubGroup -c DefaultCluster -g old --yes",
        "rename a group");
    if (const auto status = admin.start(arguments)) return *status;
    const auto brokers = admin.brokers_of(topic);
    if (!brokers) return cli.fail(brokers.error());
    cli::Rows rows(admin.out, {"#Broker Name", "#QID", "#Offset"});
    wire::GetConsumeStats header;
    header.consumer_group = from;
    header.topic = topic;
    const int status =
        admin.ask(*brokers, wire::request_code::get_consume_stats, header, {},
                  [&](const Target& broker, const remoting::Answer& answer) -> Result<> {
                      TRY(const auto stats, wire::ConsumeStats::read(answer.body));
                      for (const auto& [queue, o] : stats.offsets) {
                          wire::UpdateConsumerOffset commit;
                          commit.consumer_group = to;
                          commit.topic = topic;
                          commit.queue_id = queue.queue_id;
                          commit.commit_offset = o.consumer_offset;
                          TRY_OK(admin.call(broker.address,
                                            wire::request_code::update_consumer_offset, commit));
                          rows.add({queue.broker_name, std::to_string(queue.queue_id),
                                    std::to_string(o.consumer_offset)},
                                   json::Value::object({{"group", to},
                                                        {"topic", topic},
                                                        {"broker", queue.broker_name},
                                                        {"queueId", queue.queue_id},
                                                        {"offset", o.consumer_offset}}));
                      }
                      return {};
                  });
    if (status == 0 && rows.size() == 0)
        return cli.fail(
            {Errc::not_found, fmt::format("group '{}' has no offsets of topic '{}'", from, topic)});
    return admin.print(status, rows);
}

}  // namespace mqd::admin
