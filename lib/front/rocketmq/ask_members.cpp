// What administrators ask of a group's members through the broker: GET_CONSUMER_STATUS 223 (with
// 221 to the members), GET_CONSUMER_RUNNING_INFO 307, CONSUME_MESSAGE_DIRECTLY 309
// (mqd-remoting(7), ASKING MEMBERS).

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/mutex.h"
#include "front/rocketmq/ask_client.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/consumers.h"
#include "wire/headers/consumers.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

std::shared_ptr<const std::string> no_body() {
    return std::make_shared<const std::string>();
}

/// The answers of all members to 221, until the last is there.
class StatusRound {
public:
    StatusRound(remoting::Ticket ticket, std::size_t members)
        : ticket_(std::move(ticket)), missing_(members) {}

    void add(const std::string& client, const Result<remoting::Answer>& answer) {
        {
            const Lock lock(mutex_);
            note(client, answer);
            if (--missing_ > 0) return;
        }
        finish();
    }

private:
    void note(const std::string& client, const Result<remoting::Answer>& answer) REQUIRES(mutex_) {
        if (!answer) {
            failure_ = answer.error().what;
        } else if (answer->code != rc::success) {
            failure_ = answer->remark;
        } else if (auto status = wire::ConsumerStatus::read(answer->body)) {
            of_.of_group.emplace_back(client, std::move(status->of_client));
        } else {
            failure_ = status.error().what;
        }
    }

    /// By whoever came last: nobody adds anything any more.
    void finish() {
        wire::ConsumerStatus of;
        std::string failure;
        {
            const Lock lock(mutex_);
            of = std::move(of_);
            failure = std::move(failure_);
        }
        std::sort(of.of_group.begin(), of.of_group.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        const bool ok = !of.of_group.empty();
        ticket_.with_session([ticket = ticket_, ok, body = ok ? wire::to_body(of) : "",
                              remark = ok ? "" : failure](remoting::Session& session) {
            session.reply(ticket, ok ? rc::success : rc::system_error, wire::NoHeader{},
                          as_bytes(body), remark);
        });
    }

    const remoting::Ticket ticket_;
    Mutex mutex_;
    std::size_t missing_ GUARDED_BY(mutex_);
    wire::ConsumerStatus of_ GUARDED_BY(mutex_);
    std::string failure_ GUARDED_BY(mutex_);
};

std::optional<broker::Clients::Online> find_member(const Call& call, std::string_view group,
                                                   std::string_view client_id) {
    for (auto& member : call.broker.clients().online(group)) {
        if (member.client.id == client_id) return std::move(member);
    }
    return std::nullopt;
}

/// The member gets the request's fields and the body; the asker gets what it answers.
void relay(const broker::Clients::Online& member, std::int32_t code, wire::RawHeader header,
           std::shared_ptr<const std::string> body, const remoting::Ticket& ticket,
           const std::string& group) {
    ask_client(member.peer, code, std::move(header), std::move(body),
               [ticket, group, client = member.client.id](Result<remoting::Answer> answered) {
                   const auto answer =
                       std::make_shared<Result<remoting::Answer>>(std::move(answered));
                   ticket.with_session([=](remoting::Session& session) {
                       if (*answer) {
                           const auto& is = **answer;
                           return session.reply(ticket, is.code, wire::RawHeader{is.ext},
                                                as_bytes(is.body), is.remark);
                       }
                       session.reply(ticket, rc::consume_msg_timeout, wire::NoHeader{}, {},
                                     fmt::format("consumer <{}> <{}> Timeout: {}", group, client,
                                                 answer->error().what));
                   });
               });
}

wire::RawHeader fields_of(const wire::Command& request) {
    wire::RawHeader header;
    for (const auto& field : request.ext) header.ext.emplace_back(field.key, field.value);
    return header;
}

/// Of the message that the member shall have, which need not be of the topic in the header.
Result<> may_consume(const Asker& asker, const store::Slice& record) {
    TRY(const auto message, message::RecordView::parse(record.bytes));
    return asker.may(access::Action::sub, {access::Resource::topic(message.topic)});
}

/// The member that is to answer; otherwise the asker has been told why there is none.
std::optional<broker::Clients::Online> member_to_ask(const Call& call,
                                                     const wire::RelayToConsumer& header) {
    auto member = find_member(call, header.consumer_group, header.client_id);
    if (!member) {
        call.refuse(rc::system_error, fmt::format("The Consumer <{}> <{}> not online",
                                                  header.consumer_group, header.client_id));
    } else if (member->client.version < wire::relay_min_version) {
        call.refuse(rc::system_error,
                    fmt::format("The Consumer <{}> Version <{}> too low to finish, please upgrade "
                                "it to V3_1_8_SNAPSHOT",
                                header.client_id, member->client.version));
        member.reset();
    }
    return member;
}

}  // namespace

