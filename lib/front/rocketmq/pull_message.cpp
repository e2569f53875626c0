// PULL_MESSAGE 11 and LITE_PULL_MESSAGE 361: messages of one queue from an offset on, as slices of
// the log. With none there, and a client that agreed to wait, the answer waits for the first
// arrival (spec remoting.md 3.2.1, semantics.md 3.3 to 3.5).

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "front/rocketmq/convert.h"
#include "front/rocketmq/expressions.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "message/sys_flag.h"
#include "wire/headers/pull.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;
using store::ReadStatus;

// Clients give up on a pull after 30 s.
constexpr std::int64_t hold_max_ms = 60'000;
constexpr std::int32_t unit_bytes = 20;

struct Answer {
    std::int32_t code = rc::system_error;
    std::string remark;
    wire::PullMessageResponse header;
};

struct Pull {
    const wire::PullMessage& header;
    Service& service;
    Connection& connection;
    bool is_lite = false;
};

// What stays of a pull while it is held: its texts, which the request's frame no longer has.
struct HeldPull {
    explicit HeldPull(const Pull& pull) : header(pull.header) {
        header.consumer_group = group = pull.header.consumer_group;
        header.topic = topic = pull.header.topic;
        if (header.subscription) header.subscription = subscription = *pull.header.subscription;
        if (header.expression_type) header.expression_type = type = *pull.header.expression_type;
    }
    std::string group, topic, subscription, type;
    wire::PullMessage header;
    bool is_lite = false;
    std::uint64_t id = 0;
};

std::optional<Answer> refused(std::int32_t code, std::string remark,
                              std::optional<std::int32_t> forbidden = {}) {
    Answer answer{code, std::move(remark), {}};
    answer.header.forbidden_type = forbidden;
    return answer;
}

Answer no_topic(std::string_view topic) {
    return {
        rc::topic_not_exist, fmt::format("topic[{}] not exist, apply first please!", topic), {}};
}

std::optional<Answer> check_queue(const Pull& pull, const broker::Topic*& topic,
                                  broker::GroupRef& group) {
    const auto& header = pull.header;
    auto& broker = pull.service.broker();
    const auto& settings = broker.settings();
    if ((settings.permission & message::perm::read) == 0)
        return refused(rc::no_permission,
                       fmt::format("the broker[{}] pulling message is forbidden", settings.name),
                       1);
    if (pull.is_lite && !settings.lite_pull)
        return refused(rc::no_permission, "the broker for lite pull message is forbidden", 1);
    group = broker.find_or_create_group(header.consumer_group);
    if (group == nullptr)
        return refused(
            rc::subscription_group_not_exist,
            fmt::format("subscription group [{}] does not exist", header.consumer_group));
    if (!group->consume_enabled())
        return refused(rc::no_permission,
                       fmt::format("subscription group no permission, {}", header.consumer_group),
                       2);
    topic = pull.connection.worker.topics.find(header.topic);
    if (topic == nullptr) return no_topic(header.topic);
    if ((topic->config().perm & message::perm::read) == 0)
        return refused(rc::no_permission,
                       fmt::format("the topic[{}] pulling message is forbidden", header.topic), 3);
    if (!broker.groups().may_read(header.consumer_group, header.topic))
        return refused(rc::no_permission,
                       fmt::format("the consumer group[{}] is forbidden for topic[{}]",
                                   header.consumer_group, header.topic),
                       5);
    if (header.queue_id < 0 || header.queue_id >= topic->config().read_queues)
        return refused(rc::invalid_parameter,
                       fmt::format("queueId[{}] is illegal, topic:[{}] readQueueNums:[{}]",
                                   header.queue_id, header.topic, topic->config().read_queues));
    return std::nullopt;
}

std::optional<Answer> check_type(const Pull& pull, std::string_view type) {
    if (filters_by(type, pull.service.broker().settings())) return std::nullopt;
    return refused(rc::system_error, no_filter_remark(type));
}

/// The subscription of a request. A client repeats it with every pull, so the last one read is
/// kept: an SQL92 expression is compiled once.
Result<broker::SubscriptionRef> subscription_in(const Pull& pull) {
    const auto& header = pull.header;
    const auto text = header.subscription.value_or("*");
    const auto type = header.expression_type.value_or("TAG");
    auto& last = pull.connection.last_filter;
    if (last == nullptr || last->topic != header.topic || last->expression != text ||
        last->type != type) {
        TRY(last, broker::Subscription::make(std::string(header.topic), std::string(text),
                                             std::string(type), header.sub_version));
    }
    return last;
}

