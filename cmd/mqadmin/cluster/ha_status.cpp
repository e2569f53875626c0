// haStatus: GET_BROKER_HA_STATUS 907.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/codes.h"

namespace mqd::admin {
namespace {

std::string speed(const json::Value& is) {
    return fmt::format("{:.2f}",
                       static_cast<double>(is["transferredByteInSecond"].as_int()) / 1024);
}

json::Value slave_value(const json::Value& is) {
    return json::Value::object({{"addr", is["addr"].as_text()},
                                {"ackOffset", is["slaveAckOffset"].as_int()},
                                {"diff", is["diff"].as_int()},
                                {"bytesPerSecond", is["transferredByteInSecond"].as_int()},
                                {"inSync", is["inSync"].as_bool()},
                                {"transferFrom", is["transferFromWhere"].as_int()}});
}

void add_master(cli::Rows& rows, const Target& target, const json::Value& is) {
    cli::TextTable all({"#SlaveAddr", "#SlaveAckOffset", "#Diff", "#TransferSpeed(KB/s)", "#Status",
                        "#TransferFromWhere"});
    std::vector<json::Value> slaves;
    for (const auto& slave : is["haConnectionInfo"].items()) {
        all.add({slave["addr"].as_text(), std::to_string(slave["slaveAckOffset"].as_int()),
                 std::to_string(slave["diff"].as_int()), speed(slave),
                 slave["inSync"].as_bool() ? "OK" : "Fall Behind",
                 std::to_string(slave["transferFromWhere"].as_int())});
        slaves.push_back(slave_value(slave));
    }
    std::vector<std::vector<std::string>> lines = {
        {fmt::format("#MasterAddr\t{}", target.address)},
        {fmt::format("#MasterCommitLogMaxOffset\t{}", is["masterCommitLogMaxOffset"].as_int())},
        {fmt::format("#SlaveNum\t{}", slaves.size())},
        {fmt::format("#InSyncSlaveNum\t{}", is["inSyncSlaveNums"].as_int())}};
    if (!slaves.empty()) lines.push_back({all.text()});
    rows.add_lines(std::move(lines),
                   json::Value::object({{"addr", target.address},
                                        {"master", true},
                                        {"maxOffset", is["masterCommitLogMaxOffset"].as_int()},
                                        {"inSyncSlaves", is["inSyncSlaveNums"].as_int()},
                                        {"slaves", json::Value::array(std::move(slaves))}}));
}

void add_slave(cli::Rows& rows, const Target& target, const json::Value& is) {
    const auto& own = is["haClientRuntimeInfo"];
    cli::TextTable table({"#MasterAddr", "#CommitLogMaxOffset", "#TransferSpeed(KB/s)",
                          "#LastReadTime", "#LastWriteTime", "#MasterFlushOffset"});
    table.add({own["masterAddr"].as_text(), std::to_string(own["maxOffset"].as_int()), speed(own),
               time_cell(own["lastReadTimestamp"].as_int()),
               time_cell(own["lastWriteTimestamp"].as_int()),
               std::to_string(own["masterFlushOffset"].as_int())});
    rows.add_lines({{table.text()}},
                   json::Value::object({{"addr", target.address},
                                        {"master", false},
                                        {"masterAddr", own["masterAddr"].as_text()},
                                        {"maxOffset", own["maxOffset"].as_int()},
                                        {"masterFlushOffset", own["masterFlushOffset"].as_int()},
                                        {"lastRead", own["lastReadTimestamp"].as_int()},
                                        {"lastWrite", own["lastWriteTimestamp"].as_int()}}));
}

}  // namespace

int ha_status(const Arguments& arguments) {
    Where where;
    Admin admin("haStatus", "print how far the slaves of brokers are");
    auto& cli = admin.cli;
    admin.where(where);
    cli.example("mqadmin haStatus -b 127.0.0.1:10911", "of one broker");
    cli.example("mqadmin haStatus -c DefaultCluster", "of all masters");
    cli.example("mqadmin haStatus -c DefaultCluster --out json | jq '.[].maxOffset'",
                "the ends of their logs");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    const int status = admin.ask(
        *targets, wire::request_code::get_broker_ha_status, NoHeader{}, {},
        [&](const Target& target, const remoting::Answer& answer) -> Result<> {
            TRY(const auto is, json::parse(answer.body));
            is["master"].as_bool() ? add_master(rows, target, is) : add_slave(rows, target, is);
            return {};
        });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
