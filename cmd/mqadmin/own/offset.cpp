// offset show, set, export and import: the offsets of a group, read by GET_CONSUME_STATS 208 and
// moved by INVOKE_BROKER_TO_RESET_OFFSET 222, which members hear of with their next pull.

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <sstream>

#include "../admin.h"
#include "../commands.h"
#include "../group/progress.h"
#include "base/parse.h"
#include "client/start.h"
#include "wire/bodies/consumers.h"
#include "wire/codes.h"
#include "wire/headers/consumers.h"

namespace mqd::admin {
namespace {

enum class Action { show, set, save, load };

struct Options : ProgressQuery {
    Action action = Action::show;
    std::optional<std::int32_t> queue;
    std::string broker, to, file;
    bool is_dry_run = false;
};

/// Where a queue's offset is, and where it goes.
struct Move {
    std::string group;
    wire::MessageQueue queue;
    std::string address;
    std::int64_t before = 0, after = 0;
};

Result<Action> parse_action(std::string_view text) {
    if (text == "show") return Action::show;
    if (text == "set") return Action::set;
    if (text == "export") return Action::save;
    if (text == "import") return Action::load;
    return Error{Errc::invalid, fmt::format("'{}' is not show, set, export or import", text)};
}

json::Value object_of(const std::string& group, const wire::MessageQueue& queue,
                      const wire::ConsumeOffset& offset) {
    return json::Value::object({{"group", group},
                                {"topic", queue.topic},
                                {"broker", queue.broker_name},
                                {"queueId", queue.queue_id},
                                {"offset", offset.consumer_offset},
                                {"maxOffset", offset.broker_offset},
                                {"lag", offset.broker_offset - offset.consumer_offset}});
}

/// Also export: what import reads is a line of JSON for each queue.
int show(Admin& admin, const Options& options) {
    const auto progress = progress_of(admin, options);
    if (!progress) return admin.cli.fail(progress.error());
    const auto out = options.action == Action::save && !admin.cli.given("--out")
                         ? cli::RowsOut::jsonl
                         : admin.out;
    cli::Rows rows(out, {"#Topic", "#Broker Name", "#QID", "#Offset", "#Max Offset", "#Lag"});
    for (const auto& [queue, offset] : progress->offsets) {
        if (options.queue && queue.queue_id != *options.queue) continue;
        if (!options.broker.empty() && queue.broker_name != options.broker) continue;
        rows.add({queue.topic, queue.broker_name, std::to_string(queue.queue_id),
                  std::to_string(offset.consumer_offset), std::to_string(offset.broker_offset),
                  std::to_string(offset.broker_offset - offset.consumer_offset)},
                 object_of(options.group, queue, offset));
    }
    return admin.cli.finish(rows.print());
}

/// Nothing where the group has no offset yet.
std::int64_t offset_before(const Progress& progress, const wire::MessageQueue& queue) {
    for (const auto& [known, offset] : progress.offsets)
        if (known == queue) return offset.consumer_offset;
    return -1;
}

/// What `set` moves: the queues of the topic, to where --to says.
Result<std::vector<Move>> moves_to(Admin& admin, const Options& options) {
    TRY(const auto from, client::parse_from(options.to));
    TRY(const auto route, admin.route(options.topic));
    auto queues = client::subscribe_queues(options.topic, route);
    std::erase_if(queues, [&](const client::Queue& queue) {
        return (options.queue && queue.id != *options.queue) ||
               (!options.broker.empty() && queue.broker != options.broker);
    });
    if (queues.empty())
        return Error{Errc::not_found, fmt::format("topic '{}' has no such queue", options.topic)};
    TRY(const auto bounds, client::queue_bounds(admin.client(), queues, from));
    const auto progress = progress_of(admin, options);
    if (!progress && progress.error().code != Errc::not_found) return progress.error();
    std::vector<Move> moves;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const wire::MessageQueue queue{queues[i].broker, queues[i].id, options.topic};
        moves.push_back({options.group, queue, queues[i].address,
                         progress ? offset_before(*progress, queue) : -1,
                         client::start_offset(from, bounds[i])});
    }
    return moves;
}

Result<std::string> text_of(const std::string& file) {
    std::ostringstream text;
    if (file == "-") {
        text << std::cin.rdbuf();
        return text.str();
    }
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        const int why = errno;
        auto error = errno_error(file, why);
        if (why == ENOENT) error.code = Errc::not_found;
        return error;
    }
    text << in.rdbuf();
    if (in.bad()) return errno_error(file);
    return text.str();
}

/// One line of what export has written; -g gives them to another group.
Result<Move> move_of(const json::Value& line, const Options& options,
                     const std::vector<Target>& brokers) {
    Move move;
    move.group = options.group.empty() ? line["group"].as_text() : options.group;
    move.queue = {line["broker"].as_text(), static_cast<std::int32_t>(line["queueId"].as_int(-1)),
                  line["topic"].as_text()};
    move.after = line["offset"].as_int(-1);
    move.before = -1;
    if (move.group.empty() || move.queue.topic.empty() || move.queue.queue_id < 0 || move.after < 0)
        return Error{Errc::invalid, "it needs group, topic, broker, queueId and offset"};
    for (const auto& broker : brokers)
        if (broker.name == move.queue.broker_name) move.address = broker.address;
    if (move.address.empty())
        return Error{Errc::not_found,
                     fmt::format("there is no broker '{}'", move.queue.broker_name)};
    return move;
}

