// updateOrderConf: how many queues of an ordered topic each broker has, in the name servers' table:
// 100, 101, 102 with the namespace ORDER_TOPIC_CONFIG.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/codes.h"
#include "wire/headers/namesrv.h"

namespace mqd::admin {
namespace {

enum class Method { put, get, remove };

struct Options {
    std::string topic, value;
    Method method = Method::get;
};

json::Value object_of(const Options& is, const std::string& value) {
    return json::Value::object({{"topic", is.topic}, {"orderConf", value}});
}

Result<> change(Admin& admin, const Options& is, cli::Rows& rows) {
    const wire::KvConfigKey key{order_namespace, is.topic};
    if (is.method == Method::get) {
        TRY(const auto answer, admin.call_namesrv(wire::request_code::get_kv_config, key));
        const std::string value(answer.find("value"));
        rows.add(
            {fmt::format("get orderConf success. topic=[{}], orderConf=[{}]", is.topic, value)},
            object_of(is, value));
        return {};
    }
    for (const auto& server : admin.namesrvs()) {
        if (is.method == Method::put)
            TRY_OK(admin.call(server, wire::request_code::put_kv_config,
                              wire::PutKvConfig{order_namespace, is.topic, is.value}));
        else
            TRY_OK(admin.call(server, wire::request_code::delete_kv_config, key));
    }
    if (is.method == Method::put)
        rows.add({fmt::format("update orderConf success. topic=[{}], orderConf=[{}]", is.topic,
                              is.value)},
                 object_of(is, is.value));
    else
        rows.add({fmt::format("delete orderConf success. topic=[{}]", is.topic)},
                 object_of(is, {}));
    return {};
}

}  // namespace

int update_order_conf(const Arguments& arguments) {
    Options is;
    Admin admin("updateOrderConf", "print, set or delete which queues an ordered topic has");
    auto& cli = admin.cli;
    cli.required("-t,--topic", is.topic, "TOPIC", "name of the topic");
    cli.option("-v,--orderConf", is.value, "BROKER:QUEUES;...",
               "with -m put: the brokers with their numbers of queues");
    cli.choice("-m,--method", is.method,
               {{"get", Method::get}, {"put", Method::put}, {"delete", Method::remove}},
               "what to do (default: get)");
    cli.example("mqadmin updateOrderConf -t orders -m get", "print it");
    cli.example("mqadmin updateOrderConf -t orders -m put -v 'broker-a:4;broker-b:4'", "set it");
    cli.example("mqadmin updateOrderConf -t orders -m delete", "delete it");
    if (const auto status = admin.start(arguments)) return *status;
    if (is.method == Method::put && is.value.empty())
        return cli.usage_error("-m put needs -v, the brokers with their numbers of queues");
    cli::Rows rows(admin.out, {});
    const auto changed = change(admin, is, rows);
    if (!changed && changed.error().remote_code == wire::response_code::query_not_found)
        return cli.fail({Errc::not_found, fmt::format("topic '{}' has no order configuration on {}",
                                                      is.topic, admin.namesrv())});
    return cli.finish(changed, rows.print());
}

}  // namespace mqd::admin
