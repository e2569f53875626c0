// queryMsgById, queryMsgByUniqueKey, queryMsgByKey and queryMsgByOffset: QUERY_MESSAGE 12,
// VIEW_MESSAGE_BY_ID 33 and PULL_MESSAGE 11, with the tracks of tracks.h. CONSUME_MESSAGE_DIRECTLY
// 309 hands a message to a member, SEND_MESSAGE_V2 310 sends it again.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "lookup.h"
#include "message/properties.h"
#include "probe.h"
#include "tracks.h"
#include "wire/codes.h"
#include "wire/header.h"

namespace mqd::admin {
namespace {

struct ById {
    KeyQuery query;
    std::string group, client, unit;
    bool sends_again = false;
    std::optional<std::string> format;
};

struct ConsumeDirectly {
    std::string_view group, client, id, broker, topic;

    static constexpr auto fields() {
        using H = ConsumeDirectly;
        return std::tuple{wire::required("consumerGroup", &H::group),
                          wire::required("clientId", &H::client), wire::required("msgId", &H::id),
                          wire::required("brokerName", &H::broker),
                          wire::optional("topic", &H::topic)};
    }
};

/// The address of the broker that has the message: its store host may be one for others only.
Result<std::string> address_of(Admin& admin, const Found& found) {
    TRY(const auto brokers, admin.brokers_of(found.message.topic));
    for (const auto& broker : brokers)
        if (broker.name == found.broker || broker.address == found.broker) return broker.address;
    return found.message.store_host.to_string();
}

int print_found(Admin& admin, const std::vector<Found>& found, bool shows_body) {
    cli::Rows rows(admin.out, {});
    int status = cli::exit_status::done;
    for (const auto& one : found) {
        auto object = object_of(one);
        std::vector<std::vector<std::string>> lines;
        if (admin.out == cli::RowsOut::table) {
            auto block = block_of(one, shows_body);
            if (!block) return admin.cli.fail(block.error());
            lines = std::move(*block);
        }
        const auto address = address_of(admin, one);
        auto tracks = address ? tracks_of(admin, one, *address) : address.error();
        if (tracks) {
            object.set("tracks", tracks_value(*tracks));
            for (auto& line : tracks_lines(*tracks)) lines.push_back(std::move(line));
        } else {
            admin.cli.fail(tracks.error());
            status = cli::exit_status::failed;
        }
        rows.add_lines(std::move(lines), std::move(object));
    }
    const int printed = admin.cli.finish(rows.print());
    return status != 0 ? status : printed;
}

int hand_to_member(Admin& admin, const Found& found, const ById& options) {
    const auto address = address_of(admin, found);
    if (!address) return admin.cli.fail(address.error());
    const auto id = found.offset_id();
    const auto answer = admin.call(
        *address, wire::request_code::consume_message_directly,
        ConsumeDirectly{options.group, options.client, id, found.broker, found.message.topic});
    if (!answer) return admin.cli.fail(answer.error());
    auto result = json::parse(answer->body);
    if (!result) return admin.cli.fail(result.error());
    const auto outcome = (*result)["consumeResult"].as_text();
    result->set("msgId", found.id());
    cli::Rows rows(admin.out, {});
    rows.add(
        {fmt::format("ConsumeMessageDirectlyResult [order={}, autoCommit={}, "
                     "consumeResult={}, remark={}, spentTimeMills={}]",
                     (*result)["order"].as_text("false"), (*result)["autoCommit"].as_text("true"),
                     outcome, (*result)["remark"].as_text("null"),
                     (*result)["spentTimeMills"].as_int())},
        *result);
    const int printed = admin.cli.finish(rows.print());
    if (printed != 0) return printed;
    return outcome == "CR_SUCCESS" || outcome == "CR_COMMIT" ? cli::exit_status::done
                                                             : cli::exit_status::failed;
}

int send_again(Admin& admin, const Found& found) {
    const auto queues = writeable_queues(admin, std::string(found.message.topic));
    if (!queues) return admin.cli.fail(queues.error());
    namespace property = message::property;
    Outgoing message;
    message.group = "ReSendMsgById";
    message.topic = found.message.topic;
    message.body = found.text();
    message.properties = message::without_properties(
        found.message.properties,
        {property::uniq_key, property::wait, property::crc32, property::delay,
         property::retry_topic, property::real_topic, property::real_qid, property::cluster,
         property::msg_region, property::trace_on, property::inner_num, property::inner_base});
    const auto sent = send_to(admin, queues->front(), message);
    if (!sent) return admin.cli.fail(sent.error());
    cli::Rows rows(admin.out, {});
    auto object = object_of(queues->front(), *sent);
    object.set("resent", found.id());
    rows.add({fmt::format("resend {} success. SendResult [sendStatus={}, msgId={}, "
                          "offsetMsgId={}, messageQueue=MessageQueue [topic={}, brokerName={}, "
                          "queueId={}], queueOffset={}]",
                          found.id(), sent->status, sent->id, sent->offset_id, message.topic,
                          queues->front().broker, sent->queue, sent->offset)},
             std::move(object));
    return admin.cli.finish(rows.print());
}

int serve(Admin& admin, const ById& options, const Result<std::vector<Found>>& found) {
    if (!found) return admin.cli.fail(found.error());
    if (found->empty())
        return admin.cli.fail(
            {Errc::not_found, fmt::format("the broker has no message '{}'", options.query.key)});
    if (!options.group.empty()) return hand_to_member(admin, found->front(), options);
    if (options.sends_again) return send_again(admin, found->front());
    return print_found(admin, *found, options.format.has_value());
}

/// The options of what ends at a member: both or neither.
std::optional<int> check(const Admin& admin, const ById& options) {
    if (options.group.empty() == options.client.empty()) return std::nullopt;
    return admin.cli.usage_error("-g and -d are given together: the group, and the member of it");
}

void id_options(Admin& admin, ById& options) {
    admin.cli.required("-i,--msgId", options.query.key, "ID", "id of the message");
    admin.cli.option("-g,--consumerGroup", options.group, "GROUP",
                     "hand it to a member of this group, at once");
    admin.cli.option("-d,--clientId", options.client, "ID", "the member");
    admin.cli.required("-t,--topic", options.query.topic, "TOPIC", "name of the topic");
    admin.cli.option("-c,--cluster", options.query.cluster, "CLUSTER",
                     "only the brokers of this cluster");
}

}  // namespace

int query_msg_by_id(const Arguments& arguments) {
    ById options;
    options.query.max = 1;
    Admin admin("queryMsgById",
                "print a message by either kind of id, and the groups that have consumed it");
    auto& cli = admin.cli;
    id_options(admin, options);
    cli.option("-s,--sendMessage", options.sends_again, parse_bool, "true|false",
               "send it again, as a new message");
    cli.option("-u,--unitName", options.unit, "NAME", "of the reference's units; taken, not used");
    cli.option(
        "-f,--bodyFormat",
        [&](std::string_view name) -> Result<> {
            TRY(options.format, parse_charset(name));
            return {};
        },
        "CHARSET", "print the body (UTF-8), and not the name of a file with it");
    cli.example("mqadmin queryMsgById -t orders -i 7F00000100002A9F0000000000000000", "a message");
    cli.example("mqadmin queryMsgById -t orders -i ID -s true", "send it again");
    cli.example("mqadmin queryMsgById -t orders -i ID --out json | jq -r '.[].body'",
                "print the payload alone");
    if (const auto status = admin.start(arguments)) return *status;
    if (const auto status = check(admin, options)) return *status;
    return serve(admin, options, find_by_id(admin, options.query));
}

int query_msg_by_unique_key(const Arguments& arguments) {
    ById options;
    bool shows_all = false;
    Admin admin(
        "queryMsgByUniqueKey",
        "print a message by the id that its sender made, and the groups that have consumed it");
    auto& cli = admin.cli;
    id_options(admin, options);
    cli.flag("-a,--showAll", shows_all, "print up to 32 messages with this id, not only one");
    cli.example("mqadmin queryMsgByUniqueKey -t orders -i ID", "a message");
    cli.example("mqadmin queryMsgByUniqueKey -t orders -i ID -a", "each time that it was stored");
    cli.example("mqadmin queryMsgByUniqueKey -t orders -i ID --out json | jq '.[].tracks'",
                "which groups have consumed it");
    if (const auto status = admin.start(arguments)) return *status;
    if (const auto status = check(admin, options)) return *status;
    options.query.is_unique_key = true;
    options.query.max = 32;
    auto found = find_by_key(admin, options.query);
    if (found && !shows_all && found->size() > 1) found->resize(1);
    return serve(admin, options, found);
}

int query_msg_by_key(const Arguments& arguments) {
    KeyQuery query;
    Admin admin("queryMsgByKey", "find the messages of a topic that have a key");
    auto& cli = admin.cli;
    cli.required("-t,--topic", query.topic, "TOPIC", "name of the topic");
    cli.required("-k,--msgKey", query.key, "KEY", "one of the keys of the message");
    cli.option("-b,--beginTimestamp", query.begin_ms, parse_admin_time, "TIME",
               "stored then or later");
    cli.option("-e,--endTimestamp", query.end_ms, parse_admin_time, "TIME",
               "stored then or before");
    cli.option("-m,--maxNum", query.max, "N", "up to N messages (default: 64)");
    cli.option("-c,--cluster", query.cluster, "CLUSTER", "only the brokers of this cluster");
    cli.example("mqadmin queryMsgByKey -t orders -k order-7", "where they are");
    cli.example("mqadmin queryMsgByKey -t orders -k order-7 -b 2026-12-01#00:00:00:000",
                "of one day on");
    cli.example("mqadmin queryMsgByKey -t orders -k order-7 --out jsonl | jq -r .body",
                "their payloads");
    if (const auto status = admin.start(arguments)) return *status;
    const auto found = find_by_key(admin, query);
    if (!found) return cli.fail(found.error());
    cli::Rows rows(admin.out, {"#Message ID", "#QID", "#Offset"});
    for (const auto& one : *found)
        rows.add({one.id(), std::to_string(one.message.queue_id),
                  std::to_string(one.message.queue_offset.value)},
                 object_of(one));
    return cli.finish(rows.print());
}

int query_msg_by_offset(const Arguments& arguments) {
    PullFrom from;
    from.max = 1;
    std::optional<std::string> format;
    Admin admin("queryMsgByOffset", "print the message at an offset of a queue");
    auto& cli = admin.cli;
    cli.required("-t,--topic", from.topic, "TOPIC", "name of the topic");
    cli.required("-b,--brokerName", from.broker.name, "NAME", "the broker");
    cli.required("-i,--queueId", from.queue, "N", "the queue");
    cli.required("-o,--offset", from.offset, "N", "the offset");
    cli.option(
        "-f,--bodyFormat",
        [&](std::string_view name) -> Result<> {
            TRY(format, parse_charset(name));
            return {};
        },
        "CHARSET", "print the body (UTF-8), and not the name of a file with it");
    cli.example("mqadmin queryMsgByOffset -t orders -b broker-a -i 0 -o 42", "a message");
    cli.example("mqadmin queryMsgByOffset -t orders -b broker-a -i 0 -o 42 -f UTF-8",
                "with its payload");
    cli.example(
        "mqadmin queryMsgByOffset -t orders -b broker-a -i 0 -o 42 --out json | "
        "jq -r '.[].msgId'",
        "print its id alone");
    if (const auto status = admin.start(arguments)) return *status;
    const auto address = broker_named(admin, from.topic, from.broker.name);
    if (!address) return cli.fail(address.error());
    from.broker = *address;
    const auto pulled = pull(admin, from);
    if (!pulled) return cli.fail(pulled.error());
    if (pulled->found.empty() || pulled->found.front().message.queue_offset.value != from.offset)
        return cli.fail({Errc::not_found,
                         fmt::format("queue {} of topic '{}' on {} has no offset {}; it has {} to "
                                     "{}",
                                     from.queue, from.topic, from.broker.name, from.offset,
                                     pulled->min, pulled->max - 1)});
    return print_found(admin, {pulled->found.front()}, format.has_value());
}

}  // namespace mqd::admin
