// getBrokerConfig 26, updateBrokerConfig 25, getNamesrvConfig 319 and updateNamesrvConfig 318:
// properties as text, `key=value` a line.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/codes.h"

namespace mqd::admin {
namespace {

/// RocketMQ's brokers answer it, mqd's do not yet.
constexpr std::int32_t update_broker_config_code = 25;

/// A line a key: in the table `key = value`, after a line for each server.
void add_rows(cli::Rows& rows, const std::string& address, std::string_view properties) {
    std::vector<std::vector<std::string>> lines;
    lines.push_back({fmt::format("============{}============", address)});
    auto values = json::Value::object();
    for (const auto line : split(properties, '\n')) {
        const auto equals = line.find('=');
        if (line.starts_with('#') || equals == std::string_view::npos) continue;
        const auto key = trimmed(line.substr(0, equals));
        const auto value = trimmed(line.substr(equals + 1));
        lines.push_back({fmt::format("{:<50}=  {}", key, value)});
        values.set(std::string(key), std::string(value));
    }
    rows.add_lines(std::move(lines),
                   json::Value::object({{"addr", address}, {"config", std::move(values)}}));
}

int print_config(Admin& admin, const std::vector<Target>& targets, std::int32_t code) {
    cli::Rows rows(admin.out, {});
    const int status = admin.ask(targets, code, NoHeader{}, {},
                                 [&](const Target& target, const remoting::Answer& answer) {
                                     add_rows(rows, target.address, answer.body);
                                     return Result<>();
                                 });
    return admin.print(status, rows);
}

struct Change {
    std::string key, value;

    void options(cli::Parser& cli) {
        cli.required("-k,--key", key, "KEY", "the key");
        cli.required("-v,--value", value, "VALUE", "its new value");
    }
};

int change(Admin& admin, const std::vector<Target>& targets, std::int32_t code, const Change& is,
           std::string_view what) {
    cli::Rows rows(admin.out, {});
    const auto body = fmt::format("{}={}", is.key, is.value);
    const int status = admin.ask(
        targets, code, NoHeader{}, as_bytes(body),
        [&](const Target& target, const remoting::Answer&) {
            rows.add({fmt::format("update {} config success, {}", what, target.address)},
                     json::Value::object(
                         {{"addr", target.address}, {"key", is.key}, {"value", is.value}}));
            return Result<>();
        });
    return admin.print(status, rows);
}

}  // namespace

int get_broker_config(const Arguments& arguments) {
    Where where;
    Admin admin("getBrokerConfig", "print the configuration of brokers");
    admin.where(where);
    admin.cli.example("mqadmin getBrokerConfig -b 127.0.0.1:10911", "of one broker");
    admin.cli.example("mqadmin getBrokerConfig -c DefaultCluster", "of all masters");
    admin.cli.example(
        "mqadmin getBrokerConfig -b 127.0.0.1:10911 --out json | jq -r "
        "'.[].config.fileReservedTime'",
        "one value");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.masters(where);
    if (!targets) return admin.cli.fail(targets.error());
    return print_config(admin, *targets, wire::request_code::get_broker_config);
}

int get_namesrv_config(const Arguments& arguments) {
    Admin admin("getNamesrvConfig", "print the configuration of the name servers");
    admin.cli.example("mqadmin getNamesrvConfig", "of all of them");
    admin.cli.example("mqadmin getNamesrvConfig -n 10.0.0.1:9876", "of this one");
    admin.cli.example("mqadmin getNamesrvConfig --out jsonl", "an object a name server");
    if (const auto status = admin.start(arguments)) return *status;
    return print_config(admin, admin.servers(), wire::request_code::get_namesrv_config);
}

int update_broker_config(const Arguments& arguments) {
    Where where;
    Change is;
    bool all = false;
    Admin admin("updateBrokerConfig", "change a key of brokers while they run");
    admin.where(where);
    admin.cli.option("-a,--updateAllBroker", all, parse_bool, "true|false",
                     "slaves too; here masters are all there are");
    is.options(admin.cli);
    admin.cli.example("mqadmin updateBrokerConfig -b 127.0.0.1:10911 -k fileReservedTime -v 48",
                      "keep files for two days");
    admin.cli.example("mqadmin updateBrokerConfig -c DefaultCluster -k brokerPermission -v 4",
                      "no more sends to these brokers");
    admin.cli.example(
        "mqadmin updateBrokerConfig -b 127.0.0.1:10911 -k deleteWhen -v 05 --out json",
        "say what was done as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.masters(where);
    if (!targets) return admin.cli.fail(targets.error());
    return change(admin, *targets, update_broker_config_code, is, "broker");
}

int update_namesrv_config(const Arguments& arguments) {
    Change is;
    Admin admin("updateNamesrvConfig", "change a key of the name servers while they run");
    is.options(admin.cli);
    admin.cli.example("mqadmin updateNamesrvConfig -k orderMessageEnable -v true",
                      "on all of them");
    admin.cli.example(
        "mqadmin updateNamesrvConfig -n 10.0.0.1:9876 -k scanNotActiveBrokerInterval "
        "-v 5000",
        "on this one");
    admin.cli.example("mqadmin updateNamesrvConfig -k orderMessageEnable -v true --out json",
                      "say what was done as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    return change(admin, admin.servers(), wire::request_code::update_namesrv_config, is,
                  "name server");
}

}  // namespace mqd::admin
