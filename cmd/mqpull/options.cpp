#include "options.h"

#include <fmt/format.h>

#include <algorithm>

#include "ack_output.h"
#include "base/parse.h"
#include "cli/process.h"
#include "cli/progress.h"
#include "filter/sql.h"
#include "record/file_names.h"

namespace mqd::mqpull {
namespace {

constexpr std::int32_t exec_messages_max = 100'000;
constexpr std::int64_t rate_max = 1'000'000'000;

Result<std::optional<std::int32_t>> parse_queue(std::string_view text) {
    const auto id = parse_int<std::int32_t>(text);
    if (!id || *id < 0)
        return Error{Errc::invalid, fmt::format("'{}' is not a queue number", text)};
    return id;
}

Result<std::optional<std::int64_t>> parse_count(std::string_view text) {
    const auto count = parse_int<std::int64_t>(text);
    if (!count || *count < 0)
        return Error{Errc::invalid, fmt::format("'{}' is not a number", text)};
    return count;
}

Result<std::optional<std::int64_t>> parse_rate(std::string_view text) {
    const auto rate = parse_int<std::int64_t>(text);
    if (!rate || *rate < 1 || *rate > rate_max)
        return Error{Errc::invalid,
                     fmt::format("'{}' is not a number from 1 to {}", text, rate_max)};
    return rate;
}

/// `1` to `max`.
Result<std::int32_t> parse_number_to(std::int32_t max, std::string_view text) {
    const auto number = parse_int<std::int32_t>(text);
    if (!number || *number < 1 || *number > max)
        return Error{Errc::invalid, fmt::format("'{}' is not a number from 1 to {}", text, max)};
    return *number;
}

Result<std::optional<std::int64_t>> parse_idle(std::string_view text) {
    TRY(const auto ms, parse_duration_ms(text));
    return std::optional<std::int64_t>(ms);
}

/// What is wrong, if anything is.
std::optional<std::string> settle_filter(Options& o) {
    Settings& s = o.settings;
    if (o.sql.empty()) {
        if (!o.tags.empty()) s.expression = o.tags;
        auto tags = filter::Tags::parse(s.expression);
        if (!tags) return "--tag: " + tags.error().what;
        s.tags = std::move(*tags);
        return std::nullopt;
    }
    if (!o.tags.empty())
        return "--tag and --sql cannot be used together: test the property TAGS in --sql";
    const auto sql = filter::Sql::parse(o.sql);
    if (!sql) return "--sql: " + sql.error().what;
    // Brokers pass over it without a word.
    if (sql->ignored_from() < o.sql.size())
        return fmt::format("--sql: the expression ends before '{}'",
                           std::string_view(o.sql).substr(sql->ignored_from()));
    s.expression = o.sql;
    s.is_sql = true;
    return std::nullopt;
}

/// What is wrong with --exec and its company, if anything is.
std::optional<std::string> settle_exec(const cli::Parser& cli, Options& o) {
    if (!cli.given("--exec")) {
        for (const auto* const name : {"--jobs", "--exec-batch", "--reply"})
            if (cli.given(name)) return fmt::format("{} needs --exec CMD", name);
        return std::nullopt;
    }
    const auto checked = cli::check_command(o.exec.command);
    if (!checked) return "--exec: " + checked.error().what;
    // Nothing is sent back for one of many.
    if (o.settings.commits()) o.exec.group = o.settings.group;
    o.exec.is_orderly = o.settings.is_orderly;
    o.settings.runs_commands = true;
    return std::nullopt;
}

/// What is wrong with --ack-fd, if anything is.
std::optional<std::string> settle_ack_fd(const Options& o) {
    if (!o.ack_fd) return std::nullopt;
    const record::Format& format = o.settings.format;
    const bool has_id =
        format.output == record::Output::json || format.output == record::Output::msgpack ||
        std::any_of(format.pattern.begin(), format.pattern.end(),
                    [](const record::PatternPiece& piece) { return piece.letter == 'i'; });
    if (!has_id) return "--ack-fd needs an --out with the id: json, msgpack, or format: with %i";
    const auto checked = check_ack_fd(*o.ack_fd);
    if (!checked) return "--ack-fd: " + checked.error().what;
    return std::nullopt;
}

/// What is wrong with --to-dir and its company, if anything is.
std::optional<std::string> settle_to_dir(const cli::Parser& cli) {
    if (cli.given("--to-dir"))
        return cli.given("--name") ? std::nullopt
                                   : std::optional<std::string>("--to-dir needs --name PATTERN");
    for (const auto* const name : {"--name", "--rotate"})
        if (cli.given(name)) return fmt::format("{} needs --to-dir DIR", name);
    return std::nullopt;
}

}  // namespace

void describe(cli::Parser& cli, Options& o) {
    Settings& s = o.settings;
    cli.common(o.server);
    cli.section("What");
    cli.positional("TOPIC", o.topics_in_place, "topics to read, with commas between");
    cli.option("-t,--topic", o.topics, "TOPIC[,TOPIC...]", "the same");
    cli.flag("--wait", o.waits,
             "wait for a topic that does not exist yet (default with -g without -e)");
    cli.option("-g,--group", s.group, "G",
               "share the queues with the group, commit what is written out");
    cli.flag("--orderly", s.is_orderly, "with -g: read each queue in one place only, and in order");
    cli.flag("--broadcast", s.broadcasts, "with -g: each member of the group gets every message");
    cli.option("--queue", s.queue, parse_queue, "N", "read only queues with this number");
    cli.option("--broker", s.broker, "B", "read only queues on this broker");
    cli.option("--brokers", s.brokers, parse_brokers, "N|A,B",
               "N brokers, or these, must hold the topic and answer");
    cli.option("--tag", o.tags, "'A || B'", "read only messages with one of these tags");
    cli.option("--sql", o.sql, "EXPR",
               "read only messages whose properties match the SQL92 expression");
    cli.section("Where to begin and to stop");
    cli.option("--from", s.from, client::parse_from, "WHERE",
               "beginning, end (default), OFFSET, -N (the last N of each queue) or @TIME");
    cli.option("-N,--last", s.last, parse_count, "N",
               "begin with the newest N messages of all queues; with -e read only these");
    cli.exclusive({"--last", "--from"});
    cli.option("--until", s.until, client::parse_until, "WHERE",
               "stop before OFFSET or @TIME, or at the end as with -e");
    cli.flag("-e,--exit", s.stops_at_end, "stop at the end that the topic has now");
    cli.option("-c,--count", s.count, parse_count, "N", "stop after N messages");
    cli.option("--idle", s.idle_ms, parse_idle, "D", "stop when no message has come for D");
    cli.option("--rate", s.rate, parse_rate, "N", "read at most N messages a second");
    cli.option("--timeout", s.waiting.timeout_ms, parse_duration_ms, "D",
               "how long to wait for servers at the start (default: 10s; 0: no limit)");
    cli.flag("--fail-empty", s.fails_empty, "end with status 1 if no message came");
    cli.section("Output");
    cli.option("--out", s.format, record::parse_format, record::format_help,
               "form of the output (default: lines)");
    cli.flag("--merge", s.merges, "print all messages in the order in which they were stored");
    cli.flag("--json-body", o.json_body, "with json: print a body that is JSON as a value");
    cli::add_progress_option(cli, s.progress);
    cli.section("Commands, acknowledgements, files");
    cli.option("--exec", o.exec.command, "CMD",
               "run CMD for each message, with the message on stdin; status 0 acknowledges it");
    cli.option(
        "--jobs", o.exec.jobs,
        [](std::string_view text) { return parse_number_to(cli::Process::running_max, text); }, "N",
        "run up to N commands in parallel (default: 1)");
    cli.option(
        "--exec-batch", o.exec.messages_max,
        [](std::string_view text) { return parse_number_to(exec_messages_max, text); }, "N",
        "give up to N messages to one run");
    cli.flag("--reply", o.exec.replies, "send what CMD prints as the reply to the message");
    cli.exclusive({"--reply", "--exec-batch"});
    cli.option("--ack-fd", o.ack_fd, "N",
               "read the ids of acknowledged messages, one a line, from descriptor N");
    cli.option("--to-dir", o.to_dir.dir, "DIR", "write files in DIR, each whole or not at all");
    cli.option(
        "--name", o.to_dir.names, record::FileNames::parse, "PATTERN",
        "names of the files: %Y-%m-%d_%H.jsonl and the like; .gz or .zst at the end compresses");
    cli.option("--rotate", o.to_dir.rotation, record::parse_rotation, "TIME|SIZE",
               "when to finish a file: 1h, 1G, or both: 1h,1G (default)");
    cli.section("Instead of reading");
    cli.flag("--lag", o.lag, "print what the group has left, a line for each queue, and stop");
    cli.exclusive({"--lag", "--exec", "--ack-fd", "--to-dir"});
    cli.exclusive({"--lag", "--broadcast", "--orderly"});
    cli.exclusive({"--lag", "--wait"});
    cli.example("mqpull logs", "print the messages that arrive from now on");
    cli.example("mqpull orders -N 10 -e --out json", "print the ten newest messages");
    cli.example("mqpull orders -g billing | ./bill",
                "pass each message on once, from where the group stopped");
    cli.example("mqpull orders -g billing --exec ./bill --jobs 4",
                "run a command for each message, and repeat later what fails");
}

std::optional<int> settle(cli::Parser& cli, Options& o) {
    Settings& s = o.settings;
    if (o.topics_in_place && cli.given("--topic"))
        return cli.usage_error("topics are given by position or by -t, not both");
    const std::string topics = o.topics_in_place.value_or(o.topics);
    for (const auto topic : split(topics, ','))
        if (!topic.empty()) s.topics.emplace_back(topic);
    if (s.topics.empty()) return cli.usage_error("no topic is given");
    if (const auto wrong = settle_filter(o)) return cli.usage_error(*wrong);
    if (o.json_body && s.format.output != record::Output::json)
        return cli.usage_error("--json-body needs --out json");
    s.format.json_body = o.json_body;
    if (const auto wrong = settle_exec(cli, o)) return cli.usage_error(*wrong);
    if (const auto wrong = settle_ack_fd(o)) return cli.usage_error(*wrong);
    if (const auto wrong = settle_to_dir(cli)) return cli.usage_error(*wrong);
    for (const auto* const name : {"--broadcast", "--orderly"})
        if (cli.given(name) && s.group.empty())
            return cli.usage_error(fmt::format("{} needs -g GROUP", name));
    if (o.lag && s.group.empty()) return cli.usage_error("--lag needs -g GROUP");
    if (cli.given("--until")) s.stops_at_end = true;
    if (s.last && !s.is_group()) {
        s.merges_at_first = !s.merges;
        s.merges = true;
    }
    s.waits = o.waits || (s.is_group() && !s.stops_at_end && !o.lag);
    return std::nullopt;
}

}  // namespace mqd::mqpull
