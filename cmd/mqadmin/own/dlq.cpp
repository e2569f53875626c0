// dlq list, export, resend and purge: the dead letters of a group, in the topic %DLQ%GROUP. What
// has been sent again is marked by the offset that the tools' own group has in that topic, so that
// a second run goes on where the first ended.

#include <fmt/format.h>

#include "../admin.h"
#include "../commands.h"
#include "../message/found.h"
#include "../message/lookup.h"
#include "../message/probe.h"
#include "base/parse.h"
#include "cli/row_stream.h"
#include "cli/signals.h"
#include "client/start.h"
#include "message/properties.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"
#include "wire/headers/topics.h"

namespace mqd::admin {
namespace {

namespace property = message::property;
namespace code = wire::request_code;

/// Of a message that was sent again: how often.
constexpr std::string_view resends = "MQD_DLQ_RESENDS";

struct Options {
    std::string group, cluster;
    std::int64_t count = std::numeric_limits<std::int64_t>::max();
    bool all = false, is_dry_run = false;

    std::string topic() const { return fmt::format("{}{}", dlq_prefix, group); }
};

struct Letters {
    client::Queue queue;
    std::int64_t min = 0, max = 0, next = 0;  ///< `next`: the first that was not sent again
};

Result<std::vector<Letters>> letters_of(Admin& admin, const Options& options) {
    const auto topic = options.topic();
    auto route = admin.route(topic);
    if (!route && route.error().code == Errc::not_found)
        return Error{Errc::not_found, fmt::format("group '{}' has no dead letters on {}",
                                                  options.group, admin.namesrv())};
    if (!route) return route.error();
    // RocketMQ makes the topic without the right to read, and lets tools read all the same.
    for (auto& queue : route->queues) queue.perm |= 4;
    auto queues = client::subscribe_queues(topic, *route);
    TRY(const auto bounds, client::queue_bounds(admin.client(), queues, {}));
    const auto header = [&](const client::Queue& queue) {
        wire::QueryConsumerOffset is;
        is.consumer_group = client::tools_group;
        is.topic = queue.topic;
        is.queue_id = queue.id;
        is.set_zero_if_not_found = false;
        return is;
    };
    const auto answers = admin.ask_all(
        queues,
        [&](client::Calls& calls, const client::Queue& queue) {
            calls.add(queue.address, code::query_consumer_offset, header(queue));
        },
        [&](const client::Queue& queue) {
            return admin.call(queue.address, code::query_consumer_offset, header(queue));
        });
    std::vector<Letters> letters;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (!answers[i] && answers[i].error().code != Errc::not_found) return answers[i].error();
        const auto sent =
            answers[i] ? parse_int<std::int64_t>(answers[i]->find("offset")).value_or(0) : 0;
        letters.push_back({queues[i], bounds[i].min, bounds[i].max,
                           std::clamp(sent, bounds[i].min, bounds[i].max)});
    }
    return letters;
}

Result<std::vector<std::string>> groups_with_letters(Admin& admin) {
    TRY(const auto answer,
        admin.call_namesrv(code::get_all_topic_list_from_nameserver, NoHeader{}));
    TRY(const auto topics, wire::TopicList::read(answer.body));
    std::vector<std::string> groups;
    for (const auto& topic : topics.topics)
        if (topic.starts_with(dlq_prefix)) groups.push_back(topic.substr(dlq_prefix.size()));
    std::ranges::sort(groups);
    return groups;
}

int list(Admin& admin, Options options) {
    std::vector<std::string> groups = {options.group};
    if (options.group.empty()) {
        auto found = groups_with_letters(admin);
        if (!found) return admin.cli.fail(found.error());
        groups = std::move(*found);
    }
    cli::Rows rows(admin.out, {"#Group", "#Broker Name", "#QID", "#Messages", "#Not Resent"});
    std::vector<Target> names;
    for (const auto& group : groups) names.push_back({{}, group, {}, 0});
    const int status = admin.each(names, [&](const Target& target) -> Result<> {
        options.group = target.name;
        TRY(const auto letters, letters_of(admin, options));
        for (const auto& one : letters)
            rows.add({target.name, one.queue.broker, std::to_string(one.queue.id),
                      std::to_string(one.max - one.min), std::to_string(one.max - one.next)},
                     json::Value::object({{"group", target.name},
                                          {"topic", one.queue.topic},
                                          {"broker", one.queue.broker},
                                          {"queueId", one.queue.id},
                                          {"messages", one.max - one.min},
                                          {"notResent", one.max - one.next}}));
        return {};
    });
    return admin.print(status, rows);
}

/// `take` for each dead letter from where `begin` says, up to --count of them.
template <class Begin, class Take>
Result<> walk(Admin& admin, const Options& options, const std::vector<Letters>& letters,
              const Begin& begin, const Take& take) {
    auto left = options.count;
    for (const auto& one : letters) {
        PullFrom from;
        from.broker = {{}, one.queue.broker, one.queue.address, 0};
        from.topic = one.queue.topic;
        from.queue = one.queue.id;
        from.offset = begin(one);
        while (from.offset < one.max && left > 0 && !cli::interrupted()) {
            TRY(const auto pulled, pull(admin, from));
            for (const auto& found : pulled.found) {
                if (left == 0 || found.message.queue_offset.value >= one.max) break;
                --left;
                TRY_OK(take(one, found));
            }
            if (pulled.is_at_end) break;
            from.offset = pulled.next;
        }
    }
    return {};
}

int save(Admin& admin, const Options& options, const std::vector<Letters>& letters) {
    cli::RowStream rows(admin.cli.given("--out") ? admin.out : cli::RowsOut::jsonl, {});
    auto done = walk(
        admin, options, letters, [](const Letters& one) { return one.min; },
        [&](const Letters&, const Found& found) {
            return rows.add({line_of(found, true)}, object_of(found));
        });
    return admin.cli.finish(done, rows.finish());
}

/// The message as it was before it failed, and how often it has been sent again.
Outgoing outgoing_of(const Found& found) {
    Outgoing message;
    message.group = "DLQ_RESEND";
    message.topic = found.property(property::retry_topic);
    message.body = found.text();
    message.properties = message::without_properties(
        found.message.properties,
        {property::uniq_key, property::wait, property::crc32, property::delay,
         property::retry_topic, property::real_topic, property::real_qid, property::cluster,
         property::msg_region, property::trace_on, property::inner_num, property::inner_base,
         property::origin_message_id, resends});
    const auto before = parse_int<std::int64_t>(found.property(resends)).value_or(0);
    message::append_property(message.properties, resends, std::to_string(before + 1));
    return message;
}

Result<> mark(Admin& admin, const Letters& letters, std::int64_t next) {
    wire::UpdateConsumerOffset header;
    header.consumer_group = client::tools_group;
    header.topic = letters.queue.topic;
    header.queue_id = letters.queue.id;
    header.commit_offset = next;
    TRY(const auto answer, admin.call(letters.queue.address, code::update_consumer_offset, header));
    (void)answer;
    return {};
}

int resend(Admin& admin, const Options& options, const std::vector<Letters>& letters) {
    cli::RowStream rows(admin.out, {"#MsgId", "#Topic", "#Resends", "#Send Result", "#New MsgId"});
    std::int64_t count = 0;
    const auto one_more = [&](const Letters& one, const Found& found) -> Result<> {
        const auto message = outgoing_of(found);
        if (message.topic.empty())
            return Error{Errc::invalid, fmt::format("message {} does not say which topic it came "
                                                    "from",
                                                    found.id())};
        auto object = json::Value::object(
            {{"msgId", found.id()},
             {"topic", message.topic},
             {"resends", parse_int<std::int64_t>(
                             message::find_property(message.properties, resends).value_or("0"))
                             .value_or(0)},
             {"done", !options.is_dry_run}});
        std::string status = "NOT_SENT", id;
        if (!options.is_dry_run) {
            TRY(const auto queues, writeable_queues(admin, message.topic));
            TRY(const auto sent,
                send_to(admin, queues[static_cast<std::size_t>(count) % queues.size()], message));
            TRY_OK(mark(admin, one, found.message.queue_offset.value + 1));
            status = sent.status;
            id = sent.id;
            object.set("newMsgId", id);
        }
        ++count;
        return rows.add({found.id(), message.topic, object["resends"].as_text(), status, id},
                        object);
    };
    const auto done = walk(
        admin, options, letters,
        [&](const Letters& one) { return options.all ? one.min : one.next; }, one_more);
    const auto printed = rows.finish();
    admin.cli.sums(fmt::format("{} dead letters {}", count,
                               options.is_dry_run ? "would be sent again" : "sent again"),
                   done.has_value());
    return admin.cli.finish(done, printed);
}

int purge(Admin& admin, const Options& options, const std::vector<Letters>& letters) {
    std::int64_t count = 0, unsent = 0;
    for (const auto& one : letters) {
        count += one.max - one.min;
        unsent += one.max - one.next;
    }
    const auto topic = options.topic();
    cli::Rows rows(admin.out, {"#Group", "#Messages", "#Not Resent", "#Deleted"});
    rows.add({options.group, std::to_string(count), std::to_string(unsent),
              options.is_dry_run ? "no" : "yes"},
             json::Value::object({{"group", options.group},
                                  {"messages", count},
                                  {"notResent", unsent},
                                  {"deleted", !options.is_dry_run}}));
    if (options.is_dry_run) return admin.cli.finish(rows.print());
    if (!admin.confirmed(fmt::format("delete {} dead letters of group '{}', {} of them never sent "
                                     "again?",
                                     count, options.group, unsent)))
        return admin.cli.usage_error("nothing was deleted");
    const auto brokers = admin.brokers_of(topic);
    if (!brokers) return admin.cli.fail(brokers.error());
    const auto ok = [](const Target&, const remoting::Answer&) { return Result<>(); };
    int status =
        admin.ask(*brokers, code::delete_topic_in_broker, wire::TopicHeader{topic}, {}, ok);
    if (status == 0)
        status = admin.ask(admin.servers(), code::delete_topic_in_namesrv,
                           wire::DeleteTopicInNamesrv{topic, {}}, {}, ok);
    if (status != 0) return status;
    return admin.cli.finish(rows.print());
}

}  // namespace

