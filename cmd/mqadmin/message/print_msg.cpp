// printMsg, printMsgByQueue and consumeMessage: PULL_MESSAGE 11 from where GET_MIN_OFFSET 31,
// GET_MAX_OFFSET 30 and SEARCH_OFFSET_BY_TIMESTAMP 29 say. Nothing is committed.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "../admin.h"
#include "../commands.h"
#include "cli/row_stream.h"
#include "cli/signals.h"
#include "client/start.h"
#include "lookup.h"
#include "message/properties.h"

namespace mqd::admin {
namespace {

constexpr std::int32_t pull_messages_max = 32;

struct Wanted {
    std::string topic, expression = "*", group, charset;
    std::string broker;                  ///< empty: all
    std::optional<std::int32_t> queue;   ///< absent: all
    std::optional<std::int64_t> offset;  ///< begin there
    std::optional<std::int64_t> begin_ms, end_ms;
    std::int64_t count = std::numeric_limits<std::int64_t>::max();
    bool prints = true, prints_body = true, counts_tags = false;
};

struct Stretch {
    client::Queue queue;
    std::int64_t begin = 0, end = 0;
};

class Printer {
public:
    Printer(Admin& admin, const Wanted& wanted)
        : admin_(admin), wanted_(wanted), left_(wanted.count), rows_(admin.out, {}) {}

    /// The messages of a queue, up to its end as it was.
    Result<> print(const Stretch& stretch);
    Result<> print_tags();
    Result<> finish() { return rows_.finish(); }
    bool is_done() const { return left_ <= 0 || cli::interrupted(); }

private:
    Result<> note(std::string text) {
        if (admin_.out != cli::RowsOut::table) return {};
        return rows_.add({std::move(text)}, {});
    }
    Result<> add(const Found& found);

