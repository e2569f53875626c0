// wipeWritePerm 205 and addWritePerm 327: each name server takes a broker out of its routes for
// writing, or puts it back.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "wire/codes.h"
#include "wire/headers/namesrv.h"

namespace mqd::admin {
namespace {

struct Permission {
    std::string_view command, purpose, verb, field;
    std::int32_t code;
};

int change(const Permission& is, const Arguments& arguments) {
    std::string broker;
    Admin admin(is.command, is.purpose);
    auto& cli = admin.cli;
    cli.required("-b,--brokerName", broker, "BROKER", "name of the broker");
    cli.example(fmt::format("mqadmin {} -b broker-a", is.command), "at all name servers");
    cli.example(fmt::format("mqadmin {} -b broker-a -n 10.0.0.1:9876", is.command), "at one");
    cli.example(fmt::format("mqadmin {} -b broker-a --out jsonl", is.command),
                "how many topics it was, as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    cli::Rows rows(admin.out, {});
    std::int64_t topics = 0;
    int status = admin.ask(
        admin.servers(), is.code, wire::BrokerNameHeader{broker}, {},
        [&](const Target& server, const remoting::Answer& answer) {
            const auto count = parse_int<std::int64_t>(answer.find(is.field)).value_or(0);
            topics += count;
            rows.add({fmt::format("{} write perm of broker[{}] in name server[{}] OK, {}", is.verb,
                                  broker, server.address, count)},
                     json::Value::object(
                         {{"namesrv", server.address}, {"broker", broker}, {"topics", count}}));
            return Result<>();
        });
    status = admin.print(status, rows);
    if (status != 0 || topics > 0) return status;
    return cli.fail({Errc::not_found, fmt::format("no topic of a broker '{}' is known to {}",
                                                  broker, admin.namesrv())});
}

}  // namespace

int wipe_write_perm(const Arguments& arguments) {
    return change({"wipeWritePerm", "take a broker out of all routes for writing", "wipe",
                   "wipeTopicCount", wire::request_code::wipe_write_perm_of_broker},
                  arguments);
}

int add_write_perm(const Arguments& arguments) {
    return change({"addWritePerm", "let a broker be written to again", "add", "addTopicCount",
                   wire::request_code::add_write_perm_of_broker},
                  arguments);
}

}  // namespace mqd::admin
