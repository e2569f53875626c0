// cleanExpiredCQ, cleanUnusedTopic and deleteExpiredCommitLog: the requests 306, 316 and 329 to a
// broker, or to each master of a cluster or of all clusters.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/codes.h"

namespace mqd::admin {
namespace {

Result<std::vector<Target>> targets_of(Admin& admin, const Where& where) {
    if (!where.broker.empty() || !where.cluster.empty()) return admin.masters(where);
    return admin.all_masters();
}

struct Cleaning {
    std::string_view command, purpose;
    std::int32_t code = 0;
};

int clean(const Cleaning& is, const Arguments& arguments) {
    Where where;
    Admin admin(is.command, is.purpose);
    auto& cli = admin.cli;
    cli.option("-b,--brokerAddr", where.broker, "HOST:PORT", "on this broker");
    cli.option("-c,--cluster", where.cluster, "CLUSTER", "on the masters of this cluster");
    cli.example(fmt::format("mqadmin {} -b 127.0.0.1:10911", is.command), "on one broker");
    cli.example(fmt::format("mqadmin {} -c DefaultCluster", is.command),
                "on the masters of a cluster");
    cli.example(fmt::format("mqadmin {}", is.command), "on the masters of all clusters");
    if (const auto status = admin.start(arguments)) return *status;

    const auto targets = targets_of(admin, where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    const int status = admin.each(*targets, [&](const Target& target) -> Result<> {
        TRY(const auto answer, admin.call(target.address, is.code, NoHeader{}));
        rows.add({"success"}, json::Value::object({{"addr", target.address}, {"ok", true}}));
        return {};
    });
    return admin.print(status, rows);
}

}  // namespace

int clean_expired_cq(const Arguments& arguments) {
    return clean({"cleanExpiredCQ", "delete consume queue files whose messages are gone",
                  wire::request_code::clean_expired_consumequeue},
                 arguments);
}

int clean_unused_topic(const Arguments& arguments) {
    return clean({"cleanUnusedTopic", "delete what is left of topics that no longer exist",
                  wire::request_code::clean_unused_topic},
                 arguments);
}

int delete_expired_commit_log(const Arguments& arguments) {
    return clean({"deleteExpiredCommitLog", "delete expired log files at once",
                  wire::request_code::delete_expired_commitlog},
                 arguments);
}

}  // namespace mqd::admin
