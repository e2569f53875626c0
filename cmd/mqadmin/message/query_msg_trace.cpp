// queryMsgTraceById: QUERY_MESSAGE 12 on the topic of the traces, whose keys are the ids.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "lookup.h"
#include "trace.h"

namespace mqd::admin {
namespace {

/// A SubAfter knows its group, its time and its host from the SubBefore of the same request.
void join(std::vector<Trace>& traces) {
    std::map<std::string, const Trace*> before;
    for (const auto& trace : traces)
        if (trace.type == "SubBefore") before[trace.request] = &trace;
    for (auto& trace : traces) {
        if (trace.type != "SubAfter") continue;
        const auto found = before.find(trace.request);
        if (found == before.end()) continue;
        const auto& first = *found->second;
        if (trace.group.empty()) trace.group = first.group;
        if (trace.client_host.empty()) trace.client_host = first.client_host;
        if (trace.time_ms <= 0) trace.time_ms = first.time_ms;
        trace.retry_times = first.retry_times;
    }
}

std::vector<Trace> traces_of(const std::vector<Found>& found, std::string_view id) {
    std::vector<Trace> all;
    for (const auto& one : found)
        for (auto& trace : traces_in(one.text())) {
            if (trace.client_host.empty()) trace.client_host = one.message.born_host.to_string();
            if (trace.id == id) all.push_back(std::move(trace));
        }
    join(all);
    std::ranges::stable_sort(all, {}, [](const Trace& trace) { return trace.time_ms; });
    return all;
}

std::string status_text(const Trace& trace) {
    if (!trace.transaction_state.empty()) return trace.transaction_state;
    if (!trace.has_outcome) return "unknown";
    return trace.is_success ? "success" : "failed";
}

}  // namespace

int query_msg_trace_by_id(const Arguments& arguments) {
    KeyQuery query;
    query.topic = "RMQ_SYS_TRACE_TOPIC";
    Admin admin("queryMsgTraceById", "print what clients have traced about a message");
    auto& cli = admin.cli;
    cli.required("-i,--msgId", query.key, "ID", "id of the message, as its sender made it");
    cli.option("-t,--traceTopic", query.topic, "TOPIC",
               "the topic with the traces (default: RMQ_SYS_TRACE_TOPIC)");
    cli.option("-b,--beginTimestamp", query.begin_ms, parse_admin_time, "TIME",
               "traced then or later");
    cli.option("-e,--endTimestamp", query.end_ms, parse_admin_time, "TIME",
               "traced then or before");
    cli.option("-c,--maxNum", query.max, "N", "up to N trace messages (default: 64)");
    cli.example("mqadmin queryMsgTraceById -i ID", "its producer and its consumers");
    cli.example("mqadmin queryMsgTraceById -i ID -t my_traces", "from a topic of one's own");
    cli.example("mqadmin queryMsgTraceById -i ID --out jsonl | jq .costMs", "how long each took");
    if (const auto status = admin.start(arguments)) return *status;
    const auto found = find_by_key(admin, query);
    if (!found) return cli.fail(found.error());
    const auto traces = traces_of(*found, query.key);
    if (traces.empty())
        return cli.fail({Errc::not_found, fmt::format("topic '{}' has no trace of message '{}'",
                                                      query.topic, query.key)});
    cli::Rows rows(admin.out, {"#Type", "#ProducerGroup/ConsumerGroup", "#ClientHost",
                               "#SendTime/ConsumerTime", "#CostTimes", "#Status"});
    for (const auto& trace : traces)
        rows.add({trace.type, trace.group, trace.client_host, time_cell(trace.time_ms),
                  trace.cost_ms < 0 ? "" : fmt::format("{}ms", trace.cost_ms), status_text(trace)},
                 trace.object());
    return cli.finish(rows.print());
}

}  // namespace mqd::admin
