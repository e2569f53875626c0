// The KV configuration, and the server's own.

#include <fmt/format.h>

#include "base/log.h"
#include "namesrv/requests.h"
#include "wire/headers/namesrv.h"

namespace mqd::namesrv {
namespace {

namespace code = wire::response_code;

void reply_done(remoting::Session& session, const wire::Command& request, const Result<>& done) {
    if (done) return session.reply(request, code::success);
    const bool is_refused = done.error().code == Errc::refused;
    session.reply(request, is_refused ? code::no_permission : code::system_error,
                  done.error().what);
}

void reply_kv_done(remoting::Session& session, const wire::Command& request, const Result<>& done) {
    if (!done) log::error("kv_not_saved", {{"why", done.error().what}});
    reply_done(session, request, done);
}

}  // namespace

// PUT_KV_CONFIG 100
void put_kv_config(Context& context, remoting::Session& session, const wire::Command& request,
                   const wire::PutKvConfig& header) {
    reply_kv_done(session, request, context.kv.put(header.name_space, header.key, header.value));
}

// GET_KV_CONFIG 101
void get_kv_config(Context& context, remoting::Session& session, const wire::Command& request,
                   const wire::KvConfigKey& header) {
    const auto value = context.kv.get(header.name_space, header.key);
    if (!value)
        return session.reply(
            request, code::query_not_found,
            fmt::format("No config item, Namespace: {} Key: {}", header.name_space, header.key));
    session.reply(request, code::success, wire::KvConfigResponse{*value});
}

// DELETE_KV_CONFIG 102
void delete_kv_config(Context& context, remoting::Session& session, const wire::Command& request,
                      const wire::KvConfigKey& header) {
    reply_kv_done(session, request, context.kv.remove(header.name_space, header.key));
}

// GET_KVLIST_BY_NAMESPACE 219
void get_kvlist_by_namespace(Context& context, remoting::Session& session,
                             const wire::Command& request, const wire::KvNamespaceHeader& header) {
    const auto table = context.kv.list(header.name_space);
    if (!table)
        return session.reply(request, code::query_not_found,
                             fmt::format("No config item, Namespace: {}", header.name_space));
    reply_body(session, request, wire::to_body(wire::KvTable{{table->begin(), table->end()}}));
}

// UPDATE_NAMESRV_CONFIG 318
void update_namesrv_config(Context& context, remoting::Session& session,
                           const wire::Command& request) {
    const auto done = context.settings.update(as_text(request.body));
    if (done) context.routes.configure(routes_options(*context.settings.get()));
    reply_done(session, request, done);
}

// GET_NAMESRV_CONFIG 319
void get_namesrv_config(Context& context, remoting::Session& session,
                        const wire::Command& request) {
    reply_body(session, request, context.settings.properties());
}

}  // namespace mqd::namesrv
