// updateKvConfig 100 and deleteKvConfig 102: the name servers' table of values by namespace and
// key.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/codes.h"
#include "wire/headers/namesrv.h"

namespace mqd::admin {

int update_kv_config(const Arguments& arguments) {
    std::string name_space, key, value;
    Admin admin("updateKvConfig", "set a value in the table of the name servers");
    auto& cli = admin.cli;
    cli.required("-s,--namespace", name_space, "NAMESPACE", "its namespace");
    cli.required("-k,--key", key, "KEY", "its key");
    cli.required("-v,--value", value, "VALUE", "the value");
    cli.example("mqadmin updateKvConfig -s ORDER_TOPIC_CONFIG -k orders -v broker-a:4",
                "the queues of an ordered topic");
    cli.example("mqadmin updateKvConfig -s mine -k owner -v payments -n 10.0.0.1:9876",
                "at one name server");
    cli.example("mqadmin updateKvConfig -s mine -k owner -v payments --out jsonl",
                "say what was done as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    cli::Rows rows(admin.out, {});
    const int status = admin.ask(admin.servers(), wire::request_code::put_kv_config,
                                 wire::PutKvConfig{name_space, key, value}, {},
                                 [&](const Target& server, const remoting::Answer&) {
                                     rows.add({"create or update kv config to namespace success."},
                                              json::Value::object({{"namesrv", server.address},
                                                                   {"namespace", name_space},
                                                                   {"key", key},
                                                                   {"value", value}}));
                                     return Result<>();
                                 });
    return admin.print(status, rows);
}

int delete_kv_config(const Arguments& arguments) {
    std::string name_space, key;
    Admin admin("deleteKvConfig", "delete a value from the table of the name servers");
    auto& cli = admin.cli;
    cli.required("-s,--namespace", name_space, "NAMESPACE", "its namespace");
    cli.required("-k,--key", key, "KEY", "its key");
    admin.yes_option();
    cli.example("mqadmin deleteKvConfig -s mine -k owner", "ask first, if stdin is a terminal");
    cli.example("mqadmin deleteKvConfig -s mine -k owner --yes", "do not ask");
    cli.example("mqadmin deleteKvConfig -s mine -k owner --out jsonl", "say it as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    if (!admin.confirmed(fmt::format("delete '{}' of namespace '{}'?", key, name_space)))
        return cli.usage_error("nothing was deleted");
    const wire::KvConfigKey what{name_space, key};
    bool was_there = false;
    for (const auto& address : admin.namesrvs())
        was_there =
            was_there || admin.call(address, wire::request_code::get_kv_config, what).has_value();
    cli::Rows rows(admin.out, {});
    int status = admin.ask(
        admin.servers(), wire::request_code::delete_kv_config, what, {},
        [&](const Target& server, const remoting::Answer&) {
            rows.add({"delete kv config from namespace success."},
                     json::Value::object(
                         {{"namesrv", server.address}, {"namespace", name_space}, {"key", key}}));
            return Result<>();
        });
    status = admin.print(status, rows);
    if (status != 0 || was_there) return status;
    return cli.fail({Errc::not_found, fmt::format("there was no '{}' in namespace '{}' on {}", key,
                                                  name_space, admin.namesrv())});
}

}  // namespace mqd::admin