/// The broker was started again and the group's heartbeat has not come yet: what it last wanted of
/// the topic, if that was an SQL92 expression, is known.
std::optional<Answer> find_kept_filter(const Pull& pull, broker::SubscriptionRef& filter) {
    const auto& header = pull.header;
    filter = pull.service.broker().filters().find(header.consumer_group, header.topic);
    if (filter == nullptr)
        return refused(rc::subscription_not_exist, "the consumer's group info not exist");
    if (filter->version < header.sub_version)
        return refused(rc::filter_data_not_latest, "the consumer's consume filter data not latest");
    return check_type(pull, filter->type);
}

std::optional<Answer> find_filter(const Pull& pull, const broker::Group& group,
                                  broker::SubscriptionRef& filter) {
    const auto& header = pull.header;
    if (header.has(wire::pull_flag::subscription)) {
        if (auto refusal = check_type(pull, header.expression_type.value_or("TAG"))) return refusal;
        auto made = subscription_in(pull);
        if (!made) return refused(rc::subscription_parse_failed, made.error().what);
        filter = std::move(*made);
        return std::nullopt;
    }
    const auto standing =
        pull.service.broker().clients().standing(header.consumer_group, header.topic);
    if (!standing.online) return find_kept_filter(pull, filter);
    if (standing.model == broker::Model::broadcasting && !group.broadcast_enabled())
        return refused(rc::no_permission,
                       fmt::format("the consumer group[{}] can not consume by broadcast way",
                                   header.consumer_group),
                       4);
    if (standing.subscription == nullptr)
        return refused(rc::subscription_not_exist, "the consumer's subscription not exist");
    if (standing.subscription->version < header.sub_version)
        return refused(rc::subscription_not_latest, "the consumer's subscription not latest");
    filter = standing.subscription;
    if (filter->is_sql() && !filter->sql)
        return refused(rc::filter_data_not_exist, "the consumer's filter cannot be parsed");
    return check_type(pull, filter->type);
}

std::int32_t code_of(ReadStatus status, std::int64_t asked) {
    switch (status) {
        case ReadStatus::found:
            return rc::success;
        case ReadStatus::no_matched_message:
        case ReadStatus::message_was_removing:
            return rc::pull_retry_immediately;
        case ReadStatus::offset_found_null:
        case ReadStatus::offset_overflow_one:
            return rc::pull_not_found;
        case ReadStatus::unreadable:
            return rc::system_error;
        case ReadStatus::no_message_in_queue:
            return asked == 0 ? rc::pull_not_found : rc::pull_offset_moved;
        case ReadStatus::offset_overflow_badly:
        case ReadStatus::offset_too_small:
            break;
    }
    return rc::pull_offset_moved;
}

std::string_view name_of(ReadStatus status) {
    switch (status) {
        case ReadStatus::found:
            return "FOUND";
        case ReadStatus::no_matched_message:
            return "NO_MATCHED_MESSAGE";
        case ReadStatus::message_was_removing:
            return "MESSAGE_WAS_REMOVING";
        case ReadStatus::unreadable:
            return "UNREADABLE";
        case ReadStatus::offset_found_null:
            return "OFFSET_FOUND_NULL";
        case ReadStatus::offset_overflow_one:
            return "OFFSET_OVERFLOW_ONE";
        case ReadStatus::offset_overflow_badly:
            return "OFFSET_OVERFLOW_BADLY";
        case ReadStatus::offset_too_small:
            return "OFFSET_TOO_SMALL";
        case ReadStatus::no_message_in_queue:
            break;
    }
    return "NO_MESSAGE_IN_QUEUE";
}

store::ReadLimits limits_of(const Pull& pull) {
    const auto& settings = pull.service.broker().settings();
    store::ReadLimits limits;
    limits.messages = std::clamp(pull.header.max_msg_nums, 1, settings.pull_messages_max);
    limits.bytes =
        std::min(std::max<std::int64_t>(pull.header.max_msg_bytes.value_or(0), settings.pull_bytes),
                 std::max(settings.pull_bytes_max, settings.pull_bytes));
    limits.units_scanned = settings.filter_bytes_scanned / unit_bytes;
    return limits;
}

