#pragma once
// What a request touches and what its client must be allowed to do to it: each row of the request
// table names one of these. As front/rocketmq/needs.h.
//
// Threads: the session's.

#include "namesrv/requests.h"
#include "wire/headers/namesrv.h"
#include "wire/headers/topics.h"

namespace mqd::namesrv::needs {

using access::Action;
using access::Resource;

/// What the name server knows of all clusters.
template <Action action>
struct Cluster {
    template <class H>
    static Result<> ask(access::Gate& gate, const access::Caller& who, const H&) {
        return gate.allow(who, action, {Resource::cluster({})});
    }
};

/// Whoever registers a name gets its clients.
struct OneBroker {
    template <class H>
    static Result<> ask(access::Gate& gate, const access::Caller& who, const H& header) {
        return gate.allow(who, Action::super, {Resource::broker(header.broker_name)});
    }
};

/// A group's retry topic counts as the group, which nobody publishes to.
struct Route {
    static Result<> ask(access::Gate& gate, const access::Caller& who,
                        const wire::GetRouteInfo& header) {
        const auto of = Resource::topic(header.topic);
        const auto use = Action::sub | Action::get;
        return gate.allow(who, of.kind == Resource::Kind::group ? use : use | Action::pub, {of});
    }
};

}  // namespace mqd::namesrv::needs
