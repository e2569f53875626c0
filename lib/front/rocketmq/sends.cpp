#include "front/rocketmq/sends.h"

#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "broker/names.h"
#include "front/rocketmq/errors.h"
#include "front/rocketmq/recall_handle.h"
#include "front/rocketmq/service.h"
#include "message/id.h"
#include "wire/headers/send.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

constexpr std::uint64_t oneway_bit = 1ULL << 40;
constexpr std::uint64_t binary_bit = 1ULL << 41;

remoting::Ticket ticket_of(std::uint64_t token) {
    remoting::Ticket ticket;
    ticket.opaque = static_cast<std::int32_t>(static_cast<std::uint32_t>(token));
    ticket.encoding = (token & binary_bit) != 0 ? wire::Encoding::binary : wire::Encoding::json;
    return ticket;
}

std::string_view why_text(Errc why_not) {
    switch (why_not) {
        case Errc::refused:
            return "service not available now. It may be caused by one of the following reasons: "
                   "the broker's disk is full, the store is shutting down, or the queue is just "
                   "being made whole from the log";
        case Errc::invalid:
            return "the message is illegal, maybe it is too long";
        default:
            return "the message was not stored: the disk failed";
    }
}

}  // namespace

Sends::Sends(Service& service, broker::TopicCache& topics, broker::TrafficCache& traffic)
    : service_(service), intake_(service.broker(), topics, traffic) {}

std::uint64_t Sends::token_of(const wire::Command& request) {
    return static_cast<std::uint32_t>(request.opaque) | (request.is_oneway() ? oneway_bit : 0) |
           (request.encoding == wire::Encoding::binary ? binary_bit : 0);
}

void Sends::flush(remoting::Session& session) {
    session_ = &session;
    const auto end = intake_.flush(*this);
    if (late_.empty()) return;
    // The answers are the session's thread's; until then they belong to whoever waits.
    remoting::Ticket ticket;
    ticket.session = session.weak_from_this();
    auto answers = std::make_shared<const std::vector<Answer>>(std::exchange(late_, {}));
    service_.broker().durability().when(
        end.value(), broker::Durability::promised(service_.broker().settings()),
        [ticket, answers = std::move(answers), &service = service_](auto outcome) {
            ticket.with_session([answers, outcome, &service](remoting::Session& of) {
                for (const Answer& answer : *answers) give(service, of, answer, code_of(outcome));
            });
        });
}

void Sends::published(const broker::Published& is) {
    const bool oneway = (is.token & oneway_bit) != 0;
    if (!is.unit.stored) {
        const auto why = why_text(is.unit.why_not);
        if (oneway) return lost(*session_, is.unit.count, is.unit.queue->topic(), why);
        return session_->reply(ticket_of(is.token), send_code_of(is.unit.why_not), wire::NoHeader{},
                               {}, why);
    }
    if (oneway) return;
    if (is.waits) return set(late_.emplace_back(), is);
    set(answer_, is);
    give(service_, *session_, answer_, rc::success);
}

void Sends::set(Answer& answer, const broker::Published& is) const {
    const auto& broker = service_.broker();
    answer.token = is.token;
    answer.msg_id.clear();
    PhysicalOffset at = is.unit.at;
    for (std::size_t begin = 0; begin < is.unit.records.size();) {
        if (begin > 0) answer.msg_id += ',';
        message::append_offset_id(answer.msg_id, broker.store_host(), at);
        const auto size = message::RecordHead::read(is.unit.records.data() + begin).total_bytes;
        begin += static_cast<std::size_t>(size);
        at = at + size;
    }
    answer.unique_key = is.unique_key;
    answer.recall_handle.clear();
    if (is.due_ms > 0 && !broker::is_retry_topic(is.timed_topic))
        answer.recall_handle =
            RecallHandle{std::string(is.timed_topic), broker.settings().identity.name, is.due_ms,
                         std::string(is.unique_key)}
                .text();
    answer.queue_id = is.queue_id;
    answer.is_inner_batch = is.is_inner_batch;
    answer.queue_offset = is.unit.queue_offset.value;
}

void Sends::give(const Service& service, remoting::Session& session, const Answer& answer,
                 std::int32_t code) {
    const auto& settings = service.broker().settings();
    wire::SendMessageResponse header;
    header.msg_id = answer.msg_id;
    header.queue_id = answer.queue_id;
    header.queue_offset = answer.queue_offset;
    header.transaction_id = answer.unique_key;
    if (!answer.recall_handle.empty()) header.recall_handle = answer.recall_handle;
    if (answer.is_inner_batch) header.batch_id = answer.unique_key;
    header.region = settings.identity.region;
    header.trace_on = settings.identity.trace_on;
    header.message_bytes_max = settings.sends.message_bytes_max;
    session.reply(ticket_of(answer.token), code, header, {},
                  code == rc::success ? std::string_view() : wire::response_name(code));
}

void Sends::lost(const remoting::Session& session, std::uint32_t count, std::string_view topic,
                 std::string_view reason) {
    std::static_pointer_cast<Connection>(session.context)->oneways_lost += count;
    lost_.count += count;
    lost_.topic = topic;
    lost_.client = session.remote();
    lost_.reason = reason;
    // A full disk must not be filled further by log lines.
    if (monotonic_ms() - lost_.logged_ms >= 1000) log_lost();
}

void Sends::log_lost() {
    if (lost_.count == 0) return;
    log::warn("oneway_send_not_stored", {{"count", lost_.count},
                                         {"topic", lost_.topic},
                                         {"client", lost_.client},
                                         {"reason", lost_.reason}});
    lost_.count = 0;
    lost_.logged_ms = monotonic_ms();
}

}  // namespace mqd::front::rocketmq