void answer_pull(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                 bool may_hold);

using Parked = broker::Arrivals::Parked::State;

/// waiting: the answer comes later.
Parked hold(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
            store::Queue& queue, const broker::SubscriptionRef& filter) {
    auto& broker = pull.service.broker();
    const auto& settings = broker.settings();
    const std::int64_t wait_ms =
        settings.long_polling
            ? std::clamp<std::int64_t>(pull.header.suspend_timeout_ms, 0, hold_max_ms)
            : settings.short_polling_ms;
    auto held = std::make_shared<HeldPull>(pull);
    held->is_lite = pull.is_lite;
    broker::Arrivals::Wait wait;
    wait.queue = &queue;
    wait.from = QueueOffset{pull.header.queue_offset};
    if (!filter->matches_all()) wait.filter = filter;
    wait.deadline_ms = broker.clock().monotonic_ms() + wait_ms;
    // A message that this thread has just taken must not be answered for in the middle of it.
    wait.wake = [held, ticket, &service = pull.service] {
        ticket.post_to_session([held, ticket, &service](remoting::Session& of) {
            const auto connection = std::static_pointer_cast<Connection>(of.context);
            if (connection == nullptr) return;  // closed meanwhile
            connection->held_pulls.erase(held->id);
            answer_pull({held->header, service, *connection, held->is_lite}, of, ticket, false);
        });
    };
    const auto parked = broker.arrivals().park(std::move(wait));
    if (parked.state != Parked::waiting) return parked.state;
    // This is the session's thread: a wake-up comes behind us.
    held->id = parked.id;
    std::static_pointer_cast<Connection>(session.context)->held_pulls.insert(parked.id);
    return parked.state;
}

/// What a read gave, and how long it took.
struct Read {
    store::Queue& queue;
    store::ReadResult result;
    std::int64_t us = 0;
};

void send_answer(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                 const Answer& answer, Read* read) {
    auto& counters = pull.service.broker().counters();
    if (read == nullptr || answer.code != rc::success) {
        if (answer.code == rc::pull_not_found) counters.missed();
        session.reply(ticket, answer.code, answer.header, {}, answer.remark);
        return;
    }
    auto& result = read->result;
    counters.got(result.messages);
    counters.get_times().add(read->us);
    pull.connection.worker.traffic.gets(read->queue, pull.header.consumer_group)
        .add(result.messages, result.bytes, read->us);
    std::vector<net::Piece> pieces;
    pieces.reserve(result.slices.size());
    for (auto& slice : result.slices) pieces.push_back({slice.bytes, std::move(slice.pin)});
    session.reply_pieces(ticket, answer.code, answer.header, std::move(pieces), answer.remark);
}

struct Flags {
    std::int32_t topic = 0, group = 0;
};

void answer_with(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                 const Flags& flags, Read read) {
    const auto& header = pull.header;
    const auto& result = read.result;
    // While it was read, or since it was found.
    if (read.queue.deleted())
        return send_answer(pull, session, ticket, no_topic(header.topic), nullptr);
    Answer answer{
        code_of(result.status, header.queue_offset), std::string(name_of(result.status)), {}};
    answer.header.next_begin_offset = result.next.value;
    // All of the new topic is new to who asks for something behind its end.
    if (result.status == ReadStatus::offset_overflow_badly &&
        pull.service.broker().was_made_anew(read.queue))
        answer.header.next_begin_offset = result.min.value;
    answer.header.queue_since = since_of(read.queue);
    answer.header.min_offset = result.min.value;
    answer.header.max_offset = result.max.value;
    answer.header.topic_sys_flag = flags.topic;
    answer.header.group_sys_flag = flags.group;
    if (result.status == ReadStatus::offset_too_small)
        pull.service.broker().offsets().gone(header.consumer_group, header.topic, header.queue_id,
                                             header.queue_offset,
                                             {result.min.value, result.max.value});
    if (answer.code == rc::success)
        pull.service.broker().offsets().pulled(header.consumer_group, header.topic, header.queue_id,
                                               result.next.value);
    send_answer(pull, session, ticket, answer, &read);
}

