// lag: what a group has left, in messages (GET_CONSUME_STATS 208) and in seconds
// (QUERY_CONSUME_TIME_SPAN 303). With --warn or --crit a check as monitoring systems run them: one
// line whose first word is OK, WARNING, CRITICAL or UNKNOWN, and the status 0, 1, 2 or 3.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "../admin.h"
#include "../commands.h"
#include "../group/progress.h"
#include "base/parse.h"
#include "cli/output.h"
#include "wire/bodies/consumers.h"
#include "wire/codes.h"
#include "wire/headers/consumers.h"

namespace mqd::admin {
namespace {

/// `1000` messages, or `5m` that the oldest of them has been waiting.
struct Limit {
    std::optional<std::int64_t> messages, ms;
};

Result<Limit> parse_limit(std::string_view text) {
    if (const auto count = parse_int<std::int64_t>(text); count && *count >= 0)
        return Limit{*count, {}};
    TRY(const auto ms, parse_duration_ms(text));
    return Limit{{}, ms};
}

struct Options : ProgressQuery {
    std::optional<Limit> warn, crit;
    bool is_check() const { return warn || crit; }
};

struct Lag {
    Progress progress;
    std::map<wire::MessageQueue, std::int64_t> delays_ms;

    std::int64_t delay_of(const wire::MessageQueue& queue) const {
        const auto found = delays_ms.find(queue);
        return found == delays_ms.end() ? 0 : found->second;
    }
    std::int64_t delay_max() const {
        std::int64_t most = 0;
        for (const auto& [queue, ms] : delays_ms) most = std::max(most, ms);
        return most;
    }
};

Result<Lag> lag_of(Admin& admin, const Options& options) {
    Lag lag;
    TRY(lag.progress, progress_of(admin, options));
    TRY(const auto brokers, brokers_of_group(admin, options));
    struct Question {
        std::string address, topic;
    };
    std::vector<Question> questions;
    std::set<std::pair<std::string, std::string>> asked;
    for (const auto& [queue, offset] : lag.progress.offsets)
        for (const auto& broker : brokers)
            if (broker.name == queue.broker_name &&
                asked.emplace(broker.address, queue.topic).second)
                questions.push_back({broker.address, queue.topic});
    const auto code = wire::request_code::query_consume_time_span;
    const auto answers = admin.ask_all(
        questions,
        [&](client::Calls& calls, const Question& q) {
            calls.add(q.address, code, wire::GroupOfTopic{q.topic, options.group});
        },
        [&](const Question& q) {
            return admin.call(q.address, code, wire::GroupOfTopic{q.topic, options.group});
        });
    for (const auto& answer : answers) {
        if (!answer) return answer.error();
        TRY(const auto spans, wire::ConsumeTimeSpans::read(answer->body));
        for (const auto& span : spans.queues) lag.delays_ms[span.queue] = span.delay_ms;
    }
    return lag;
}

bool exceeds(const std::optional<Limit>& limit, std::int64_t messages, std::int64_t ms) {
    if (!limit) return false;
    return (limit->messages && messages > *limit->messages) || (limit->ms && ms > *limit->ms);
}

int say(std::string_view word, const std::string& text, int status) {
    // A monitoring system that does not read is not told anything either way.
    if (const auto written = cli::write_out(fmt::format("{}: {}\n", word, text)); !written)
        return 3;
    return status;
}

int check(const Options& options, const Result<Lag>& lag) {
    if (!lag) return say("UNKNOWN", lag.error().what, 3);
    const auto messages = lag->progress.diff_total();
    const auto ms = lag->delay_max();
    const auto text = fmt::format(
        "group {} has {} messages left, the oldest for {:.1f} s | "
        "messages={} seconds={:.1f}",
        options.group, messages, static_cast<double>(ms) / 1000, messages,
        static_cast<double>(ms) / 1000);
    if (exceeds(options.crit, messages, ms)) return say("CRITICAL", text, 2);
    if (exceeds(options.warn, messages, ms)) return say("WARNING", text, 1);
    return say("OK", text, 0);
}

int print(Admin& admin, const Options& options, const Lag& lag) {
    cli::Rows rows(admin.out, {"#Topic", "#Broker Name", "#QID", "#Lag", "#Seconds"});
    for (const auto& [queue, offset] : lag.progress.offsets) {
        const auto diff = offset.broker_offset - offset.consumer_offset;
        const auto ms = diff > 0 ? lag.delay_of(queue) : 0;
        rows.add({queue.topic, queue.broker_name, std::to_string(queue.queue_id),
                  std::to_string(diff), fmt::format("{:.1f}", static_cast<double>(ms) / 1000)},
                 json::Value::object({{"group", options.group},
                                      {"topic", queue.topic},
                                      {"broker", queue.broker_name},
                                      {"queueId", queue.queue_id},
                                      {"lag", diff},
                                      {"delayMs", ms}}));
    }
    for (const auto& [broker, count] : lag.progress.delayed)
        rows.add({fmt::format("{}{}", retry_prefix, options.group), broker, "delayed",
                  std::to_string(count), ""},
                 json::Value::object({{"group", options.group},
                                      {"topic", fmt::format("{}{}", retry_prefix, options.group)},
                                      {"broker", broker},
                                      {"delayed", true},
                                      {"lag", count}}));
    const auto messages = lag.progress.diff_total();
    const auto ms = lag.delay_max();
    rows.totals(
        {fmt::format("Total: {} messages, {:.1f} s", messages, static_cast<double>(ms) / 1000)},
        json::Value::object({{"lag", messages}, {"delayMs", ms}}));
    return admin.cli.finish(rows.print());
}

/// Whether the arguments ask for a check: then wrong usage is UNKNOWN too.
bool wants_check(const Arguments& arguments) {
    return std::ranges::any_of(arguments, [](const std::string& one) {
        return one.starts_with("--warn") || one.starts_with("--crit");
    });
}

}  // namespace

int lag(const Arguments& arguments) {
    Options options;
    Admin admin("lag", "print what a group has left to read, in messages and in seconds");
    auto& cli = admin.cli;
    cli.required("-g,--group", options.group, "GROUP", "name of the group");
    cli.option("-t,--topic", options.topic, "TOPIC", "only this topic");
    cli.option("-c,--cluster", options.cluster, "CLUSTER", "only the brokers of this cluster");
    cli.option("--warn", options.warn, parse_limit, "N|D",
               "a check: WARNING above N messages, or above a time as 5m");
    cli.option("--crit", options.crit, parse_limit, "N|D", "CRITICAL above it");
    cli.example("mqadmin lag -g billing", "each queue");
    cli.example("mqadmin lag -g billing --warn 1000 --crit 10000",
                "a check for Nagios and its like: status 0, 1, 2 or 3");
    cli.example("mqadmin lag -g billing --crit 5m || mail -s lag ops < /dev/null", "from cron");
    if (const auto status = admin.start(arguments)) {
        if (*status == 0 || !wants_check(arguments)) return *status;
        return say("UNKNOWN", "the check was not called as it must be", 3);
    }
    const auto lag = lag_of(admin, options);
    if (options.is_check()) return check(options, lag);
    if (!lag) return cli.fail(lag.error());
    return print(admin, options, *lag);
}

}  // namespace mqd::admin
