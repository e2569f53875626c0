#pragma once
// The requests of a name server: one row of requests.cpp each, code, handler and what it touches
// (mqd-remoting(7), NAME SERVERS and ADMINISTRATION). A handler answers before it returns.
//
// Threads: a handler runs on its session's thread, any number at once.

#include <cstdint>
#include <span>
#include <string_view>

#include "access/gate.h"
#include "namesrv/kv_config.h"
#include "namesrv/routes.h"
#include "namesrv/settings.h"
#include "remoting/session.h"

namespace mqd::wire {
struct BrokerHeader;
struct BrokerHeartbeat;
struct BrokerMemberGroup;
struct BrokerNameHeader;
struct ClusterHeader;
struct DeleteTopicInNamesrv;
struct GetRouteInfo;
struct KvConfigKey;
struct KvNamespaceHeader;
struct PutKvConfig;
struct RegisterBroker;
struct TopicHeader;
}  // namespace mqd::wire

namespace mqd::namesrv {

/// What handlers work on; all of it belongs to the Namesrv.
struct Context {
    Settings& settings;
    Routes& routes;
    KvConfig& kv;
    access::Gate& gate;
    std::int64_t started_ms = 0;  ///< monotonic
};

/// Made by of() alone: there is no request without a word about what it touches.
class Request {
public:
    std::int32_t code;
    /// Reads the header, asks the gate as `Needs` says (needs.h), calls `handler` with what it has
    /// read, or answers itself.
    void (*serve)(Context&, remoting::Session&, const wire::Command&);

    template <auto handler, class Needs>
    static constexpr Request of(std::int32_t code);

private:
    constexpr Request(std::int32_t c, void (*s)(Context&, remoting::Session&, const wire::Command&))
        : code(c), serve(s) {}
};

std::span<const Request> requests();
/// Null for a code that nobody answers.
const Request* find_request(std::int32_t code);

/// For the log: `reason` is why they went.
void log_removed(const std::vector<Removed>& removed, std::string_view reason);

/// The connection's number, once a broker has registered over it.
std::optional<ConnectionId> connection_of(const remoting::Session& session);

inline void reply_body(remoting::Session& session, const wire::Command& request,
                       std::string_view body) {
    session.reply(request, wire::response_code::success, wire::NoHeader{}, as_bytes(body));
}

// brokers.cpp
void register_broker(Context&, remoting::Session&, const wire::Command&,
                     const wire::RegisterBroker&);
void unregister_broker(Context&, remoting::Session&, const wire::Command&,
                       const wire::BrokerHeader&);
void query_data_version(Context&, remoting::Session&, const wire::Command&,
                        const wire::BrokerHeader&);
void broker_heartbeat(Context&, remoting::Session&, const wire::Command&,
                      const wire::BrokerHeartbeat&);
void get_broker_cluster_info(Context&, remoting::Session&, const wire::Command&);
void get_broker_member_group(Context&, remoting::Session&, const wire::Command&,
                             const wire::BrokerMemberGroup&);
void wipe_write_perm_of_broker(Context&, remoting::Session&, const wire::Command&,
                               const wire::BrokerNameHeader&);
void add_write_perm_of_broker(Context&, remoting::Session&, const wire::Command&,
                              const wire::BrokerNameHeader&);
// topics.cpp
void get_routeinfo_by_topic(Context&, remoting::Session&, const wire::Command&,
                            const wire::GetRouteInfo&);
void get_all_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_topics_by_cluster(Context&, remoting::Session&, const wire::Command&,
                           const wire::ClusterHeader&);
void get_system_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_unit_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_has_unit_sub_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_has_unit_sub_ununit_topic_list(Context&, remoting::Session&, const wire::Command&);
void delete_topic_in_namesrv(Context&, remoting::Session&, const wire::Command&,
                             const wire::DeleteTopicInNamesrv&);
void register_topic_in_namesrv(Context&, remoting::Session&, const wire::Command&,
                               const wire::TopicHeader&);
// settings_requests.cpp
void put_kv_config(Context&, remoting::Session&, const wire::Command&, const wire::PutKvConfig&);
void get_kv_config(Context&, remoting::Session&, const wire::Command&, const wire::KvConfigKey&);
void delete_kv_config(Context&, remoting::Session&, const wire::Command&, const wire::KvConfigKey&);
void get_kvlist_by_namespace(Context&, remoting::Session&, const wire::Command&,
                             const wire::KvNamespaceHeader&);
void update_namesrv_config(Context&, remoting::Session&, const wire::Command&);
void get_namesrv_config(Context&, remoting::Session&, const wire::Command&);

}  // namespace mqd::namesrv
