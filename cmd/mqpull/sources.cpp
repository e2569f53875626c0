#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/parse.h"
#include "pulling.h"

namespace mqd::mqpull {
namespace {

/// unavailable: not all that --brokers wants hold the topic. They may still be on their way.
Result<> check_brokers(const BrokersWanted& wanted, const std::string& topic,
                       const std::vector<client::Queue>& queues) {
    std::set<std::string> present;
    for (const auto& queue : queues) present.insert(queue.broker);
    for (const auto& name : wanted.names)
        if (!present.contains(name))
            return Error{Errc::unavailable,
                         fmt::format("topic '{}' is not on broker '{}'", topic, name)};
    if (present.size() >= wanted.count) return {};
    return Error{Errc::unavailable,
                 fmt::format("topic '{}' is on {} of {} brokers{}{}", topic, present.size(),
                             wanted.count, present.empty() ? "" : ": ", fmt::join(present, ", "))};
}

Error nothing_there(const Settings& settings) {
    const auto number = settings.queue ? fmt::format(" {}", *settings.queue) : std::string();
    const auto where =
        settings.broker.empty() ? "" : fmt::format(" on broker '{}'", settings.broker);
    return {Errc::not_found, fmt::format("there is no queue{} of '{}'{}", number,
                                         fmt::join(settings.topics, ","), where)};
}

}  // namespace

Result<Sources> find_sources(client::Client& client, const Settings& settings) {
    Sources found;
    for (const auto& topic : settings.topics) {
        const auto route = client.route(topic);
        if (!route) {
            if (route.error().code != Errc::not_found || !settings.waits) return route.error();
            found.missing.push_back(topic);
            continue;
        }
        auto queues = client::subscribe_queues(topic, *route);
        if (queues.empty())
            return Error{Errc::refused,
                         fmt::format("topic '{}' has no readable queue: the permissions of the "
                                     "topic or of its brokers forbid reading",
                                     topic)};
        std::erase_if(queues, [&](const client::Queue& q) {
            return (settings.queue && q.id != *settings.queue) ||
                   (!settings.broker.empty() && q.broker != settings.broker);
        });
        TRY_OK(check_brokers(settings.brokers, topic, queues));
        std::move(queues.begin(), queues.end(), std::back_inserter(found.queues));
    }
    if (found.queues.empty() && found.missing.empty()) return nothing_there(settings);
    return found;
}

Result<std::vector<client::Queue>> wanted_queues(client::Client& client, const Settings& settings) {
    TRY(auto found, find_sources(client, settings));
    return std::move(found.queues);
}

Result<BrokersWanted> parse_brokers(std::string_view text) {
    BrokersWanted wanted;
    const bool is_number = text.find_first_not_of("0123456789") == text.npos;
    if (const auto count = parse_int<std::uint32_t>(text); is_number && count && *count > 0) {
        wanted.count = *count;
        return wanted;
    }
    if (!is_number || text.empty())
        for (const auto name : split(text, ','))
            if (!name.empty()) wanted.names.emplace_back(name);
    if (wanted.names.empty())
        return Error{
            Errc::invalid,
            fmt::format(
                "'{}' is neither a number of brokers nor a list of names with commas between",
                text)};
    return wanted;
}

}  // namespace mqd::mqpull