void get_consumer_status(const Call& call, const wire::GetConsumerStatus& header) {
    auto members = call.broker.clients().online(header.group);
    const auto only = header.client_id.value_or("");
    if (!only.empty())
        std::erase_if(members, [&](const auto& member) { return member.client.id != only; });
    if (members.empty())
        return call.refuse(
            rc::consumer_not_online,
            fmt::format("No Any Consumer online in the consumer group: [{}]", header.group));
    for (const auto& member : members) {
        if (member.client.version < wire::reset_min_version)
            return call.refuse(rc::system_error,
                               fmt::format("the client does not support this feature. version={}",
                                           member.client.version));
    }
    const auto round =
        std::make_shared<StatusRound>(call.session.ticket(call.request), members.size());
    const wire::GetClientStatus question{std::string(header.topic), std::string(header.group)};
    for (const auto& member : members)
        ask_client(member.peer, wire::request_code::get_consumer_status_from_client, question,
                   no_body(),
                   [round, client = member.client.id](const Result<remoting::Answer>& answer) {
                       round->add(client, answer);
                   });
}

void get_consumer_running_info(const Call& call, const wire::RelayToConsumer& header) {
    const auto member = member_to_ask(call, header);
    if (!member) return;
    relay(*member, call.request.code, fields_of(call.request),
          std::make_shared<const std::string>(call.body()), call.session.ticket(call.request),
          std::string(header.consumer_group));
}

void consume_message_directly(const Call& call, const wire::RelayToConsumer& header) {
    const auto id = message::parse_offset_id(header.msg_id.value_or(""));
    if (!id) return call.refuse(rc::system_error, "msgId is no offset id");
    const auto member = member_to_ask(call, header);
    if (!member) return;
    auto fields = fields_of(call.request);
    const auto add = [&](std::string_view name, std::string value) {
        std::erase_if(fields.ext, [&](const auto& field) { return field.first == name; });
        fields.ext.emplace_back(name, std::move(value));
    };
    add("brokerName", call.broker.settings().identity.name);
    if (const auto topic = call.broker.topics().find(header.topic.value_or("")))
        add("topicSysFlag", std::to_string(topic->config().sys_flag));
    if (const auto group = call.broker.groups().find(header.consumer_group))
        add("groupSysFlag", std::to_string(group->sys_flag()));

    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket, [&store = call.broker.store(), at = id->at] { return store.record_at(at); },
        [ticket, member = *member, fields, at = id->at.value, asker = call.asker(),
         group = std::string(header.consumer_group)](remoting::Session& session, Connection&,
                                                     const Result<store::Slice>& record) {
            const auto refuse = [&](std::int32_t code, std::string_view why) {
                session.reply(ticket, code, wire::NoHeader{}, {}, why);
            };
            if (!record)
                return refuse(rc::system_error,
                              fmt::format("can not find message by the offset, {}", at));
            if (const auto may = may_consume(asker, *record); !may)
                return refuse(
                    may.error().code == Errc::refused ? rc::no_permission : rc::system_error,
                    may.error().what);
            relay(member, wire::request_code::consume_message_directly, fields,
                  std::make_shared<const std::string>(as_text(record->bytes)), ticket, group);
        });
}

}  // namespace mqd::front::rocketmq
