// mqdump queue: the units of a consume queue, of any of the three kinds.

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "cli/parser.h"
#include "cli/row_stream.h"
#include "cli/signals.h"
#include "commands.h"
#include "input.h"
#include "store/queue/delay_levels.h"
#include "store/check/scan_units.h"

namespace mqd::dump {
namespace {

using Kind = store::QueueScan::Kind;

std::string hex(Bytes bytes) {
    std::string out;
    for (const auto byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned>(byte));
    return out;
}

std::vector<std::string> columns_of(Kind kind) {
    switch (kind) {
        case Kind::plain:
            return {"OFFSET", "LOG OFFSET", "SIZE", "TAGS CODE", "EXTENSION"};
        case Kind::batch:
            return {"OFFSET", "MESSAGES", "LOG OFFSET", "SIZE", "TAGS CODE", "STORED"};
        case Kind::extension:
            break;
    }
    return {"ADDRESS", "SIZE", "TAGS CODE", "STORED", "BITMAP"};
}

std::string extension_cell(const store::QueueUnit& unit, bool due) {
    if (due) return "due " + format_time(unit.tags_code);
    if (!unit.address) return {};
    if (!unit.extension) return fmt::format("{} (nothing there)", *unit.address);
    return fmt::format("{} {} {}", *unit.address, format_time(unit.store_ts_ms),
                       hex(unit.extension->bitmap));
}

Result<> print(Kind kind, const store::QueueUnit& unit, bool schedule, cli::RowStream& rows) {
    std::vector<std::string> cells;
    auto object = json::Value::object();
    const auto tags = std::to_string(unit.tags_code);
    // An address that leads nowhere is no time.
    const bool due = schedule && (!unit.address || unit.extension) && unit.tags_code > 0;
    if (kind != Kind::extension) {
        object.set("offset", unit.offset);
        if (kind == Kind::batch) object.set("messages", unit.count);
        object.set("log_offset", unit.at.value);
    }
    if (unit.address) object.set("address", *unit.address);
    if (kind == Kind::extension || !unit.address) object.set("size", unit.bytes);
    if (kind == Kind::plain && unit.address) {
        object.set("size", unit.bytes);
        if (unit.extension)
            object.set("extension_size", static_cast<std::int64_t>(unit.extension->bytes));
    }
    if (!unit.address || unit.extension) object.set("tags_code", unit.tags_code);
    if (unit.store_ts_ms >= 0) object.set("store_ts", unit.store_ts_ms);
    if (unit.extension) object.set("bitmap", hex(unit.extension->bitmap));
    if (due) object.set("due_ts", unit.tags_code);
    switch (kind) {
        case Kind::plain:
            cells = {std::to_string(unit.offset), std::to_string(unit.at.value),
                     std::to_string(unit.bytes), unit.address && !unit.extension ? "-" : tags,
                     extension_cell(unit, due)};
            break;
        case Kind::batch:
            cells = {std::to_string(unit.offset),
                     std::to_string(unit.count),
                     std::to_string(unit.at.value),
                     std::to_string(unit.bytes),
                     tags,
                     format_time(unit.store_ts_ms)};
            break;
        case Kind::extension:
            cells = {std::to_string(*unit.address), std::to_string(unit.bytes), tags,
                     format_time(unit.store_ts_ms), hex(unit.extension->bitmap)};
            break;
    }
    return rows.add(cells, object);
}

}  // namespace

int queue_command(const std::vector<std::string>& arguments) {
    std::string path;
    std::optional<std::string> topic, queue;
    std::optional<std::int64_t> from, count;
    auto out = cli::RowsOut::table;
    cli::Parser cli("mqdump queue", "print the units of a consume queue: where its messages are");
    cli.positional("STORE|FILE", path,
                   "directory of a store, or one file of a queue of any kind, compressed or not; "
                   "-: standard input");
    cli.positional("TOPIC", topic, "topic, if STORE is given");
    cli.positional("QUEUE", queue, "number of the queue");
    cli.option("--from", from, "N", "from this queue offset on; -N: the last N units");
    cli.option("-c,--count", count, "N", "stop after N units");
    cli::add_out_option(cli, out);
    cli.example("mqdump queue /var/lib/mqd orders 0 --from -10", "the newest ten units");
    cli.example("mqdump queue store orders 3 --out jsonl | jq .log_offset", "offsets in the log");
    cli.example("mqdump queue store/consumequeue_ext/orders/0/00000000000000000000",
                "one file of the extension");
    if (const auto status = cli.parse(arguments)) return *status;

    const auto input = Input::open(path);
    if (!input) return cli.fail(input.error());
    const bool whole_store = input->is_folder();
    const auto id = parse_int<std::int32_t>(queue.value_or(""));
    if (whole_store && !queue) return cli.usage_error("TOPIC and QUEUE are required with a store");
    if (!whole_store && topic)
        return cli.usage_error("TOPIC and QUEUE are only for a store, not for a file");
    if (whole_store && (!id || *id < 0))
        return cli.usage_error(fmt::format("QUEUE: '{}' is not the number of a queue", *queue));

    const auto run = [&]() -> Result<> {
        TRY(const auto scan, whole_store
                                 ? store::QueueScan::open(input->places(), *topic, *id)
                                 : store::QueueScan::open_file(input->path(), input->name()));
        const bool schedule = whole_store
                                  ? *topic == store::schedule_topic
                                  : input->name().find(store::schedule_topic) != std::string::npos;
        if (from)
            TRY_OK(*from < 0 ? scan->seek_back(-std::max(*from, -INT64_MAX)) : scan->seek(*from));
        cli::RowStream rows(out, columns_of(scan->kind()));
        for (std::int64_t n = 0; !cli::interrupted() && !(count && n >= *count); ++n) {
            TRY(const auto unit, scan->next());
            if (!unit) break;
            TRY_OK(print(scan->kind(), *unit, schedule, rows));
        }
        return rows.finish();
    };
    return cli.finish(run());
}

}  // namespace mqd::dump
