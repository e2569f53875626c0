#pragma once
// The requests of a name server: one row of requests.cpp each, code and handler (mqd-remoting(7),
// NAME SERVERS and ADMINISTRATION). A handler answers before it returns.
//
// Threads: a handler runs on its session's thread, any number at once.

#include <cstdint>
#include <string_view>

#include "namesrv/kv_config.h"
#include "namesrv/routes.h"
#include "namesrv/settings.h"
#include "remoting/session.h"

namespace mqd::namesrv {

/// What handlers work on; all of it belongs to the Namesrv.
struct Context {
    Settings& settings;
    Routes& routes;
    KvConfig& kv;
    std::int64_t started_ms = 0;  ///< monotonic
};

using Handler = void (*)(Context&, remoting::Session&, const wire::Command&);

/// Null for a code that nobody answers.
Handler handler_of(std::int32_t code);

/// For the log: `reason` is why they went.
void log_removed(const std::vector<Removed>& removed, std::string_view reason);

/// The connection's number, once a broker has registered over it.
std::optional<ConnectionId> connection_of(const remoting::Session& session);

/// The header, or nothing when it was refused with an answer.
template <class H>
std::optional<H> header_of(remoting::Session& session, const wire::Command& request) {
    auto header = wire::read_header<H>(request);
    if (header) return std::move(*header);
    session.reply(request, wire::response_code::system_error, header.error().what);
    return std::nullopt;
}

inline void reply_body(remoting::Session& session, const wire::Command& request,
                       std::string_view body) {
    session.reply(request, wire::response_code::success, wire::NoHeader{}, as_bytes(body));
}

// brokers.cpp
void register_broker(Context&, remoting::Session&, const wire::Command&);
void unregister_broker(Context&, remoting::Session&, const wire::Command&);
void query_data_version(Context&, remoting::Session&, const wire::Command&);
void broker_heartbeat(Context&, remoting::Session&, const wire::Command&);
void get_broker_cluster_info(Context&, remoting::Session&, const wire::Command&);
void get_broker_member_group(Context&, remoting::Session&, const wire::Command&);
void wipe_write_perm_of_broker(Context&, remoting::Session&, const wire::Command&);
void add_write_perm_of_broker(Context&, remoting::Session&, const wire::Command&);
// topics.cpp
void get_routeinfo_by_topic(Context&, remoting::Session&, const wire::Command&);
void get_all_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_topics_by_cluster(Context&, remoting::Session&, const wire::Command&);
void get_system_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_unit_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_has_unit_sub_topic_list(Context&, remoting::Session&, const wire::Command&);
void get_has_unit_sub_ununit_topic_list(Context&, remoting::Session&, const wire::Command&);
void delete_topic_in_namesrv(Context&, remoting::Session&, const wire::Command&);
void register_topic_in_namesrv(Context&, remoting::Session&, const wire::Command&);
// settings_requests.cpp
void put_kv_config(Context&, remoting::Session&, const wire::Command&);
void get_kv_config(Context&, remoting::Session&, const wire::Command&);
void delete_kv_config(Context&, remoting::Session&, const wire::Command&);
void get_kvlist_by_namespace(Context&, remoting::Session&, const wire::Command&);
void update_namesrv_config(Context&, remoting::Session&, const wire::Command&);
void get_namesrv_config(Context&, remoting::Session&, const wire::Command&);

}  // namespace mqd::namesrv
