#include "namesrv/requests.h"

#include <type_traits>

#include "namesrv/needs.h"

namespace mqd::namesrv {
namespace {

namespace code = wire::request_code;
namespace answer = wire::response_code;
using access::Action;

template <class Handler>
struct ReadBy;
template <>
struct ReadBy<void (*)(Context&, remoting::Session&, const wire::Command&)> {
    using type = wire::NoHeader;
};
template <class H>
struct ReadBy<void (*)(Context&, remoting::Session&, const wire::Command&, const H&)> {
    using type = H;
};

template <auto handler, class Needs>
void serve(Context& context, remoting::Session& session, const wire::Command& request) {
    using H = typename ReadBy<decltype(handler)>::type;
    const auto header = wire::read_header<H>(request);
    if (!header) return session.reply(request, answer::system_error, header.error().what);
    const access::Caller who{{}, session.remote()};
    if (const auto may = Needs::ask(context.gate, who, *header); !may)
        return session.reply(request, answer::no_permission, may.error().what);
    if constexpr (std::is_same_v<H, wire::NoHeader>)
        handler(context, session, request);
    else
        handler(context, session, request, *header);
}

}  // namespace

template <auto handler, class Needs>
constexpr Request Request::of(std::int32_t code) {
    return {code, namesrv::serve<handler, Needs>};
}

namespace {

constexpr Request rows[] = {
    Request::of<get_routeinfo_by_topic, needs::Route>(code::get_routeinfo_by_topic),
    Request::of<register_broker, needs::OneBroker>(code::register_broker),
    Request::of<unregister_broker, needs::OneBroker>(code::unregister_broker),
    Request::of<query_data_version, needs::OneBroker>(code::query_data_version),
    Request::of<broker_heartbeat, needs::OneBroker>(code::broker_heartbeat),
    Request::of<get_broker_cluster_info, needs::Cluster<Action::get>>(
        code::get_broker_cluster_info),
    Request::of<get_broker_member_group, needs::Cluster<Action::get>>(
        code::get_broker_member_group),
    Request::of<wipe_write_perm_of_broker, needs::Cluster<Action::update>>(
        code::wipe_write_perm_of_broker),
    Request::of<add_write_perm_of_broker, needs::Cluster<Action::update>>(
        code::add_write_perm_of_broker),
    Request::of<get_all_topic_list, needs::Cluster<Action::get>>(
        code::get_all_topic_list_from_nameserver),
    Request::of<get_topics_by_cluster, needs::Cluster<Action::get>>(code::get_topics_by_cluster),
    Request::of<get_system_topic_list, needs::Cluster<Action::get>>(
        code::get_system_topic_list_from_ns),
    Request::of<get_unit_topic_list, needs::Cluster<Action::get>>(code::get_unit_topic_list),
    Request::of<get_has_unit_sub_topic_list, needs::Cluster<Action::get>>(
        code::get_has_unit_sub_topic_list),
    Request::of<get_has_unit_sub_ununit_topic_list, needs::Cluster<Action::get>>(
        code::get_has_unit_sub_ununit_topic_list),
    Request::of<delete_topic_in_namesrv, needs::Cluster<Action::update>>(
        code::delete_topic_in_namesrv),
    Request::of<register_topic_in_namesrv, needs::Cluster<Action::update>>(
        code::register_topic_in_namesrv),
    Request::of<put_kv_config, needs::Cluster<Action::update>>(code::put_kv_config),
    Request::of<get_kv_config, needs::Cluster<Action::get>>(code::get_kv_config),
    Request::of<delete_kv_config, needs::Cluster<Action::update>>(code::delete_kv_config),
    Request::of<get_kvlist_by_namespace, needs::Cluster<Action::get>>(
        code::get_kvlist_by_namespace),
    Request::of<update_namesrv_config, needs::Cluster<Action::update>>(code::update_namesrv_config),
    Request::of<get_namesrv_config, needs::Cluster<Action::get>>(code::get_namesrv_config),
};

}  // namespace

std::span<const Request> requests() {
    return rows;
}

const Request* find_request(std::int32_t wanted) {
    for (const auto& row : rows)
        if (row.code == wanted) return &row;
    return nullptr;
}

}  // namespace mqd::namesrv
