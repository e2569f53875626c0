#include "access/gate.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace mqd::access {
namespace {

constexpr std::array<std::pair<Action, std::string_view>, 8> action_names = {{
    {Action::pub, "Pub"},
    {Action::sub, "Sub"},
    {Action::create, "Create"},
    {Action::update, "Update"},
    {Action::remove, "Delete"},
    {Action::get, "Get"},
    {Action::list, "List"},
    {Action::super, "Super"},
}};

std::string_view name_of(Resource::Kind kind) {
    switch (kind) {
        case Resource::Kind::cluster:
            return "Cluster";
        case Resource::Kind::broker:
            return "Broker";
        case Resource::Kind::topic:
            return "Topic";
        case Resource::Kind::group:
            break;
    }
    return "Group";
}

}  // namespace

std::string Actions::text() const {
    std::string out;
    for (const auto& [action, name] : action_names) {
        if (!has(action)) continue;
        if (!out.empty()) out += '/';
        out += name;
    }
    return out;
}

std::string Resource::text() const {
    return fmt::format("{}:{}", name_of(kind), name);
}

Gate::~Gate() {
    const auto unlogged = [this] {
        const Lock lock(mutex_);
        return unlogged_;
    }();
    if (unlogged > 0) log::warn("access_refused", {{"count", unlogged}});
}

/// Clients try again and again: they must not fill the disk with lines.
std::int64_t Gate::take_unlogged() {
    const std::int64_t now_ms = monotonic_ms();
    const Lock lock(mutex_);
    ++unlogged_;
    if (logged_ms_ != 0 && now_ms - logged_ms_ < 1000) return 0;
    logged_ms_ = now_ms;
    return std::exchange(unlogged_, 0);
}

Error Gate::refuse(const Caller& who, Actions any_of, const Verdict& verdict) {
    const auto action = any_of.text(), resource = verdict.refused->text();
    if (const auto count = take_unlogged(); count > 0)
        log::warn("access_refused", {{"count", count},
                                     {"account", who.account},
                                     {"client", who.address},
                                     {"action", action},
                                     {"resource", resource},
                                     {"why", verdict.why}});
    const auto user = who.account.empty() ? std::string("A client without an account")
                                          : fmt::format("User:{}", who.account);
    return {Errc::refused, fmt::format("{} has no permission to {} on {} from {}, {}.", user,
                                       action, resource, who.address, verdict.why)};
}

}  // namespace mqd::access
