// mqdump timers: what is still to be delivered, by time.

#include <fmt/format.h>

#include "base/parse.h"
#include "cli/parser.h"
#include "cli/row_stream.h"
#include "cli/signals.h"
#include "commands.h"
#include "find_store.h"
#include "lookup.h"
#include "message/properties.h"
#include "store/check/scan_timers.h"

namespace mqd::dump {
namespace {

std::string due_text(std::int64_t ms) {
    return ms > 0 ? format_time(ms) : "-";
}

Result<> print(const store::Pending& pending, store::LogScan& log, cli::RowStream& rows) {
    const auto kind = pending.level > 0 ? fmt::format("level {}", pending.level) : "timer";
    const auto at = std::to_string(pending.at.value);
    auto object = json::Value::object(
        {{"due_ts", pending.due_ms}, {"kind", pending.level > 0 ? "level" : "timer"}});
    if (pending.level > 0) object.set("level", pending.level);
    object.set("log_offset", pending.at.value);
    if (pending.offset >= 0) object.set("offset", pending.offset);
    const auto record = log.record_at(pending.at);
    if (!record) {
        if (record.error().code != Errc::not_found && record.error().code != Errc::corrupt)
            return record.error();
        object.set("record", "gone");
        return rows.add({due_text(pending.due_ms), kind, "-", "-", at, "gone"}, object);
    }
    const auto property = [&](std::string_view name) {
        return std::string(message::find_property(record->properties, name).value_or(""));
    };
    const auto topic = property(message::property::real_topic);
    const auto queue = parse_int<std::int32_t>(property(message::property::real_qid));
    object.set("topic", topic);
    if (queue) object.set("queue", *queue);
    object.set("size", static_cast<std::int64_t>(record->bytes.size()));
    object.set("store_ts", record->store_ts_ms);
    object.set("id", id_of(*record));
    return rows.add({due_text(pending.due_ms), kind, topic, queue ? std::to_string(*queue) : "-",
                     at, id_of(*record)},
                    object);
}

}  // namespace

int timers_command(const std::vector<std::string>& arguments) {
    std::string path;
    auto out = cli::RowsOut::table;
    cli::Parser cli("mqdump timers", "print delayed messages, by the time at which they are due");
    cli.positional("STORE", path, "directory of a store, or the configuration file of its broker");
    cli::add_out_option(cli, out);
    cli.example("mqdump timers /var/lib/mqd", "all delayed messages, the next one first");
    cli.example("mqdump timers /var/lib/mqd --out jsonl | jq -r .topic | sort | uniq -c",
                "number of delayed messages of each topic");
    cli.example("mqdump timers store --out jsonl | jq 'select(.due_ts < now * 1000)'",
                "messages that are overdue");
    if (const auto status = cli.parse(arguments)) return *status;

    const auto run = [&]() -> Result<> {
        TRY(const auto store, find_store(path));
        TRY(const auto log, store::LogScan::open(store));
        TRY(const auto pending, store::scan_pending(store.root(), *log));
        cli::RowStream rows(out, {"DUE", "KIND", "TOPIC", "QUEUE", "LOG OFFSET", "ID"});
        for (const auto& each : pending) {
            if (cli::interrupted()) break;
            TRY_OK(print(each, *log, rows));
        }
        return rows.finish();
    };
    return cli.finish(run());
}

}  // namespace mqd::dump
