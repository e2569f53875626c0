// brokerConsumeStats: GET_BROKER_CONSUME_STATS 317 of one broker.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/bodies/consumers.h"
#include "wire/codes.h"
#include "wire/headers/consumers.h"

namespace mqd::admin {
namespace {

void add_rows(cli::Rows& rows, const wire::BrokerConsumeStats& stats, std::int64_t level) {
    for (const auto& [group, tables] : stats.groups)
        for (const auto& table : tables)
            for (const auto& [queue, o] : table.offsets) {
                const auto diff = o.broker_offset - o.consumer_offset;
                if (diff < level) continue;
                rows.add({queue.topic, group, queue.broker_name, std::to_string(queue.queue_id),
                          std::to_string(o.broker_offset), std::to_string(o.consumer_offset),
                          std::to_string(diff), time_cell(o.last_timestamp)},
                         json::Value::object({{"topic", queue.topic},
                                              {"group", group},
                                              {"broker", queue.broker_name},
                                              {"queueId", queue.queue_id},
                                              {"brokerOffset", o.broker_offset},
                                              {"consumerOffset", o.consumer_offset},
                                              {"diff", diff},
                                              {"lastTimestamp", o.last_timestamp}}));
            }
}

}  // namespace

int broker_consume_stats(const Arguments& arguments) {
    std::string broker;
    std::int64_t level = 0, timeout_ms = 0;
    bool is_order = false;
    Admin admin("brokerConsumeStats", "print how far all groups are on one broker");
    auto& cli = admin.cli;
    cli.required("-b,--brokerAddr", broker, "HOST:PORT", "this broker");
    cli.option("-t,--timeoutMillis", timeout_ms, "MS", "taken, and not needed: --timeout counts");
    cli.option("-l,--level", level, "N", "only queues with N messages left or more (default: 0)");
    cli.option("-o,--order", is_order, parse_bool, "true|false", "only ordered topics");
    cli.example("mqadmin brokerConsumeStats -b 127.0.0.1:10911", "all groups");
    cli.example("mqadmin brokerConsumeStats -b 127.0.0.1:10911 -l 1000",
                "where 1,000 messages or more are left");
    cli.example("mqadmin brokerConsumeStats -b 127.0.0.1:10911 --out json | jq .totals.diff",
                "all that is left");
    if (const auto status = admin.start(arguments)) return *status;
    cli::Rows rows(admin.out, {"#Topic", "#Group", "#Broker Name", "#QID", "#Broker Offset",
                               "#Consumer Offset", "#Diff", "#LastTime"});
    const int status =
        admin.ask({{{}, {}, broker, 0}}, wire::request_code::get_broker_consume_stats,
                  wire::GetBrokerConsumeStats{is_order}, {},
                  [&](const Target&, const remoting::Answer& answer) -> Result<> {
                      TRY(const auto stats, wire::BrokerConsumeStats::read(answer.body));
                      add_rows(rows, stats, level);
                      rows.totals({fmt::format("Diff Total: {}", stats.total_diff)},
                                  json::Value::object({{"diff", stats.total_diff},
                                                       {"inflight", stats.total_inflight_diff}}));
                      return {};
                  });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
