// updateSubGroupList: UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST 225 with the groups of a file. They
// go through as JSON, so that members that nobody here knows are kept.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "../json_file.h"
#include "wire/codes.h"

namespace mqd::admin {
int update_sub_group_list(const Arguments& arguments) {
    Where where;
    std::string file;
    Admin admin("updateSubGroupList", "create or overwrite the consumer groups of a file");
    auto& cli = admin.cli;
    admin.where(where);
    cli.required("-f,--filename", file, "FILE",
                 "a JSON array of objects with groupName and what else updateSubGroup sets");
    cli.example("mqadmin updateSubGroupList -c DefaultCluster -f groups.json", "on all masters");
    cli.example("mqadmin updateSubGroupList -b 127.0.0.1:10911 -f groups.json", "on one broker");
    cli.example(
        "mqadmin getConsumerConfig -g billing --out json | jq 'map(.groupName = .group)' "
        "> groups.json",
        "make such a file");
    if (const auto status = admin.start(arguments)) return *status;
    const auto groups = objects_in(file, "groupName");
    if (!groups) return cli.fail(groups.error());
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    const auto body = json::to_text(json::Value::object({{"groupConfigList", *groups}}));
    cli::Rows rows(admin.out, {});
    const int status =
        admin.ask(*targets, wire::request_code::update_and_create_subscriptiongroup_list,
                  NoHeader{}, as_bytes(body), [&](const Target& broker, const remoting::Answer&) {
                      for (const auto& group : groups->items())
                          rows.add({fmt::format("submit subscription group {} to {} success.",
                                                group["groupName"].as_text(), broker.address)},
                                   json::Value::object({{"broker", broker.address},
                                                        {"group", group["groupName"].as_text()}}));
                      return Result<>();
                  });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
