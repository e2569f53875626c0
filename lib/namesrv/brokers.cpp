// Brokers: registration, signs of life, who is there, and their write permission.

#include <fmt/format.h>

#include <atomic>

#include "base/clock.h"
#include "base/crc.h"
#include "base/log.h"
#include "namesrv/requests.h"
#include "wire/headers/namesrv.h"

namespace mqd::namesrv {
namespace {

namespace code = wire::response_code;

/// Of a connection over which a broker has registered.
struct Numbered final : remoting::SessionContext {
    explicit Numbered(ConnectionId id) : number(id) {}
    const ConnectionId number;
};

ConnectionId number_connection(remoting::Session& session) {
    static std::atomic<ConnectionId> last = 0;
    if (session.context == nullptr) session.context = std::make_shared<Numbered>(++last);
    return *connection_of(session);
}

Registration registration_of(const wire::RegisterBroker& header, remoting::Session& session,
                             Bytes body) {
    Registration who;
    who.cluster = header.cluster_name;
    who.broker = header.broker_name;
    who.id = header.broker_id;
    who.address = header.broker_addr;
    who.ha_address = header.ha_server_addr;
    if (header.heartbeat_timeout_ms) who.timeout_ms = *header.heartbeat_timeout_ms;
    who.enable_acting_master = header.enable_acting_master;
    who.store = header.store.value_or(std::string_view());
    who.connection = number_connection(session);
    who.body_crc = crc32(body);
    who.body_bytes = body.size();
    return who;
}

void answer_registration(Context& context, remoting::Session& session, const wire::Command& request,
                         const Routes::Registered& registered) {
    std::string body;
    if (context.settings.get()->return_order_topic_config && !registered.is_ignored)
        if (auto table = context.kv.list(order_topic_config))
            body = wire::to_body(wire::KvTable{{table->begin(), table->end()}});
    session.reply(request, code::success,
                  wire::RegisterBrokerResponse{registered.master_ha_address,
                                               registered.master_address, registered.refused},
                  as_bytes(body));
}

void refuse_registration(remoting::Session& session, const wire::Command& request,
                         const Registration& who, const Routes::Registered& refused) {
    if (refused.is_first_refusal)
        log::warn("broker_refused", {{"broker", who.broker},
                                     {"id", who.id},
                                     {"address", who.address},
                                     {"holder", *refused.holder},
                                     {"why", "two stores with one name and id"}});
    wire::RegisterBrokerResponse header;
    header.same_name = *refused.holder;
    session.reply(request, code::system_error, header, {},
                  fmt::format("{} holds the name {} and the id {}, with another store",
                              *refused.holder, who.broker, who.id));
}

}  // namespace

std::optional<ConnectionId> connection_of(const remoting::Session& session) {
    if (session.context == nullptr) return std::nullopt;
    return static_cast<const Numbered&>(*session.context).number;
}

void log_removed(const std::vector<Removed>& removed, std::string_view reason) {
    for (const auto& broker : removed)
        log::info("broker_removed", {{"broker", broker.broker},
                                     {"id", broker.id},
                                     {"address", broker.address},
                                     {"reason", reason}});
}

// REGISTER_BROKER 103. Most of them, one a broker every 30 s, bring the body of the last time: the
// checksum tells, and 2 MB for 10,000 topics need not be read again (mqd-remoting(7),
// REGISTRATION).
void register_broker(Context& context, remoting::Session& session, const wire::Command& request,
                     const wire::RegisterBroker& header) {
    const auto who = registration_of(header, session, request.body);
    if (header.body_crc32 != 0 &&
        static_cast<std::int32_t>(who.body_crc & 0x7fffffffU) != header.body_crc32)
        return session.reply(request, code::system_error, "crc32 not match");

    if (const auto known = context.routes.refresh(who, monotonic_ms()))
        return answer_registration(context, session, request, *known);

    const auto body = wire::RegisterBrokerBody::read(as_text(request.body));
    if (!body) return session.reply(request, code::system_error, body.error().what);
    const auto registered = context.routes.add(who, *body, monotonic_ms());
    if (registered.holder) return refuse_registration(session, request, who, registered);
    if (registered.is_ignored) {
        log::warn("broker_ignored", {{"broker", who.broker},
                                     {"id", who.id},
                                     {"address", who.address},
                                     {"why", "a newer one holds this id"}});
    } else if (registered.is_new) {
        log::info("broker_registered", {{"broker", who.broker},
                                        {"cluster", who.cluster},
                                        {"id", who.id},
                                        {"address", who.address},
                                        {"topics", body->topics.size()}});
    }
    answer_registration(context, session, request, registered);
}

// UNREGISTER_BROKER 104
void unregister_broker(Context& context, remoting::Session& session, const wire::Command& request,
                       const wire::BrokerHeader& header) {
    log_removed(context.routes.unregister(header.broker_name, header.broker_id, header.broker_addr),
                "unregistered");
    session.reply(request, code::success);
}

// QUERY_DATA_VERSION 322
void query_data_version(Context& context, remoting::Session& session, const wire::Command& request,
                        const wire::BrokerHeader& header) {
    const auto theirs = wire::DataVersion::read(as_text(request.body));
    if (!theirs) return session.reply(request, code::system_error, theirs.error().what);
    const auto ours =
        context.routes.version(header.broker_name, header.broker_addr, monotonic_ms());
    const wire::QueryDataVersionResponse answer{!ours || !(*ours == *theirs)};
    const auto body = ours ? wire::to_body(*ours) : std::string();
    session.reply(request, code::success, answer, as_bytes(body));
}

// BROKER_HEARTBEAT 904
void broker_heartbeat(Context& context, remoting::Session& session, const wire::Command& request,
                      const wire::BrokerHeartbeat& header) {
    context.routes.heartbeat(header.broker_name, header.broker_addr, header.heartbeat_timeout_ms,
                             monotonic_ms());
    session.reply(request, code::success);
}

// GET_BROKER_CLUSTER_INFO 106
void get_broker_cluster_info(Context& context, remoting::Session& session,
                             const wire::Command& request) {
    reply_body(session, request, wire::to_body(context.routes.cluster_info()));
}

// GET_BROKER_MEMBER_GROUP 901
void get_broker_member_group(Context& context, remoting::Session& session,
                             const wire::Command& request, const wire::BrokerMemberGroup& header) {
    const auto members = context.routes.members(header.cluster_name, header.broker_name);
    reply_body(session, request, wire::to_body(members));
}

// WIPE_WRITE_PERM_OF_BROKER 205
void wipe_write_perm_of_broker(Context& context, remoting::Session& session,
                               const wire::Command& request, const wire::BrokerNameHeader& header) {
    const auto topics = context.routes.wipe_write(header.broker_name);
    log::info("write_wiped", {{"broker", header.broker_name}, {"topics", topics}});
    session.reply(request, code::success,
                  wire::WipeWritePermResponse{static_cast<std::int32_t>(topics)});
}

// ADD_WRITE_PERM_OF_BROKER 327
void add_write_perm_of_broker(Context& context, remoting::Session& session,
                              const wire::Command& request, const wire::BrokerNameHeader& header) {
    const auto topics = context.routes.restore_write(header.broker_name);
    log::info("write_restored", {{"broker", header.broker_name}, {"topics", topics}});
    session.reply(request, code::success,
                  wire::AddWritePermResponse{static_cast<std::int32_t>(topics)});
}

}  // namespace mqd::namesrv
