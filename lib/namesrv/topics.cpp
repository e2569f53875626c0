// Topics: routes, lists, deletion.

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "json/writer.h"
#include "namesrv/requests.h"
#include "wire/headers/topics.h"

namespace mqd::namesrv {
namespace {

namespace code = wire::response_code;

// Bits of topicSysFlag.
constexpr std::int32_t unit = 1;
constexpr std::int32_t unit_sub = 2;

void reply_topics(remoting::Session& session, const wire::Command& request,
                  std::vector<std::string> topics, std::string broker_addr = {}) {
    reply_body(session, request,
               wire::to_body(wire::TopicList{std::move(topics), std::move(broker_addr)}));
}

// False when refused with an answer.
bool may_list(Context& context, remoting::Session& session, const wire::Command& request) {
    if (context.settings.get()->enable_topic_list) return true;
    session.reply(request, code::system_error, "disable");
    return false;
}

void reply_flagged(Context& context, remoting::Session& session, const wire::Command& request,
                   std::int32_t all_of, std::int32_t none_of) {
    if (may_list(context, session, request))
        reply_topics(session, request, context.routes.topics_with_flag(all_of, none_of));
}

bool is_starting(const Context& context, const Options& options) {
    return options.wait_for_service &&
           monotonic_ms() - context.started_ms < options.wait_seconds * 1000;
}

}  // namespace

// GET_ROUTEINFO_BY_TOPIC 105
void get_routeinfo_by_topic(Context& context, remoting::Session& session,
                            const wire::Command& request, const wire::GetRouteInfo& header) {
    const auto options = context.settings.get();
    if (is_starting(context, *options))
        return session.reply(request, code::system_error, "name server not ready");
    const auto route = context.routes.route(header.topic);
    if (route == nullptr)
        return session.reply(
            request, code::topic_not_exist,
            fmt::format("No topic route info in name server for the topic: {}", header.topic));
    if (options->order_message_enable) {
        if (const auto order = context.kv.get(order_topic_config, header.topic)) {
            // The cached route knows nothing of the KV configuration: one member more.
            std::string body(*route, 0, route->size() - 1);
            body += ",\"orderTopicConf\":";
            json::Writer(body).text(*order);
            return reply_body(session, request, body + "}");
        }
    }
    reply_body(session, request, *route);
}

// GET_ALL_TOPIC_LIST_FROM_NAMESERVER 206
void get_all_topic_list(Context& context, remoting::Session& session,
                        const wire::Command& request) {
    if (!context.settings.get()->enable_all_topic_list)
        return session.reply(request, code::system_error, "disable");
    reply_topics(session, request, context.routes.topics());
}

// GET_TOPICS_BY_CLUSTER 224
void get_topics_by_cluster(Context& context, remoting::Session& session,
                           const wire::Command& request, const wire::ClusterHeader& header) {
    if (!may_list(context, session, request)) return;
    reply_topics(session, request, context.routes.topics_of_cluster(header.cluster));
}

// GET_SYSTEM_TOPIC_LIST_FROM_NS 304: the topics that each broker has for itself, named after
// cluster and broker, and an address where the rest can be asked for.
void get_system_topic_list(Context& context, remoting::Session& session,
                           const wire::Command& request) {
    if (!may_list(context, session, request)) return;
    const auto info = context.routes.cluster_info();
    std::vector<std::string> names;
    std::string address;
    for (const auto& [cluster, brokers] : info.clusters) {
        names.push_back(cluster);
        names.insert(names.end(), brokers.begin(), brokers.end());
    }
    if (!info.brokers.empty()) address = info.brokers.begin()->second.address();
    reply_topics(session, request, std::move(names), std::move(address));
}

// GET_UNIT_TOPIC_LIST 311
void get_unit_topic_list(Context& context, remoting::Session& session,
                         const wire::Command& request) {
    reply_flagged(context, session, request, unit, 0);
}

// GET_HAS_UNIT_SUB_TOPIC_LIST 312
void get_has_unit_sub_topic_list(Context& context, remoting::Session& session,
                                 const wire::Command& request) {
    reply_flagged(context, session, request, unit_sub, 0);
}

// GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST 313
void get_has_unit_sub_ununit_topic_list(Context& context, remoting::Session& session,
                                        const wire::Command& request) {
    reply_flagged(context, session, request, unit_sub, unit);
}

// DELETE_TOPIC_IN_NAMESRV 216
void delete_topic_in_namesrv(Context& context, remoting::Session& session,
                             const wire::Command& request,
                             const wire::DeleteTopicInNamesrv& header) {
    auto cluster = header.cluster_name;
    if (cluster && cluster->empty()) cluster.reset();
    if (context.routes.delete_topic(header.topic, cluster))
        log::info("topic_deleted", {{"topic", header.topic}, {"cluster", cluster.value_or("")}});
    session.reply(request, code::success);
}

// REGISTER_TOPIC_IN_NAMESRV 217
void register_topic_in_namesrv(Context& context, remoting::Session& session,
                               const wire::Command& request, const wire::TopicHeader& header) {
    const auto route = wire::TopicRouteData::read(as_text(request.body));
    if (!route) return session.reply(request, code::system_error, route.error().what);
    for (const auto& queue : route->queues)
        if (!context.routes.add_queue(header.topic, queue))
            log::warn("queue_ignored", {{"topic", header.topic},
                                        {"broker", queue.broker_name},
                                        {"why", "no such broker is registered"}});
    session.reply(request, code::success);
}

}  // namespace mqd::namesrv
