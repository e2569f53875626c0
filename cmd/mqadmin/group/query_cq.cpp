// queryCq: QUERY_CONSUME_QUEUE 321; setConsumeMode: SET_MESSAGE_REQUEST_MODE 401.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "wire/bodies/consume_queue.h"
#include "wire/bodies/request_mode.h"
#include "wire/codes.h"
#include "wire/headers/consume_queue.h"

namespace mqd::admin {

int query_cq(const Arguments& arguments) {
    std::string topic, broker, group;
    std::int32_t queue = 0, count = 10;
    std::int64_t index = 0;
    Admin admin("queryCq", "print units of a consume queue: where its messages lie in the log");
    auto& cli = admin.cli;
    cli.required("-t,--topic", topic, "TOPIC", "name of the topic");
    cli.required("-q,--queue", queue, "N", "the queue");
    cli.required("-i,--index", index, "N", "the first message");
    cli.option("-c,--count", count, "N", "how many (default: 10)");
    cli.option("-b,--broker", broker, "HOST:PORT",
               "of this broker (default: the first that has it)");
    cli.option("-g,--consumer", group, "GROUP", "print what this group wants of it too");
    cli.example("mqadmin queryCq -t orders -q 0 -i 0", "the first ten");
    cli.example("mqadmin queryCq -t orders -q 0 -i 100 -c 1 --out jsonl", "one, as JSON");
    cli.example("mqadmin queryCq -t orders -q 0 -i 0 -g billing", "with what a group wants");
    if (const auto status = admin.start(arguments)) return *status;
    if (broker.empty()) {
        const auto brokers = admin.brokers_of(topic);
        if (!brokers) return cli.fail(brokers.error());
        if (brokers->empty())
            return cli.fail({Errc::not_found, fmt::format("topic '{}' has no broker", topic)});
        broker = brokers->front().address;
    }
    wire::QueryConsumeQueue header{topic, queue, index, count, {}};
    if (!group.empty()) header.group = group;
    cli::Rows rows(admin.out, {"#Offset", "#Physic Offset", "#Physic Size", "#Tags Code", "#Note"});
    const int status = admin.ask(
        {{{}, {}, broker, 0}}, wire::request_code::query_consume_queue, header, {},
        [&](const Target&, const remoting::Answer& answer) -> Result<> {
            TRY(const auto is, wire::ConsumeQueueAnswer::read(answer.body));
            auto offset = index;
            for (const auto& unit : is.units) {
                rows.add(
                    {std::to_string(offset), std::to_string(unit.physic_offset),
                     std::to_string(unit.physic_size), std::to_string(unit.tags_code), unit.msg},
                    json::Value::object({{"topic", topic},
                                         {"queueId", queue},
                                         {"offset", offset},
                                         {"physicalOffset", unit.physic_offset},
                                         {"bytes", unit.physic_size},
                                         {"tagsCode", unit.tags_code}}));
                ++offset;
            }
            auto totals = json::Value::object({{"minOffset", is.min}, {"maxOffset", is.max}});
            std::vector<std::string> lines = {fmt::format("min: {}, max: {}", is.min, is.max)};
            if (is.subscription) {
                lines.push_back(fmt::format("subscription: {}", is.subscription->sub_string));
                totals.set("subscription", is.subscription->sub_string);
            }
            if (!is.filter_data.empty()) {
                lines.push_back(fmt::format("filter: {}", is.filter_data));
                totals.set("filter", is.filter_data);
            }
            rows.totals(std::move(lines), std::move(totals));
            return {};
        });
    return admin.print(status, rows);
}

int set_consume_mode(const Arguments& arguments) {
    Where where;
    wire::RequestMode mode;
    Admin admin("setConsumeMode", "say whether a group pulls a topic or pops from it");
    auto& cli = admin.cli;
    admin.where(where);
    cli.required("-t,--topicName", mode.topic, "TOPIC", "name of the topic");
    cli.required("-g,--groupName", mode.consumer_group, "GROUP", "name of the group");
    cli.option(
        "-m,--mode", mode.pops,
        [](std::string_view text) -> Result<bool> {
            if (text == "PULL" || text == "POP") return text == "POP";
            return Error{Errc::invalid, fmt::format("'{}' is neither PULL nor POP", text)};
        },
        "PULL|POP", "how it gets messages (default: PULL)");
    cli.option("-q,--popShareQueueNum", mode.pop_share_queues, "N",
               "with POP: members that share a queue (default: 0, all)");
    cli.example("mqadmin setConsumeMode -c DefaultCluster -t orders -g billing -m POP", "it pops");
    cli.example("mqadmin setConsumeMode -c DefaultCluster -t orders -g billing -m PULL",
                "it pulls");
    cli.example("mqadmin setConsumeMode -b 127.0.0.1:10911 -t orders -g billing -m POP --out jsonl",
                "on one broker");
    if (const auto status = admin.start(arguments)) return *status;
    const auto targets = admin.masters(where);
    if (!targets) return cli.fail(targets.error());
    cli::Rows rows(admin.out, {});
    const int status = admin.ask(
        *targets, wire::request_code::set_message_request_mode, NoHeader{},
        as_bytes(wire::to_body(mode)), [&](const Target& broker, const remoting::Answer&) {
            rows.add({fmt::format("set consume mode to {} success.", broker.address)},
                     json::Value::object({{"broker", broker.address},
                                          {"topic", mode.topic},
                                          {"group", mode.consumer_group},
                                          {"mode", mode.pops ? "POP" : "PULL"},
                                          {"popShareQueueNum", mode.pop_share_queues}}));
            return Result<>();
        });
    return admin.print(status, rows);
}

}  // namespace mqd::admin
