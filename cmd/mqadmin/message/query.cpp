// queryMsgByKey and queryMsgByUniqueKey: QUERY_MESSAGE 12 of each broker of the topic;
// queryMsgById: VIEW_MESSAGE_BY_ID 33 of the broker that the id names, or a unique key;
// queryMsgByOffset: PULL_MESSAGE 11 of one message.

#include <fmt/format.h>

#include <algorithm>

#include "../admin.h"
#include "../commands.h"
#include "message/id.h"
#include "message/properties.h"
#include "show.h"
#include "wire/codes.h"
#include "wire/headers/messages.h"
#include "wire/headers/pull.h"

namespace mqd::admin {
namespace {

struct Query {
    std::string topic, key, cluster;
    std::int32_t max = 64;
    std::int64_t begin_ms = 0, end_ms = std::numeric_limits<std::int64_t>::max();
    bool is_unique = false;
};

/// `found` for each message, in the order of the brokers. not_found: none.
Result<int> look(Admin& admin, const Query& is,
                 const std::function<void(const Target&, const message::RecordView&)>& found) {
    TRY(const auto brokers, admin.brokers_of(is.topic, is.cluster));
    wire::QueryMessage header;
    header.topic = is.topic;
    header.key = is.key;
    header.max_num = is.max;
    header.begin_timestamp = is.begin_ms;
    header.end_timestamp = is.end_ms;
    if (is.is_unique) header.unique_key = true;
    std::size_t count = 0;
    int status = 0;
    for (const auto& broker : brokers) {
        const auto answer = admin.call(broker.address, wire::request_code::query_message, header);
        if (!answer) {
            if (answer.error().remote_code == wire::response_code::query_not_found) continue;
            status = admin.cli.fail(answer.error());
            continue;
        }
        TRY(const auto records, records_in(answer->body));
        for (const auto& record : records) {
            ++count;
            found(broker, record);
        }
    }
    if (count > 0 || status != 0) return status;
    return Error{Errc::not_found,
                 fmt::format("topic '{}' has no message with the {} '{}'", is.topic,
                             is.is_unique ? "unique key" : "key", is.key)};
}

int print(Admin& admin, const Result<int>& looked, const cli::Rows& rows) {
    if (!looked) return admin.cli.fail(looked.error());
    const int printed = admin.cli.finish(rows.print());
    return *looked != 0 ? *looked : printed;
}

int print_by_unique_key(Admin& admin, Query is) {
    is.is_unique = true;
    cli::Rows rows(admin.out, {});
    const auto looked = look(admin, is, [&](const Target&, const message::RecordView& record) {
        add_message(admin, rows, record);
    });
    return print(admin, looked, rows);
}

}  // namespace

int query_msg_by_key(const Arguments& arguments) {
    Query is;
    Admin admin("queryMsgByKey", "find messages by one of their keys");
    auto& cli = admin.cli;
    cli.required("-t,--topic", is.topic, "TOPIC", "name of the topic");
    cli.required("-k,--msgKey", is.key, "KEY", "the key");
    cli.option("-b,--beginTimestamp", is.begin_ms, parse_admin_time, "TIME",
               "stored at this time or later");
    cli.option("-e,--endTimestamp", is.end_ms, parse_admin_time, "TIME", "and not after this one");
    cli.option("-m,--maxNum", is.max, "N", "most messages of a broker (default: 64)");
    cli.option("-c,--cluster", is.cluster, "CLUSTER", "only the brokers of this cluster");
    cli.example("mqadmin queryMsgByKey -t orders -k order-17", "where they lie");
    cli.example("mqadmin queryMsgByKey -t orders -k order-17 -b -1h", "of the last hour");
    cli.example("mqadmin queryMsgByKey -t orders -k order-17 --out json | jq -r '.[0].msgId'",
                "the id of the first");
    if (const auto status = admin.start(arguments)) return *status;
    cli::Rows rows(admin.out, {"#Message ID", "#QID", "#Offset"});
    const auto looked =
        look(admin, is, [&](const Target& broker, const message::RecordView& record) {
            const std::string id(
                message::find_property(record.properties, message::property::uniq_key)
                    .value_or(""));
            const auto offset_id = message::offset_id(record.store_host, record.at);
            rows.add({id.empty() ? offset_id : id, std::to_string(record.queue_id),
                      std::to_string(record.queue_offset.value)},
                     json::Value::object({{"msgId", id.empty() ? offset_id : id},
                                          {"offsetMsgId", offset_id},
                                          {"topic", is.topic},
                                          {"broker", broker.name},
                                          {"queueId", record.queue_id},
                                          {"queueOffset", record.queue_offset.value},
                                          {"storeTimestamp", record.store_ts_ms}}));
        });
    return print(admin, looked, rows);
}

int query_msg_by_unique_key(const Arguments& arguments) {
    Query is;
    bool all = false;
    Admin admin("queryMsgByUniqueKey", "print the message that has this id of its client");
    auto& cli = admin.cli;
    cli.required("-t,--topic", is.topic, "TOPIC", "name of the topic");
    cli.required("-i,--msgId", is.key, "ID", "the id, as mqsend --print ids gives it");
    cli.flag("-a,--showAll", all, "all that have it, as after a resend, up to 32");
    cli.option("-c,--cluster", is.cluster, "CLUSTER", "only the brokers of this cluster");
    cli.example("mqadmin queryMsgByUniqueKey -t orders -i 0C476F9BC51E8F2DD166A93A56777701",
                "all about it");
    cli.example("mqadmin queryMsgByUniqueKey -t orders -i 0C476F9BC51E8F2DD166A93A56777701 -a",
                "and about its copies");
    cli.example(
        "mqadmin queryMsgByUniqueKey -t orders -i 0C476F9BC51E8F2DD166A93A56777701 --out "
        "json | jq -r '.[0].body'",
        "its body");
    if (const auto status = admin.start(arguments)) return *status;
    is.max = all ? 32 : 1;
    return print_by_unique_key(admin, is);
}

int query_msg_by_id(const Arguments& arguments) {
    Query is;
    Admin admin("queryMsgById", "print the message with this id: an offset id or its client's");
    auto& cli = admin.cli;
    cli.required("-t,--topic", is.topic, "TOPIC", "name of the topic");
    cli.required("-i,--msgId", is.key, "ID", "the id");
    cli.option("-c,--cluster", is.cluster, "CLUSTER", "only the brokers of this cluster");
    cli.example("mqadmin queryMsgById -t orders -i 7F00000100002A9F0000000000A0B1C2",
                "by its offset id");
    cli.example("mqadmin queryMsgById -t orders -i 0C476F9BC51E8F2DD166A93A56777701",
                "by its client's id");
    cli.example("mqadmin queryMsgById -t orders -i 7F00000100002A9F0000000000A0B1C2 --out jsonl",
                "as JSON");
    if (const auto status = admin.start(arguments)) return *status;
    is.max = 32;
    const auto place = message::parse_offset_id(is.key);
    // A client's id has the same form, and its address is nobody's.
    const bool is_place = place && place->store_host.port != 0;
    if (is_place) {
        const auto answer =
            admin.call(place->store_host.to_string(), wire::request_code::view_message_by_id,
                       wire::ViewMessage{place->at.value, is.topic});
        if (answer) {
            cli::Rows rows(admin.out, {});
            const auto records = records_in(answer->body);
            if (!records) return cli.fail(records.error());
            for (const auto& record : *records) add_message(admin, rows, record);
            return cli.finish(rows.print());
        }
    }
    return print_by_unique_key(admin, is);
}

int query_msg_by_offset(const Arguments& arguments) {
    std::string topic, broker;
    std::int32_t queue = 0;
    std::int64_t offset = 0;
    Admin admin("queryMsgByOffset", "print the message at this place of a queue");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.required("-b,--brokerName", broker, "BROKER", "name of the broker");
    cli.required("-i,--queueId", queue, "N", "the queue");
    cli.required("-o,--offset", offset, "N", "the message");
    cli.example("mqadmin queryMsgByOffset -t orders -b broker-a -i 0 -o 17", "all about it");
    cli.example("mqadmin queryMsgByOffset -t orders -b broker-a -i 0 -o 17 --out jsonl", "as JSON");
    cli.example(
        "mqadmin queryMsgByOffset -t orders -b broker-a -i 0 -o 17 --out json | jq -r "
        "'.[0].body'",
        "its body");
    if (const auto status = admin.start(arguments)) return *status;
    const auto brokers = admin.brokers_of(topic);
    if (!brokers) return cli.fail(brokers.error());
    const auto found =
        std::ranges::find_if(*brokers, [&](const Target& t) { return t.name == broker; });
    if (found == brokers->end())
        return cli.fail(
            {Errc::not_found, fmt::format("no broker '{}' has topic '{}'", broker, topic)});
    wire::PullMessage header;
    header.consumer_group = "TOOLS_CONSUMER";
    header.topic = topic;
    header.queue_id = queue;
    header.queue_offset = offset;
    header.max_msg_nums = 1;
    header.sys_flag = wire::pull_flag::subscription;
    header.subscription = "*";
    const auto answer = admin.call(found->address, wire::request_code::pull_message, header);
    if (!answer && (answer.error().remote_code == wire::response_code::pull_not_found ||
                    answer.error().remote_code == wire::response_code::pull_offset_moved ||
                    answer.error().remote_code == wire::response_code::pull_retry_immediately))
        return cli.fail({Errc::not_found, fmt::format("queue {} of '{}' on {} has no message {}",
                                                      queue, topic, broker, offset)});
    if (!answer) return cli.fail(answer.error());
    const auto records = records_in(answer->body);
    if (!records) return cli.fail(records.error());
    cli::Rows rows(admin.out, {});
    for (const auto& record : *records)
        if (record.queue_offset.value == offset) add_message(admin, rows, record);
    if (rows.size() == 0)
        return cli.fail({Errc::not_found, fmt::format("queue {} of '{}' on {} has no message {}",
                                                      queue, topic, broker, offset)});
    return cli.finish(rows.print());
}

}  // namespace mqd::admin
