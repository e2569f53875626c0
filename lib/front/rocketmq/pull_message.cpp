// PULL_MESSAGE 11 and LITE_PULL_MESSAGE 361: messages of one queue from an offset on, as slices of
// the log. With none there, and a client that agreed to wait, the answer waits for the first
// arrival (mqd-remoting(7), PULLING, ANSWERS TO PULLS and LONG POLLS).

#include <fmt/format.h>

#include <algorithm>

#include "broker/access.h"
#include "front/rocketmq/convert.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/expressions.h"
#include "front/rocketmq/needs.h"
#include "front/rocketmq/requests.h"
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
    bool is_oneway = false;
};

std::optional<Answer> refused(std::int32_t code, std::string remark,
                              std::optional<std::int32_t> forbidden = {}) {
    Answer answer{code, std::move(remark), {}};
    answer.header.forbidden_type = forbidden;
    return answer;
}

std::optional<std::int32_t> forbidden_type(broker::Refusal::By by) {
    using By = broker::Refusal::By;
    switch (by) {
        case By::nobody:
            break;
        case By::broker:
            return 1;
        case By::group:
            return 2;
        case By::topic:
            return 3;
        case By::broadcast:
            return 4;
        case By::subscription:
            return 5;
    }
    return std::nullopt;
}

std::optional<Answer> refused(const broker::Refusal& refusal) {
    return refused(code_of(refusal.why), refusal.text, forbidden_type(refusal.by));
}