Result<std::vector<Move>> moves_in(Admin& admin, const Options& options) {
    TRY(const auto text, text_of(options.file));
    TRY(const auto brokers, admin.all_masters());
    std::vector<Move> moves;
    std::map<std::string, Progress> known;
    std::size_t number = 0;
    for (const auto line : split(text, '\n')) {
        ++number;
        if (trimmed(line).empty()) continue;
        const auto at = [&](const Error& error) {
            return Error{error.code,
                         fmt::format("{}, line {}: {}", options.file, number, error.what)};
        };
        const auto value = json::parse(line);
        if (!value) return at(value.error());
        auto move = move_of(*value, options, brokers);
        if (!move) return at(move.error());
        if (!options.topic.empty() && move->queue.topic != options.topic) continue;
        if (!known.contains(move->group)) {
            auto progress = progress_of(admin, {move->group, {}, {}});
            known[move->group] = progress ? std::move(*progress) : Progress();
        }
        move->before = offset_before(known[move->group], move->queue);
        moves.push_back(std::move(*move));
    }
    if (moves.empty())
        return Error{Errc::not_found, fmt::format("{} has no offsets to import", options.file)};
    return moves;
}

Result<> carry_out(Admin& admin, const Move& move) {
    wire::ResetOffset header;
    header.topic = move.queue.topic;
    header.group = move.group;
    header.timestamp = -1;
    header.is_force = true;
    header.queue_id = move.queue.queue_id;
    header.offset = move.after;
    TRY(const auto answer,
        admin.call(move.address, wire::request_code::invoke_broker_to_reset_offset, header));
    (void)answer;
    return {};
}

int carry_out_all(Admin& admin, const Options& options, const Result<std::vector<Move>>& moves) {
    if (!moves) return admin.cli.fail(moves.error());
    cli::Rows rows(admin.out,
                   {"#Group", "#Topic", "#Broker Name", "#QID", "#Before", "#After", "#Done"});
    std::vector<Target> targets(moves->size());
    std::size_t next = 0;
    const int status = admin.each(targets, [&](const Target&) -> Result<> {
        const auto& move = (*moves)[next++];
        if (!options.is_dry_run) TRY_OK(carry_out(admin, move));
        auto object = json::Value::object({{"group", move.group},
                                           {"topic", move.queue.topic},
                                           {"broker", move.queue.broker_name},
                                           {"queueId", move.queue.queue_id},
                                           {"after", move.after},
                                           {"done", !options.is_dry_run}});
        if (move.before >= 0) object.set("before", move.before);
        rows.add({move.group, move.queue.topic, move.queue.broker_name,
                  std::to_string(move.queue.queue_id),
                  move.before < 0 ? "-" : std::to_string(move.before), std::to_string(move.after),
                  options.is_dry_run ? "no" : "yes"},
                 std::move(object));
        return {};
    });
    return admin.print(status, rows);
}

int serve(Admin& admin, const Options& options) {
    auto& cli = admin.cli;
    const bool needs_group = options.action != Action::load;
    if (needs_group && options.group.empty()) return cli.usage_error("--group is required");
    switch (options.action) {
        case Action::show:
        case Action::save:
            return show(admin, options);
        case Action::set:
            if (options.topic.empty() || options.to.empty())
                return cli.usage_error("set needs --topic and --to");
            return carry_out_all(admin, options, moves_to(admin, options));
        case Action::load:
            if (options.file.empty()) return cli.usage_error("import needs --file");
            return carry_out_all(admin, options, moves_in(admin, options));
    }
    return 0;
}

}  // namespace

int offset(const Arguments& arguments) {
    Options options;
    std::string action;
    Admin admin("offset", "show, set, export and import the offsets of a group");
    auto& cli = admin.cli;
    cli.positional("ACTION", action, "show, set, export or import");
    cli.option("-g,--group", options.group, "GROUP",
               "name of the group; import: give the offsets to it");
    cli.option("-t,--topic", options.topic, "TOPIC", "only this topic; needed by set");
    cli.option("-b,--broker", options.broker, "NAME", "only this broker");
    cli.option("-q,--queue", options.queue, "N", "only this queue");
    cli.option("--to", options.to, "beginning|end|OFFSET|-N|@TIME", "where set moves the group to");
    cli.option("-f,--file", options.file, "FILE",
               "what export has printed, for import; - is standard input");
    cli.flag("--dry-run", options.is_dry_run, "print what would be moved, and move nothing");
    cli.example("mqadmin offset show -g billing", "where a group is");
    cli.example("mqadmin offset set -g billing -t orders --to @-1h --dry-run",
                "what it would be to read the last hour again");
    cli.example("mqadmin offset export -g billing | mqadmin offset import -g audit -f -",
                "give another group the same offsets");
    if (const auto status = admin.start(arguments)) return *status;
    auto parsed = parse_action(action);
    if (!parsed) return cli.usage_error(parsed.error().what);
    options.action = *parsed;
    return serve(admin, options);
}

}  // namespace mqd::admin