int dlq(const Arguments& arguments) {
    Options options;
    std::string action;
    Admin admin("dlq", "list, export, resend and purge the dead letters of a group");
    auto& cli = admin.cli;
    cli.positional("ACTION", action, "list, export, resend or purge");
    cli.option("-g,--group", options.group, "GROUP", "name of the group (list: default all)");
    cli.option("-c,--count", options.count, "N", "up to N messages (export, resend)");
    cli.flag("--all", options.all, "resend what has been sent again before, too");
    cli.flag("--dry-run", options.is_dry_run, "print what would be done, and do nothing");
    admin.yes_option();
    cli.example("mqadmin dlq list", "all groups that have dead letters");
    cli.example("mqadmin dlq export -g billing > dead.jsonl", "keep them in a file");
    cli.example("mqadmin dlq resend -g billing --dry-run", "what would be sent again");
    if (const auto status = admin.start(arguments)) return *status;
    if (action == "list") return list(admin, options);
    if (action != "export" && action != "resend" && action != "purge")
        return cli.usage_error(fmt::format("'{}' is not list, export, resend or purge", action));
    if (options.group.empty()) return cli.usage_error("--group is required");
    const auto letters = letters_of(admin, options);
    if (!letters) return cli.fail(letters.error());
    if (action == "export") return save(admin, options, *letters);
    return action == "resend" ? resend(admin, options, *letters) : purge(admin, options, *letters);
}

}  // namespace mqd::admin
