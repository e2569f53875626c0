// brokerStatus: GET_BROKER_RUNTIME_INFO 28 of a broker, or of each master of a cluster.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"

namespace mqd::admin {

int broker_status(const Arguments& arguments) {
    Where where;
    Admin admin("brokerStatus", "print all runtime values of a broker, sorted by name");
    auto& cli = admin.cli;
    admin.where(where);
    cli.example("mqadmin brokerStatus -b 127.0.0.1:10911", "one broker");
    cli.example("mqadmin brokerStatus -c DefaultCluster",
                "all masters, each line with the address");
    cli.example("mqadmin brokerStatus -b 127.0.0.1:10911 --out jsonl | grep commitLog",
                "some of the values");
    if (const auto status = admin.start(arguments)) return *status;

    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    const int status = admin.each(*targets, [&](const Target& target) -> Result<> {
        TRY(const auto answer,
            admin.call(target.address, wire::request_code::get_broker_runtime_info, NoHeader{}));
        TRY(const auto values, wire::KvTable::read(answer.body));
        for (const auto& [key, value] : values.table) {
            const auto line = fmt::format("{:<32}: {}", key, value);
            rows.add(
                {where.cluster.empty() ? line : fmt::format("{:<24} {}", target.address, line)},
                json::Value::object({{"addr", target.address}, {"key", key}, {"value", value}}));
        }
        return {};
    });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