/// True: an operator has moved the group elsewhere, which this pull is told instead of an answer.
/// What it says was consumed does not count any more.
bool answer_reset(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                  const store::Queue& queue, const Flags& flags) {
    const auto& header = pull.header;
    const auto to = pull.service.broker().offsets().take_reset(header.consumer_group, header.topic,
                                                               header.queue_id);
    if (!to || *to == header.queue_offset) return false;
    Answer answer{rc::pull_offset_moved, "OFFSET_RESET", {}};
    answer.header.next_begin_offset = *to;
    answer.header.min_offset = queue.min().value;
    answer.header.max_offset = queue.max().value;
    answer.header.queue_since = since_of(queue);
    answer.header.topic_sys_flag = flags.topic;
    answer.header.group_sys_flag = flags.group;
    send_answer(pull, session, ticket, answer, nullptr);
    return true;
}

bool is_to_wait(const Pull& pull, const remoting::Ticket& ticket, bool may_hold,
                const store::ReadResult& result) {
    return code_of(result.status, pull.header.queue_offset) == rc::pull_not_found && may_hold &&
           pull.header.has(wire::pull_flag::suspend) && !ticket.oneway &&
           result.status != ReadStatus::offset_found_null;
}

/// What is not in memory is read on another thread.
void pull_elsewhere(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                    store::Queue& queue, const broker::SubscriptionRef& filter, const Flags& flags,
                    bool may_hold) {
    auto held = std::make_shared<HeldPull>(pull);
    held->is_lite = pull.is_lite;
    auto& broker = pull.service.broker();
    read_elsewhere(
        broker, session, pull.connection, ticket,
        [&broker, &queue, held, filter, limits = limits_of(pull)] {
            const std::int64_t begin_us = monotonic_us();
            auto result = broker.store().read(queue, QueueOffset{held->header.queue_offset}, limits,
                                              filter->matches_all() ? nullptr : filter.get());
            return Read{queue, std::move(result), monotonic_us() - begin_us};
        },
        [held, ticket, flags, may_hold, &service = pull.service](
            remoting::Session& of, Connection& connection, Read read) {
            const Pull again{held->header, service, connection, held->is_lite};
            // The queue had not been looked at since the start, and its end was asked for.
            if (is_to_wait(again, ticket, may_hold, read.result))
                return answer_pull(again, of, ticket, may_hold);
            answer_with(again, of, ticket, flags, std::move(read));
        });
}

void answer_pull(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                 bool may_hold) {
    const auto& header = pull.header;
    auto& broker = pull.service.broker();
    const broker::Topic* topic = nullptr;
    broker::GroupRef group;
    broker::SubscriptionRef filter;
    auto refusal = check_queue(pull, topic, group);
    if (!refusal) refusal = find_filter(pull, *group, filter);
    if (refusal) return send_answer(pull, session, ticket, *refusal, nullptr);
    auto& queue = topic->queue(header.queue_id);
    const Flags flags{topic->config().sys_flag, group->sys_flag()};
    if (answer_reset(pull, session, ticket, queue, flags)) return;
    if (may_hold && header.has(wire::pull_flag::commit_offset) && header.commit_offset >= 0)
        broker.commit(header.consumer_group, *topic, header.queue_id, header.commit_offset);

    const auto limits = limits_of(pull);
    const auto* only = filter->matches_all() ? nullptr : filter.get();
    while (true) {
        const std::int64_t begin_us = monotonic_us();
        auto result =
            broker.store().read_now(queue, QueueOffset{header.queue_offset}, limits, only);
        if (!result) return pull_elsewhere(pull, session, ticket, queue, filter, flags, may_hold);
        if (is_to_wait(pull, ticket, may_hold, *result)) {
            const auto parked = hold(pull, session, ticket, queue, filter);
            if (parked == Parked::waiting) return;
            if (parked == Parked::grown) continue;
        }
        return answer_with(pull, session, ticket, flags,
                           {queue, std::move(*result), monotonic_us() - begin_us});
    }
}

}  // namespace

void pull_message(const Call& call) {
    const auto header = call.header<wire::PullMessage>();
    if (!header) return call.refuse(header.error());
    const bool is_lite = call.request.code == wire::request_code::lite_pull_message;
    answer_pull({*header, call.service, call.connection, is_lite}, call.session,
                call.session.ticket(call.request), true);
}

}  // namespace mqd::front::rocketmq
