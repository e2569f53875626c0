#include "namesrv/requests.h"

#include <array>

namespace mqd::namesrv {
namespace {

namespace code = wire::request_code;

struct Row {
    std::int32_t code;
    Handler handler;
};

constexpr auto rows = std::to_array<Row>({
    {code::get_routeinfo_by_topic, get_routeinfo_by_topic},
    {code::register_broker, register_broker},
    {code::unregister_broker, unregister_broker},
    {code::query_data_version, query_data_version},
    {code::broker_heartbeat, broker_heartbeat},
    {code::get_broker_cluster_info, get_broker_cluster_info},
    {code::get_broker_member_group, get_broker_member_group},
    {code::wipe_write_perm_of_broker, wipe_write_perm_of_broker},
    {code::add_write_perm_of_broker, add_write_perm_of_broker},
    {code::get_all_topic_list_from_nameserver, get_all_topic_list},
    {code::get_topics_by_cluster, get_topics_by_cluster},
    {code::get_system_topic_list_from_ns, get_system_topic_list},
    {code::get_unit_topic_list, get_unit_topic_list},
    {code::get_has_unit_sub_topic_list, get_has_unit_sub_topic_list},
    {code::get_has_unit_sub_ununit_topic_list, get_has_unit_sub_ununit_topic_list},
    {code::delete_topic_in_namesrv, delete_topic_in_namesrv},
    {code::register_topic_in_namesrv, register_topic_in_namesrv},
    {code::put_kv_config, put_kv_config},
    {code::get_kv_config, get_kv_config},
    {code::delete_kv_config, delete_kv_config},
    {code::get_kvlist_by_namespace, get_kvlist_by_namespace},
    {code::update_namesrv_config, update_namesrv_config},
    {code::get_namesrv_config, get_namesrv_config},
});

}  // namespace

Handler handler_of(std::int32_t code) {
    for (const auto& row : rows)
        if (row.code == code) return row.handler;
    return nullptr;
}

}  // namespace mqd::namesrv