    Admin& admin_;
    const Wanted& wanted_;
    std::int64_t left_;
    std::map<std::string, std::int64_t> tags_;
    cli::RowStream rows_;
};

std::string text_of(const client::Queue& queue) {
    return fmt::format("MessageQueue [topic={}, brokerName={}, queueId={}]", queue.topic,
                       queue.broker, queue.id);
}

Result<> Printer::add(const Found& found) {
    --left_;
    if (wanted_.counts_tags) ++tags_[std::string(found.property(message::property::tags))];
    if (!wanted_.prints) return {};
    std::vector<std::string> cells;
    if (admin_.out == cli::RowsOut::table) cells.push_back(line_of(found, wanted_.prints_body));
    return rows_.add(cells, object_of(found, wanted_.prints_body));
}

Result<> Printer::print(const Stretch& stretch) {
    const auto& queue = stretch.queue;
    TRY_OK(note(
        fmt::format("minOffset={}, maxOffset={}, {}", stretch.begin, stretch.end, text_of(queue))));
    PullFrom from;
    from.broker = {{}, queue.broker, queue.address, 0};
    from.topic = queue.topic;
    from.queue = queue.id;
    from.offset = stretch.begin;
    from.expression = wanted_.expression;
    from.group = wanted_.group;
    while (from.offset < stretch.end && !is_done()) {
        from.max = static_cast<std::int32_t>(std::min<std::int64_t>(pull_messages_max, left_));
        TRY(const auto pulled, pull(admin_, from));
        for (const auto& found : pulled.found)
            if (found.message.queue_offset.value < stretch.end && left_ > 0) TRY_OK(add(found));
        if (pulled.is_at_end) break;
        from.offset = pulled.next;
    }
    return note(fmt::format("{} print msg finished. offset={}", text_of(queue),
                            std::min(from.offset, stretch.end)));
}

Result<> Printer::print_tags() {
    std::vector<std::pair<std::string, std::int64_t>> all(tags_.begin(), tags_.end());
    std::ranges::stable_sort(all, std::greater<>(), [](const auto& one) { return one.second; });
    for (const auto& [tag, count] : all)
        TRY_OK(
            rows_.add({fmt::format("Tag: {:<30} Count: {}", tag.empty() ? "(none)" : tag, count)},
                      json::Value::object({{"tag", tag}, {"count", count}})));
    return {};
}

Result<std::vector<client::Queue>> queues_of(Admin& admin, const Wanted& wanted) {
    TRY(const auto route, admin.route(wanted.topic));
    auto queues = client::subscribe_queues(wanted.topic, route);
    std::erase_if(queues, [&](const client::Queue& queue) {
        return (!wanted.broker.empty() && queue.broker != wanted.broker) ||
               (wanted.queue && queue.id != *wanted.queue);
    });
    if (!queues.empty()) return queues;
    return Error{Errc::not_found,
                 fmt::format("topic '{}' has no queue{} to read{}", wanted.topic,
                             wanted.queue ? fmt::format(" {}", *wanted.queue) : "",
                             wanted.broker.empty() ? "" : " on broker '" + wanted.broker + "'")};
}

Result<std::vector<Stretch>> stretches_of(Admin& admin, const Wanted& wanted) {
    TRY(const auto queues, queues_of(admin, wanted));
    client::From from;
    if (wanted.begin_ms) from = {client::From::Kind::time, *wanted.begin_ms};
    TRY(const auto bounds, client::queue_bounds(admin.client(), queues, from));
    std::vector<std::int64_t> ends(queues.size(), client::offset_max);
    if (wanted.end_ms) {
        // What was stored in that millisecond is wanted too.
        TRY(ends, client::offsets_by_time(admin.client(), queues, *wanted.end_ms + 1));
    }
    std::vector<Stretch> out;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const auto& bound = bounds[i];
        Stretch stretch{queues[i], bound.min, std::min(bound.max, ends[i])};
        if (bound.by_time) stretch.begin = std::max(bound.min, *bound.by_time);
        if (wanted.offset) stretch.begin = *wanted.offset;
        if (wanted.offset && (*wanted.offset < bound.min || *wanted.offset > bound.max))
            return Error{Errc::not_found,
                         fmt::format("{} has no offset {}; it has {} to {}", queues[i].to_string(),
                                     *wanted.offset, bound.min, bound.max)};
        out.push_back(std::move(stretch));
    }
    return out;
}

int print_all(Admin& admin, const Wanted& wanted) {
    const auto stretches = stretches_of(admin, wanted);
    if (!stretches) return admin.cli.fail(stretches.error());
    Printer printer(admin, wanted);
    int status = cli::exit_status::done;
    for (const auto& stretch : *stretches) {
        if (printer.is_done()) break;
        const auto printed = printer.print(stretch);
        if (printed) continue;
        const int own = admin.cli.fail(printed.error());
        if (status == 0) status = own;
        // The reader of our output is gone or full: there is no sense in going on.
        if (printed.error().code == Errc::io) return own;
    }
    if (wanted.counts_tags)
        if (const auto printed = printer.print_tags(); !printed)
            return admin.cli.fail(printed.error());
    const int printed = admin.cli.finish(printer.finish());
    return status != 0 ? status : printed;
}

void charset_option(Admin& admin, Wanted& wanted) {
    admin.cli.option("-c,--charsetName", wanted.charset, parse_charset, "CHARSET",
                     "of the bodies, which are printed as they are (UTF-8)");
}

void time_options(Admin& admin, Wanted& wanted, std::string_view begin, std::string_view end) {
    admin.cli.option(begin, wanted.begin_ms, parse_admin_time, "TIME", "stored then or later");
    admin.cli.option(end, wanted.end_ms, parse_admin_time, "TIME", "stored then or before");
}

void filter_option(Admin& admin, Wanted& wanted) {
    admin.cli.option("-s,--subExpression", wanted.expression, "TAGS",
                     "only messages with these tags, as 'a || b'");
}

}  // namespace

