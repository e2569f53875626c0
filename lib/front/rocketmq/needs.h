#pragma once
// What a request touches and what its client must be allowed to do to it, by the header that its
// handler gets: each row of the request table names one of these. A client needs a right to every
// resource, and one action of those that stand together is enough.
//
// The retry topic of a group counts as the group (access/gate.h).
//
// Threads: the session's.

#include "base/parse.h"
#include "broker/names.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/heartbeat.h"
#include "wire/bodies/queues.h"
#include "wire/bodies/request_mode.h"
#include "wire/bodies/topic.h"
#include "wire/headers/clients.h"
#include "wire/headers/consume_queue.h"
#include "wire/headers/consumers.h"
#include "wire/headers/messages.h"
#include "wire/headers/offsets.h"
#include "wire/headers/pull.h"
#include "wire/headers/send.h"
#include "wire/headers/topics.h"

namespace mqd::front::rocketmq::needs {

using access::Action;
using access::Resource;

/// The handler asks: what is touched stands in a stored message, or in a body that only it can
/// read.
struct Found {
    template <class H>
    static Result<> ask(const Call&, const H&) {
        return {};
    }
};

/// The whole broker, under the name of its cluster.
template <Action... any_of>
struct Cluster {
    template <class H>
    static Result<> ask(const Call& call, const H&) {
        return call.may((access::Actions(any_of) | ...),
                        {Resource::cluster(call.broker.settings().identity.cluster)});
    }
};
using Super = Cluster<Action::super>;

template <Action... any_of>
struct Topic {
    template <class H>
    static Result<> ask(const Call& call, const H& header) {
        return call.may((access::Actions(any_of) | ...), {Resource::topic(header.topic)});
    }
};

template <class H>
std::string_view group_of(const H& header) {
    if constexpr (requires { header.consumer_group; })
        return header.consumer_group;
    else if constexpr (requires { header.group_name; })
        return header.group_name;
    else
        return header.group;
}

template <Action... any_of>
struct Group {
    template <class H>
    static Result<> ask(const Call& call, const H& header) {
        return call.may((access::Actions(any_of) | ...), {Resource::group(group_of(header))});
    }
};

template <Action... any_of>
struct TopicAndGroup {
    template <class H>
    static Result<> ask(const Call& call, const H& header) {
        return ask(call.service.gate(), call.caller(), header);
    }
    template <class H>
    static Result<> ask(access::Gate& gate, const access::Caller& who, const H& header) {
        return gate.allow_to_group(who, (access::Actions(any_of) | ...), header.topic,
                                   group_of(header));
    }
};
using Pull = TopicAndGroup<Action::sub>;

inline bool is_named(const std::optional<std::string_view>& topic) {
    return topic && !topic->empty();
}

template <Action... any_of>
struct GroupAndTopicIfNamed {
    template <class H>
    static Result<> ask(const Call& call, const H& header) {
        if (!is_named(header.topic)) return Group<any_of...>::ask(call, header);
        return call.service.gate().allow_to_group(call.caller(), (access::Actions(any_of) | ...),
                                                  *std::optional<std::string_view>(header.topic),
                                                  group_of(header));
    }
};

struct QueueUnits {
    static Result<> ask(const Call& call, const wire::QueryConsumeQueue& header) {
        if (!is_named(header.group)) return Topic<Action::get>::ask(call, header);
        return call.service.gate().allow_to_group(call.caller(), Action::get, header.topic,
                                                  *header.group);
    }
};

/// Retries that a consumer sends itself are a matter of the group that they are for.
struct Send {
    static Result<> ask(const Call& call, const wire::SendMessage& header) {
        const auto to = Resource::topic(header.topic);
        const auto action = to.kind == Resource::Kind::group ? Action::sub : Action::pub;
        return call.service.gate().allow(call.caller(), action, to);
    }
};

/// Its pulls are asked for one by one; the heartbeat is for what others are told of the group.
/// Producers touch nothing before they send.
struct Heartbeat {
    static Result<> ask(const Call& call, const wire::HeartbeatData& beat) {
        for (const auto& consumer : beat.consumers) {
            TRY_OK(call.may(Action::sub, {Resource::group(consumer.group_name)}));
            for (const auto& subscription : consumer.subscriptions) {
                if (broker::is_retry_topic(subscription.topic)) continue;
                TRY_OK(call.may(Action::sub, {Resource::topic(subscription.topic)}));
            }
        }
        return {};
    }
};

struct Unregister {
    static Result<> ask(const Call& call, const wire::UnregisterClient& header) {
        if (!header.consumer_group) return {};  // a producer: as Heartbeat
        return call.may(Action::sub, {Resource::group(*header.consumer_group)});
    }
};

struct ClientConfig {
    static Result<> ask(const Call& call, const wire::CheckClientBody& body) {
        const auto group = Resource::group(body.group);
        if (!body.subscription) return call.may(Action::sub, {group});
        return call.service.gate().allow_to_group(call.caller(), Action::sub,
                                                  body.subscription->topic, body.group);
    }
};

struct QueueLocks {
    static Result<> ask(const Call& call, const wire::LockBatchBody& body) {
        TRY_OK(call.may(Action::sub, {Resource::group(body.consumer_group)}));
        for (const auto& queue : body.queues)
            TRY_OK(call.may(Action::sub, {Resource::topic(queue.topic)}));
        return {};
    }
};

struct TopicList {
    static Result<> ask(const Call& call, const wire::TopicConfigList& list) {
        for (const auto& topic : list.topics)
            TRY_OK(call.may(Action::create, {Resource::topic(topic.topic_name)}));
        return {};
    }
};

struct ConsumeStats {
    static Result<> ask(const Call& call, const wire::GetConsumeStats& header) {
        TRY_OK(GroupAndTopicIfNamed<Action::get>::ask(call, header));
        if (is_named(header.topic) || !is_named(header.topic_list)) return {};
        for (const auto topic : split(*header.topic_list, ';'))
            TRY_OK(call.may(Action::get, {Resource::topic(topic)}));
        return {};
    }
};

struct Correction {
    static Result<> ask(const Call& call, const wire::QueryCorrectionOffset& header) {
        TRY_OK(call.may(Action::get,
                        {Resource::topic(header.topic), Resource::group(header.compare_group)}));
        if (!is_named(header.filter_groups)) return {};
        for (const auto group : split(*header.filter_groups, ','))
            TRY_OK(call.may(Action::get, {Resource::group(trimmed(group))}));
        return {};
    }
};

/// Without a topic the handler asks for each that it finds.
struct Clone {
    static Result<> ask(const Call& call, const wire::CloneGroupOffset& header) {
        const auto to = Resource::group(header.dest_group);
        if (!is_named(header.topic)) return call.may(Action::update, {to});
        return call.may(Action::update, {Resource::topic(*header.topic), to});
    }
};

}  // namespace mqd::front::rocketmq::needs
