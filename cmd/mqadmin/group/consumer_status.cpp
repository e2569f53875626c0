// consumerStatus: the members of a group, 203, and what each says of itself,
// GET_CONSUMER_RUNNING_INFO 307, which the broker hands on to it (mqd-remoting(7), ASKING MEMBERS).

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "../admin.h"
#include "../commands.h"
#include "base/parse.h"
#include "progress.h"
#include "wire/bodies/queues.h"
#include "wire/codes.h"
#include "wire/header.h"

namespace mqd::admin {
namespace {

struct RunningInfoHeader {
    std::string_view consumer_group, client_id;
    bool jstack = false;

    static constexpr auto fields() {
        using H = RunningInfoHeader;
        return std::tuple{wire::required("consumerGroup", &H::consumer_group),
                          wire::required("clientId", &H::client_id),
                          wire::optional("jstackEnable", &H::jstack)};
    }
};

struct Options : ProgressQuery {
    std::string client, broker;
    bool wants_stacks = false;
};

/// What a member has said, or why it has not.
struct Member {
    wire::Connection is;
    Result<json::Value> info = json::Value();
    std::vector<std::string> problems;
};

json::Value queues_of(const json::Value& info) {
    auto list = json::Value::array();
    for (const auto& [key, state] : info["mqTable"].members()) {
        const auto queue = wire::MessageQueue::read(key);
        if (!queue) continue;
        list.push(json::Value::object({{"topic", queue->topic},
                                       {"broker", queue->broker_name},
                                       {"queueId", queue->queue_id},
                                       {"commitOffset", state["commitOffset"].as_int()},
                                       {"cachedMin", state["cachedMsgMinOffset"].as_int()},
                                       {"cachedMax", state["cachedMsgMaxOffset"].as_int()},
                                       {"cachedCount", state["cachedMsgCount"].as_int()},
                                       {"locked", state["locked"].as_bool()},
                                       {"lastPull", state["lastPullTimestamp"].as_int()},
                                       {"lastConsume", state["lastConsumeTimestamp"].as_int()},
                                       {"dropped", state["droped"].as_bool()}}));
    }
    return list;
}

json::Value rates_of(const json::Value& info) {
    auto list = json::Value::array();
    for (const auto& [topic, is] : info["statusTable"].members())
        list.push(json::Value::object({{"topic", topic},
                                       {"pullRT", is["pullRT"].as_real()},
                                       {"pullTPS", is["pullTPS"].as_real()},
                                       {"consumeRT", is["consumeRT"].as_real()},
                                       {"consumeOKTPS", is["consumeOKTPS"].as_real()},
                                       {"consumeFailedTPS", is["consumeFailedTPS"].as_real()},
                                       {"failedLastHour", is["consumeFailedMsgs"].as_int()}}));
    return list;
}

json::Value subscriptions_of(const json::Value& info) {
    auto list = json::Value::array();
    for (const auto& one : info["subscriptionSet"].items())
        list.push(json::Value::object({{"topic", one["topic"].as_text()},
                                       {"expression", one["subString"].as_text()},
                                       {"type", one["expressionType"].as_text("TAG")}}));
    return list;
}

json::Value object_of(const Options& options, const Member& member) {
    auto object = json::Value::object({{"group", options.group},
                                       {"clientId", member.is.client_id},
                                       {"clientAddr", member.is.client_addr},
                                       {"version", member.is.version}});
    if (member.info) {
        object.set("properties", (*member.info)["properties"]);
        object.set("subscriptions", subscriptions_of(*member.info));
        object.set("queues", queues_of(*member.info));
        object.set("rates", rates_of(*member.info));
        if (options.wants_stacks) object.set("jstack", (*member.info)["jstack"].as_text());
    }
    std::vector<json::Value> problems(member.problems.begin(), member.problems.end());
    object.set("problems", json::Value::array(std::move(problems)));
    return object;
}

/// What a member subscribes to, as a text to be compared.
std::set<std::string> subscription_texts(const json::Value& info) {
    std::set<std::string> texts;
    for (const auto& one : info["subscriptionSet"].items())
        texts.insert(fmt::format("{} {} {}", one["topic"].as_text(),
                                 one["expressionType"].as_text("TAG"), one["subString"].as_text()));
    return texts;
}

/// All members must subscribe the same; else each gets messages that it does not want, and misses
/// others.
void compare_subscriptions(std::vector<Member>& members) {
    const Member* first = nullptr;
    for (auto& member : members) {
        if (!member.info) continue;
        if (first == nullptr)
            first = &member;
        else if (subscription_texts(*first->info) != subscription_texts(*member.info))
            member.problems.push_back(
                fmt::format("its subscription differs from that of {}", first->is.client_id));
    }
}

void ask_members(Admin& admin, const Options& options, const std::string& address,
                 std::vector<Member>& members) {
    const auto code = wire::request_code::get_consumer_running_info;
    const auto header = [&](const Member& member) {
        return RunningInfoHeader{options.group, member.is.client_id, options.wants_stacks};
    };
    const auto answers = admin.ask_all(
        members,
        [&](client::Calls& calls, const Member& member) {
            calls.add(address, code, header(member));
        },
        [&](const Member& member) { return admin.call(address, code, header(member)); });
    for (std::size_t i = 0; i < members.size(); ++i) {
        auto& member = members[i];
        member.info = answers[i] ? json::parse(answers[i]->body) : answers[i].error();
        if (!member.info)
            member.problems.push_back(
                fmt::format("it does not say how it is: {}", member.info.error().what));
    }
    compare_subscriptions(members);
}

/// The first broker that knows members, with what it knows.
Result<std::pair<std::string, wire::ConsumerConnection>> find_members(Admin& admin,
                                                                      const Options& options) {
    std::vector<Target> brokers = {{{}, {}, options.broker, 0}};
    if (options.broker.empty()) {
        TRY(brokers, brokers_of_group(admin, options));
    }
    for (const auto& broker : brokers) {
        TRY(auto found, members(admin, {broker}, options.group));
        if (found) return std::pair(broker.address, std::move(*found));
    }
    return Error{Errc::not_found, fmt::format("group '{}' has no members now", options.group)};
}

std::vector<std::vector<std::string>> lines_of(std::size_t index, const Member& member,
                                               const json::Value& object) {
    std::vector<std::vector<std::string>> lines;
    lines.push_back({fmt::format("{:03} {} {} version {}", index, member.is.client_id,
                                 member.is.client_addr, member.is.version)});
    cli::TextTable queues({"#Topic", "#Broker Name", "#QID", "#Commit Offset", "#Cached", "#Locked",
                           "#Last Pull", "#Last Consume"});
    for (const auto& queue : object["queues"].items())
        queues.add({queue["topic"].as_text(), queue["broker"].as_text(), queue["queueId"].as_text(),
                    queue["commitOffset"].as_text(), queue["cachedCount"].as_text(),
                    queue["locked"].as_text(), time_cell(queue["lastPull"].as_int()),
                    time_cell(queue["lastConsume"].as_int())});
    if (!object["queues"].items().empty()) lines.push_back({queues.text()});
    for (const auto& problem : member.problems) lines.push_back({"WARN: " + problem});
    if (object.has("jstack")) lines.push_back({object["jstack"].as_text()});
    return lines;
}

}  // namespace

int consumer_status(const Arguments& arguments) {
    Options options;
    Admin admin("consumerStatus",
                "print what the members of a group say of themselves; 1: a "
                "member says nothing, or subscribes to something else");
    auto& cli = admin.cli;
    cli.required("-g,--consumerGroup", options.group, "GROUP", "name of the group");
    cli.option("-i,--clientId", options.client, "ID", "only this member");
    cli.option("-b,--brokerAddr", options.broker, "HOST:PORT", "ask over this broker");
    cli.flag("-s,--jstack", options.wants_stacks, "where the threads of a member stand, too");
    cli.example("mqadmin consumerStatus -g billing", "all members");
    cli.example("mqadmin consumerStatus -g billing -i 10.0.0.1@4711 -s", "one, with its threads");
    cli.example("mqadmin consumerStatus -g billing --out json | jq '.[].problems'",
                "what is wrong with each");
    if (const auto status = admin.start(arguments)) return *status;
    const auto found = find_members(admin, options);
    if (!found) return cli.fail(found.error());
    std::vector<Member> members;
    for (const auto& member : found->second.connections)
        if (options.client.empty() || member.client_id == options.client)
            members.push_back({member, json::Value(), {}});
    if (members.empty())
        return cli.fail({Errc::not_found, fmt::format("group '{}' has no member '{}'",
                                                      options.group, options.client)});
    ask_members(admin, options, found->first, members);
    cli::Rows rows(admin.out, {});
    bool is_well = true;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto object = object_of(options, members[i]);
        is_well = is_well && members[i].problems.empty();
        rows.add_lines(lines_of(i + 1, members[i], object), object);
    }
    return admin.print(is_well ? cli::exit_status::done : cli::exit_status::failed, rows);
}

}  // namespace mqd::admin
