#include "lag.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/parse.h"
#include "cli/output.h"
#include "client/calls.h"
#include "client/known_group.h"
#include "json/writer.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"
#include "wire/headers/offsets.h"

namespace mqd::mqpull {
namespace {

/// Of each queue; nothing: the group has none.
Result<std::vector<std::optional<std::int64_t>>> committed_offsets(
    client::Client& client, const std::string& group, const std::vector<client::Queue>& queues) {
    client::Calls calls(client);
    for (const auto& queue : queues) {
        wire::QueryConsumerOffset header;
        header.consumer_group = group;
        header.topic = queue.topic;
        header.queue_id = queue.id;
        header.set_zero_if_not_found = false;
        calls.add(queue.address, wire::request_code::query_consumer_offset, header);
    }
    std::vector<std::optional<std::int64_t>> offsets;
    for (const auto& answer : calls.wait()) {
        if (answer) {
            offsets.push_back(parse_int<std::int64_t>(answer->find("offset")));
        } else if (answer.error().remote_code == wire::response_code::query_not_found) {
            offsets.emplace_back();
        } else {
            return answer.error();
        }
    }
    return offsets;
}

/// The queues of the group's retry topic, if it has one.
Result<std::vector<client::Queue>> retry_queues(client::Client& client, const Settings& settings,
                                                const std::string& topic) {
    std::vector<client::Queue> queues;
    auto route = client.route(topic);
    if (!route) {
        if (route.error().code == Errc::not_found) return queues;
        return route.error();
    }
    queues = client::subscribe_queues(topic, *route);
    std::erase_if(queues, [&](const client::Queue& queue) {
        return !settings.broker.empty() && queue.broker != settings.broker;
    });
    return queues;
}

/// What waits for its retry's delay at the brokers of the queues; nothing: none of them can tell.
Result<std::optional<std::int64_t>> delayed_retries(client::Client& client,
                                                    const std::string& group,
                                                    const std::string& retry_topic,
                                                    const std::vector<client::Queue>& queues) {
    std::set<std::string> brokers;
    for (const auto& queue : queues) brokers.insert(queue.address);
    client::Calls calls(client);
    for (const auto& address : brokers) {
        wire::GetConsumeStats header;
        header.consumer_group = group;
        header.topic = retry_topic;
        header.wants_delayed_retries = true;
        calls.add(address, wire::request_code::get_consume_stats, header);
    }
    std::optional<std::int64_t> total;
    for (const auto& answer : calls.wait()) {
        if (!answer) return answer.error();
        const auto count = parse_int<std::int64_t>(answer->find("mqdDelayedRetries"));
        if (count) total = total.value_or(0) + *count;
    }
    return total;
}

void append_line(std::string& out, record::Output form, const client::Queue& queue,
                 std::optional<std::int64_t> committed, const client::Bounds& bounds) {
    // A group without an offset may have everything before it.
    const std::int64_t lag =
        std::max<std::int64_t>(0, bounds.max - std::max(committed.value_or(0), bounds.min));
    if (form != record::Output::json) {
        out += fmt::format("{} {} {} {} {} {}\n", queue.topic, queue.broker, queue.id,
                           committed ? std::to_string(*committed) : "-", bounds.max, lag);
        return;
    }
    json::Writer json(out);
    json.begin_object().member("topic", queue.topic).member("broker", queue.broker);
    json.member("queue", queue.id);
    if (committed) json.member("committed", *committed);
    json.member("end", bounds.max).member("lag", lag).end_object();
    out += '\n';
}

void append_delayed(std::string& out, record::Output form, const std::string& topic,
                    std::int64_t count) {
    if (form != record::Output::json) {
        out += fmt::format("{} - delayed - - {}\n", topic, count);
        return;
    }
    json::Writer json(out);
    json.begin_object().member("topic", topic).member("delayed", true);
    json.member("lag", count).end_object();
    out += '\n';
}

/// not_found: nobody has heard of it.
Result<> check_group(client::Client& client, const std::string& group,
                     const std::vector<client::Queue>& queues) {
    std::set<std::string> brokers;
    for (const auto& queue : queues) brokers.insert(queue.address);
    TRY(const bool is_known,
        client::is_group_known(client, {brokers.begin(), brokers.end()}, group));
    if (is_known) return {};
    return Error{Errc::not_found,
                 fmt::format("group '{}' does not exist on {}", group, fmt::join(brokers, ", "))};
}

Result<std::string> lag_text(client::Client& client, const Settings& settings) {
    TRY(auto queues, wanted_queues(client, settings));
    const auto retry_topic = "%RETRY%" + settings.group;
    std::optional<std::int64_t> delayed;
    // What is retried comes from any queue.
    if (!settings.queue) {
        const auto& topics = settings.topics;
        if (std::find(topics.begin(), topics.end(), retry_topic) == topics.end()) {
            TRY(const auto retries, retry_queues(client, settings, retry_topic));
            queues.insert(queues.end(), retries.begin(), retries.end());
        }
        TRY(delayed, delayed_retries(client, settings.group, retry_topic, queues));
    }
    TRY(const auto bounds, client::queue_bounds(client, queues, {}));
    TRY(const auto committed, committed_offsets(client, settings.group, queues));
    const bool has_committed = std::any_of(committed.begin(), committed.end(),
                                           [](const auto& offset) { return offset.has_value(); });
    if (!has_committed) TRY_OK(check_group(client, settings.group, queues));
    std::string out;
    for (std::size_t i = 0; i < queues.size(); ++i)
        append_line(out, settings.format.output, queues[i], committed[i], bounds[i]);
    if (delayed) append_delayed(out, settings.format.output, retry_topic, *delayed);
    return out;
}

}  // namespace

Result<> print_lag(client::Client& client, const Settings& settings) {
    client::Patience patience(client, settings.waiting);
    TRY(const auto out, patience.until_settled([&] { return lag_text(client, settings); }));
    return cli::write_out(out);
}

}  // namespace mqd::mqpull