int print_msg(const Arguments& arguments) {
    Wanted wanted;
    std::string parent;
    Admin admin("printMsg", "print the messages of a topic");
    auto& cli = admin.cli;
    cli.required("-t,--topic", wanted.topic, "TOPIC", "name of the topic");
    charset_option(admin, wanted);
    filter_option(admin, wanted);
    time_options(admin, wanted, "-b,--beginTimestamp", "-e,--endTimestamp");
    cli.option("-d,--printBody", wanted.prints_body, parse_bool, "true|false",
               "print bodies (default: true)");
    cli.option("-l,--lmqParentTopic", parent, "TOPIC", "light queues; no broker of mqd has any");
    cli.example("mqadmin printMsg -t orders", "all messages");
    cli.example("mqadmin printMsg -t orders -d false -b 2026-12-01#00:00:00:000",
                "of one day on, without bodies");
    cli.example("mqadmin printMsg -t orders --out jsonl | jq -r .msgId", "the ids alone");
    if (const auto status = admin.start(arguments)) return *status;
    if (!parent.empty()) return cli.usage_error("light queues (-l) do not exist here");
    return print_all(admin, wanted);
}

int print_msg_by_queue(const Arguments& arguments) {
    Wanted wanted;
    wanted.prints = false;
    Admin admin("printMsgByQueue", "print the messages of a queue, or count their tags");
    auto& cli = admin.cli;
    cli.required("-t,--topic", wanted.topic, "TOPIC", "name of the topic");
    cli.required("-a,--brokerName", wanted.broker, "NAME", "the broker");
    cli.required("-i,--queueId", wanted.queue, "N", "the queue");
    charset_option(admin, wanted);
    filter_option(admin, wanted);
    time_options(admin, wanted, "-b,--beginTimestamp", "-e,--endTimestamp");
    cli.option("-p,--print", wanted.prints, parse_bool, "true|false",
               "print the messages (default: false)");
    cli.option("-d,--printBody", wanted.prints_body, parse_bool, "true|false",
               "print bodies (default: true)");
    cli.option("-f,--calculate", wanted.counts_tags, parse_bool, "true|false",
               "count the tags (default: false)");
    cli.example("mqadmin printMsgByQueue -t orders -a broker-a -i 0 -p true", "all messages");
    cli.example("mqadmin printMsgByQueue -t orders -a broker-a -i 0 -f true", "count the tags");
    cli.example("mqadmin printMsgByQueue -t orders -a broker-a -i 0 -f true --out json",
                "the same for a script");
    if (const auto status = admin.start(arguments)) return *status;
    return print_all(admin, wanted);
}

int consume_message(const Arguments& arguments) {
    Wanted wanted;
    wanted.count = 128;
    Admin admin("consumeMessage", "print some messages of a topic; no offset is committed");
    auto& cli = admin.cli;
    cli.required("-t,--topic", wanted.topic, "TOPIC", "name of the topic");
    cli.option("-b,--brokerName", wanted.broker, "NAME", "only this broker");
    cli.option("-i,--queueId", wanted.queue, "N", "only this queue; needs -b");
    cli.option("-o,--offset", wanted.offset, "N", "begin at this offset; needs -i");
    cli.option("-g,--consumerGroup", wanted.group, "GROUP", "ask in the name of this group");
    time_options(admin, wanted, "-s,--beginTimestamp", "-e,--endTimestamp");
    cli.option("-c,--MessageNumber", wanted.count, "N", "up to N messages (default: 128)");
    cli.example("mqadmin consumeMessage -t orders -c 1", "any message");
    cli.example("mqadmin consumeMessage -t orders -b broker-a -i 0 -o 42 -c 3",
                "three from an offset on");
    cli.example("mqadmin consumeMessage -t orders --out jsonl | jq -r .body", "payloads alone");
    if (const auto status = admin.start(arguments)) return *status;
    if (wanted.queue && wanted.broker.empty())
        return cli.usage_error("-i needs -b, the broker of the queue");
    if (wanted.offset && !wanted.queue) return cli.usage_error("-o needs -i, the queue");
    if (wanted.count < 1) return cli.usage_error("-c is 1 or more");
    return print_all(admin, wanted);
}

}  // namespace mqd::admin
