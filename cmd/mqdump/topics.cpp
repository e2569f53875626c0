// mqdump topics: the topic table.

#include <fmt/format.h>

#include "cli/parser.h"
#include "cli/row_stream.h"
#include "commands.h"
#include "find_store.h"
#include "message/sys_flag.h"
#include "store/check/scan.h"
#include "store/check/scan_tables.h"

namespace mqd::dump {
namespace {

std::string permissions(std::int32_t perm) {
    std::string out;
    out += (perm & message::perm::read) != 0 ? 'R' : '-';
    out += (perm & message::perm::write) != 0 ? 'W' : '-';
    out += (perm & message::perm::inherit) != 0 ? 'X' : '-';
    return out;
}

Result<> print(const store::StoredTopic& topic, cli::RowStream& rows) {
    std::string attributes;
    auto object = json::Value::object({{"topic", topic.name},
                                       {"read_queues", topic.read_queues},
                                       {"write_queues", topic.write_queues},
                                       {"perm", topic.perm},
                                       {"order", topic.order},
                                       {"sys_flag", topic.sys_flag},
                                       {"filter_type", topic.filter_type}});
    auto values = json::Value::object();
    for (const auto& [name, value] : topic.attributes) {
        values.set(name, value);
        attributes += fmt::format("{}{}={}", attributes.empty() ? "" : " ", name, value);
    }
    if (!topic.attributes.empty()) object.set("attributes", std::move(values));
    return rows.add(
        {topic.name, std::to_string(topic.read_queues), std::to_string(topic.write_queues),
         permissions(topic.perm), topic.order ? "yes" : "no", attributes},
        object);
}

}  // namespace

int topics_command(const std::vector<std::string>& arguments) {
    std::string path;
    auto out = cli::RowsOut::table;
    cli::Parser cli("mqdump topics", "print the topic table");
    cli.positional("STORE", path, "directory of a store, or the configuration file of its broker");
    cli::add_out_option(cli, out);
    cli.example("mqdump topics /var/lib/mqd", "all topics with queues, permission and attributes");
    cli.example("mqdump topics /var/lib/mqd --out json | jq -r '.[].topic'", "names of all topics");
    cli.example("mqdump topics store --out jsonl | jq 'select(.perm != 6)'",
                "topics that do not allow both reading and writing");
    if (const auto status = cli.parse(arguments)) return *status;

    const auto run = [&]() -> Result<> {
        TRY(const auto store, find_store(path));
        TRY_OK(store::LogScan::open(store));  // else a wrong path would be a store without topics
        TRY(const auto topics,
            store::scan_topics(store.root(), [&](auto what) { cli.warn(what); }));
        cli::RowStream rows(out, {"TOPIC", "READ", "WRITE", "PERM", "ORDER", "ATTRIBUTES"});
        for (const auto& topic : topics) TRY_OK(print(topic, rows));
        return rows.finish();
    };
    return cli.finish(run());
}

}  // namespace mqd::dump
