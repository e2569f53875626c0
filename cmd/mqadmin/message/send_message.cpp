// sendMessage: one message, by SEND_MESSAGE_V2 310.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "base/random.h"
#include "probe.h"

namespace mqd::admin {

int send_message(const Arguments& arguments) {
    Outgoing message;
    message.group = "DefaultTopicSendProducer";
    std::string broker;
    std::optional<std::int32_t> queue_id;
    bool traced = false;
    Admin admin("sendMessage", "send one message");
    auto& cli = admin.cli;
    cli.required("-t,--topic", message.topic, "TOPIC", "name of the topic");
    cli.required("-p,--body", message.body, "TEXT", "the payload");
    cli.option("-k,--key", message.keys, "KEYS", "its keys, with blanks between");
    cli.option("-c,--tags", message.tags, "TAG", "its tag");
    cli.option("-b,--broker", broker, "NAME", "to this broker (default: any)");
    cli.option("-i,--qid", queue_id, "N", "to this queue of the broker (default: any)");
    cli.option("-m,--msgTraceEnable", traced, parse_bool, "true|false",
               "mqadmin sends no trace of it: true is refused");
    cli.example("mqadmin sendMessage -t orders -p 'one piece' -k order-7", "to any queue");
    cli.example("mqadmin sendMessage -t orders -p test -b broker-a -i 0", "to one queue");
    cli.example("mqadmin sendMessage -t orders -p test --out json | jq -r '.[].msgId'",
                "print the id alone");
    if (const auto status = admin.start(arguments)) return *status;
    if (traced) return cli.usage_error("mqadmin sends no trace messages: leave -m away");
    if (queue_id && broker.empty()) return cli.usage_error("-i needs -b, the broker of the queue");

    const auto queues = writeable_queues(admin, message.topic, broker);
    if (!queues) return cli.fail(queues.error());
    const auto any = random_below(static_cast<std::int32_t>(queues->size()));
    auto queue = (*queues)[static_cast<std::size_t>(any)];
    if (queue_id) queue.id = *queue_id;
    const auto sent = send_to(admin, queue, message);
    if (!sent) return cli.fail(sent.error());
    cli::Rows rows(admin.out, {"#Broker Name", "#QID", "#Send Result", "#MsgId"});
    rows.add({queue.broker, std::to_string(sent->queue), sent->status, sent->id},
             object_of(queue, *sent));
    return cli.finish(rows.print());
}

}  // namespace mqd::admin
