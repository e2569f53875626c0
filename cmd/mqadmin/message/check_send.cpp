// sendMsgStatus and checkMsgSendRT: messages one after the other, and how long each took.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "cli/row_stream.h"
#include "cli/signals.h"
#include "probe.h"

namespace mqd::admin {
namespace {

struct Probes {
    Outgoing message;
    std::int64_t count = 0, bytes = 0;
    std::int64_t sum_ms = 0, sent = 0, failed = 0;
    std::optional<Error> first;
};

/// `print` gets the queue, and what became of the message.
template <class Print>
Result<> run(Admin& admin, const std::vector<client::Queue>& queues, Probes& probes,
             const Print& print) {
    probes.message.body = probe_body(probes.bytes);
    for (std::int64_t i = 0; i < probes.count && !cli::interrupted(); ++i) {
        const auto& queue = queues[static_cast<std::size_t>(i) % queues.size()];
        const auto sent = send_to(admin, queue, probes.message);
        if (sent) {
            ++probes.sent;
            probes.sum_ms += sent->ms;
        } else {
            admin.cli.warn(sent.error().what);
            ++probes.failed;
            if (!probes.first) probes.first = sent.error();
        }
        TRY_OK(print(queue, sent));
    }
    return {};
}

int status_of(const Admin& admin, const Probes& probes, const Result<>& printed) {
    if (!printed) return admin.cli.finish(printed);
    if (probes.failed == 0) return cli::exit_status::done;
    return probes.sent > 0 ? cli::exit_status::failed : cli::exit_status_of(*probes.first);
}

json::Value failed_object(const client::Queue& queue, const Error& error) {
    return json::Value::object({{"broker", queue.broker},
                                {"queueId", queue.id},
                                {"status", "FAILED"},
                                {"error", error.what}});
}

}  // namespace

int send_msg_status(const Arguments& arguments) {
    Probes probes;
    probes.count = 50;
    probes.bytes = 128;
    std::string broker;
    Admin admin("sendMsgStatus", "send probes to a broker, to the topic of its own name");
    auto& cli = admin.cli;
    cli.required("-b,--brokerName", broker, "NAME", "the broker");
    cli.option("-s,--messageSize", probes.bytes, "N", "bytes of each message (default: 128)");
    cli.option("-c,--count", probes.count, "N", "number of messages (default: 50)");
    cli.example("mqadmin sendMsgStatus -b broker-a", "fifty messages");
    cli.example("mqadmin sendMsgStatus -b broker-a -c 1 -s 1024", "one of a kilobyte");
    cli.example("mqadmin sendMsgStatus -b broker-a --out jsonl | jq .rtMs", "the times alone");
    if (const auto status = admin.start(arguments)) return *status;
    if (probes.bytes < 0 || probes.count < 1) return cli.usage_error("-s and -c are not negative");
    probes.message.topic = broker;
    probes.message.group = "PID_SMSC";
    const auto queues = writeable_queues(admin, broker, broker);
    if (!queues) return cli.fail(queues.error());
    cli::RowStream rows(admin.out, {"#RT", "#Send Result", "#MsgId", "#QID", "#Queue Offset"});
    auto printed =
        run(admin, *queues, probes,
            [&](const client::Queue& queue, const Result<SendResult>& sent) -> Result<> {
                if (!sent)
                    return rows.add({"-", "FAILED", "-", std::to_string(queue.id), "-"},
                                    failed_object(queue, sent.error()));
                return rows.add({std::to_string(sent->ms), sent->status, sent->id,
                                 std::to_string(sent->queue), std::to_string(sent->offset)},
                                object_of(queue, *sent));
            });
    if (printed) printed = rows.finish();
    return status_of(admin, probes, printed);
}

int check_msg_send_rt(const Arguments& arguments) {
    Probes probes;
    probes.count = 100;
    probes.bytes = 128;
    Admin admin("checkMsgSendRT", "send probes to the queues of a topic, and print the times");
    auto& cli = admin.cli;
    cli.required("-t,--topic", probes.message.topic, "TOPIC", "name of the topic");
    cli.option("-a,--amount", probes.count, "N", "number of messages (default: 100)");
    cli.option("-s,--size", probes.bytes, "N", "bytes of each message (default: 128)");
    cli.example("mqadmin checkMsgSendRT -t probes", "a hundred messages");
    cli.example("mqadmin checkMsgSendRT -t probes -a 10 -s 4096", "ten of 4 KiB");
    cli.example("mqadmin checkMsgSendRT -t probes --out json | jq .totals.avgRtMs",
                "print the average alone");
    if (const auto status = admin.start(arguments)) return *status;
    if (probes.bytes < 0 || probes.count < 1) return cli.usage_error("-a and -s are not negative");
    const auto queues = writeable_queues(admin, probes.message.topic);
    if (!queues) return cli.fail(queues.error());
    cli::Rows rows(admin.out, {"#Broker Name", "#QID", "#Send Result", "#RT"});
    const auto ran = run(
        admin, *queues, probes,
        [&](const client::Queue& queue, const Result<SendResult>& sent) -> Result<> {
            if (sent)
                rows.add(
                    {queue.broker, std::to_string(sent->queue), "true", std::to_string(sent->ms)},
                    object_of(queue, *sent));
            else
                rows.add({queue.broker, std::to_string(queue.id), "false", "-"},
                         failed_object(queue, sent.error()));
            return {};
        });
    const double average =
        probes.sent > 0 ? static_cast<double>(probes.sum_ms) / static_cast<double>(probes.sent) : 0;
    rows.totals({fmt::format("Avg RT: {:.2f}", average)},
                json::Value::object(
                    {{"avgRtMs", average}, {"sent", probes.sent}, {"failed", probes.failed}}));
    return status_of(admin, probes, ran ? rows.print() : ran);
}

}  // namespace mqd::admin