std::optional<Answer> check_type(const Pull& pull, std::string_view type) {
    if (filters_by(type, pull.service.settings())) return std::nullopt;
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

std::int32_t code_of(broker::FetchOutcome outcome) {
    using Outcome = broker::FetchOutcome;
    switch (outcome) {
        case Outcome::found:
            return rc::success;
        case Outcome::none:
            return rc::pull_not_found;
        case Outcome::passed:
            return rc::pull_retry_immediately;
        case Outcome::moved:
            return rc::pull_offset_moved;
        case Outcome::unreadable:
            break;
    }
    return rc::system_error;
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
    const auto& settings = pull.service.settings();
    store::ReadLimits limits;
    limits.messages = std::clamp(pull.header.max_msg_nums, 1, settings.pull_messages_max);
    limits.bytes =
        std::min(std::max<std::int64_t>(pull.header.max_msg_bytes.value_or(0), settings.pull_bytes),
                 std::max(settings.pull_bytes_max, settings.pull_bytes));
    limits.units_scanned = settings.filter_bytes_scanned / unit_bytes;
    return limits;
}

struct Flags {
    std::int32_t topic = 0, group = 0;
};

/// What is asked of the broker, and what the answer says besides.
struct Asked {
    broker::Fetch fetch;
    broker::Fetch::Part part;
    Flags flags;
};

std::int64_t hold_until(const Pull& pull) {
    if (!pull.header.has(wire::pull_flag::suspend) || pull.is_oneway) return 0;
    const auto& settings = pull.service.settings();
    const std::int64_t wait_ms =
        settings.long_polling
            ? std::clamp<std::int64_t>(pull.header.suspend_timeout_ms, 0, hold_max_ms)
            : settings.short_polling_ms;
    return pull.service.broker().clock().monotonic_ms() + wait_ms;
}

/// `is_first`: not one that has waited already, which commits no more.
std::optional<Answer> prepare(const Pull& pull, bool is_first, bool may_wait, Asked& out) {
    const auto& header = pull.header;
    auto& broker = pull.service.broker();
    if (pull.is_lite && !pull.service.settings().lite_pull)
        return refused(rc::no_permission, "the broker for lite pull message is forbidden", 1);
    broker::Readable readable;
    if (const auto refusal =
            broker::check_readable(broker, pull.connection.worker.topics, header.consumer_group,
                                   header.topic, header.queue_id, readable);
        refusal.is_refused())
        return refused(refusal);
    broker::SubscriptionRef filter;
    if (auto refusal = find_filter(pull, *readable.group, filter)) return refusal;
    const auto& topic = *readable.topic;
    if (is_first && header.has(wire::pull_flag::commit_offset) && header.commit_offset >= 0)
        broker.commit(header.consumer_group, topic, header.queue_id, header.commit_offset);
    out.flags = {topic.config().sys_flag, readable.group->sys_flag()};
    out.part = {&topic.queue(header.queue_id), QueueOffset{header.queue_offset}};
    out.fetch.group = header.consumer_group;
    out.fetch.parts = {&out.part, 1};
    out.fetch.filter = filter->matches_all() ? nullptr : std::move(filter);
    out.fetch.limits = limits_of(pull);
    out.fetch.deadline_ms = may_wait ? hold_until(pull) : 0;
    return std::nullopt;
}

void send_refusal(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                  const Answer& answer) {
    if (answer.code == rc::pull_not_found) pull.service.broker().counters().missed();
    session.reply(ticket, answer.code, answer.header, {}, answer.remark);
}

void answer_with(const Pull& pull, remoting::Session& session, const remoting::Ticket& ticket,
                 const Flags& flags, broker::Fetched fetched) {
    auto& part = fetched.parts.front();
    auto& read = part.read;
    if (part.queue->deleted())
        return send_refusal(pull, session, ticket,
                            *refused(broker::no_such_topic(pull.header.topic)));
    const auto code = code_of(part.outcome);
    const std::string_view remark = part.is_reset ? "OFFSET_RESET" : name_of(read.status);
    wire::PullMessageResponse header;
    header.next_begin_offset = read.next.value;
    header.queue_since = since_of(*part.queue);
    header.min_offset = read.min.value;
    header.max_offset = read.max.value;
    header.topic_sys_flag = flags.topic;
    header.group_sys_flag = flags.group;
    if (code != rc::success) return session.reply(ticket, code, header, {}, remark);
    std::vector<net::Piece> pieces;
    pieces.reserve(read.slices.size());
    for (auto& slice : read.slices) pieces.push_back({slice.bytes, std::move(slice.pin)});
    session.reply_pieces(ticket, code, header, std::move(pieces), remark);
}

/// A pull that waits, with its texts, which the request's frame no longer has.
class HeldPull final : public broker::WaitingFetch {
public:
    HeldPull(const Pull& pull, const Call& call, remoting::Ticket ticket, const Asked& asked)
        : pull_{header_, pull.service, pull.connection, pull.is_lite, pull.is_oneway},
          session_(call.session),
          gate_(call.service.gate()),
          account_(call.account),
          ticket_(std::move(ticket)),
          header_(pull.header) {
        header_.consumer_group = group_ = pull.header.consumer_group;
        header_.topic = topic_ = pull.header.topic;
        if (header_.subscription) header_.subscription = expression_ = *pull.header.subscription;
        if (header_.expression_type) header_.expression_type = type_ = *pull.header.expression_type;
        asked_ = asked;
        own();
    }
    const broker::Fetch& fetch() const { return asked_.fetch; }
    const broker::Fetch* renew(bool may_wait) override {
        // What comes now was sent after the right may have been taken away.
        const auto may = needs::Pull::ask(gate_, {account_, pull_.connection.address()}, header_);
        if (!may) {
            send_refusal(pull_, session_, ticket_, *refused(rc::no_permission, may.error().what));
            return nullptr;
        }
        if (const auto refusal = prepare(pull_, false, may_wait, asked_)) {
            send_refusal(pull_, session_, ticket_, *refusal);
            return nullptr;
        }
        own();
        return &asked_.fetch;
    }
    void answer(broker::Fetched fetched) override {
        answer_with(pull_, session_, ticket_, asked_.flags, std::move(fetched));
    }
    void refuse_busy(std::string_view why) override { refuse_reads(session_, ticket_, why); }

private:
    void own() {
        asked_.fetch.group = header_.consumer_group;
        asked_.fetch.parts = {&asked_.part, 1};
    }
    const Pull pull_;
    remoting::Session& session_;  // used on its own thread only, while it lives
    access::Gate& gate_;
    const std::string account_;
    const remoting::Ticket ticket_;
    std::string group_, topic_, expression_, type_;
    wire::PullMessage header_;
    Asked asked_;
};

}  // namespace

void pull_message(const Call& call, const wire::PullMessage& header) {
    const bool is_lite = call.request.code == wire::request_code::lite_pull_message;
    const auto ticket = call.session.ticket(call.request);
    const Pull pull{header, call.service, call.connection, is_lite, ticket.oneway};
    Asked asked;
    if (const auto refusal = prepare(pull, true, true, asked))
        return send_refusal(pull, call.session, ticket, *refusal);
    auto& fetches = call.connection.fetches;
    auto attempt = fetches.now(asked.fetch);
    if (attempt.state == broker::Fetches::Attempt::State::answered)
        return answer_with(pull, call.session, ticket, asked.flags, std::move(attempt.fetched));
    const auto held = std::make_shared<HeldPull>(pull, call, ticket, asked);
    fetches.later(std::move(attempt), held->fetch(), held);
}

}  // namespace mqd::front::rocketmq
