// mqdump groups: what the consumer groups have consumed, from the files alone.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/parser.h"
#include "cli/row_stream.h"
#include "commands.h"
#include "find_store.h"
#include "store/check/scan.h"
#include "store/check/scan_tables.h"

namespace mqd::dump {
namespace {

using Queues = std::map<std::pair<std::string, std::int32_t>, store::QueueSummary>;

Result<> print(const store::CommittedOffset& offset, const Queues& queues, cli::RowStream& rows) {
    const auto queue = queues.find({offset.topic, offset.queue});
    auto object = json::Value::object({{"group", offset.group},
                                       {"topic", offset.topic},
                                       {"queue", offset.queue},
                                       {"offset", offset.next}});
    std::string min = "-", max = "-", lag = "-";
    if (queue != queues.end()) {
        const auto& is = queue->second;
        object.set("min", is.min.value);
        object.set("max", is.max.value);
        object.set("lag", is.max.value - offset.next);
        min = std::to_string(is.min.value);
        max = std::to_string(is.max.value);
        lag = std::to_string(is.max.value - offset.next);
    }
    return rows.add({offset.group, offset.topic, std::to_string(offset.queue),
                     std::to_string(offset.next), min, max, lag},
                    object);
}

}  // namespace

int groups_command(const std::vector<std::string>& arguments) {
    std::string path;
    std::vector<std::string> groups;
    auto out = cli::RowsOut::table;
    cli::Parser cli("mqdump groups", "print committed offsets and lag of each consumer group");
    cli.positional("STORE", path, "directory of a store, or the configuration file of its broker");
    cli.option("-g,--group", groups, "G", "only this group; may be repeated");
    cli::add_out_option(cli, out);
    cli.example("mqdump groups /var/lib/mqd", "all groups");
    cli.example("mqdump groups /var/lib/mqd -g billing", "one group");
    cli.example("mqdump groups store --out json | jq 'map(select(.lag > 0))'",
                "groups that have messages left to read");
    if (const auto status = cli.parse(arguments)) return *status;

    const auto run = [&]() -> Result<> {
        TRY(const auto store, find_store(path));
        TRY(const auto log, store::LogScan::open(store));
        TRY(const auto offsets,
            store::scan_offsets(store.root(), [&](auto what) { cli.warn(what); }));
        TRY(auto summaries, store::scan_queues(store, log->begin()));
        Queues queues;
        for (auto& queue : summaries) {
            const std::pair key(queue.topic, queue.id);
            queues.emplace(key, std::move(queue));
        }
        cli::RowStream rows(out, {"GROUP", "TOPIC", "QUEUE", "OFFSET", "MIN", "MAX", "LAG"});
        std::set<std::string> missing(groups.begin(), groups.end());
        const std::size_t wanted_count = missing.size();
        for (const auto& offset : offsets) {
            if (!groups.empty() && std::ranges::find(groups, offset.group) == groups.end())
                continue;
            missing.erase(offset.group);
            TRY_OK(print(offset, queues, rows));
        }
        const bool is_all = wanted_count > 0 && missing.size() == wanted_count;
        if (!is_all) TRY_OK(rows.finish());
        if (missing.empty()) return {};
        // Some of what was asked for has been done.
        return Error{
            is_all ? Errc::not_found : Errc::io,
            fmt::format("{}: group '{}' has committed nothing", path, fmt::join(missing, "', '"))};
    };
    return cli.finish(run());
}

}  // namespace mqd::dump
