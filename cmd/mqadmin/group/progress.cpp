#include "progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/parse.h"
#include "wire/codes.h"

namespace mqd::admin {

Result<> Progress::add(const Target& broker, const remoting::Answer& answer) {
    TRY(const auto stats, wire::ConsumeStats::read(answer.body));
    offsets.insert(offsets.end(), stats.offsets.begin(), stats.offsets.end());
    tps += stats.consume_tps;
    const auto waiting = parse_int<std::int64_t>(answer.find("mqdDelayedRetries"));
    if (waiting.value_or(0) > 0) delayed.emplace_back(broker.name, *waiting);
    return {};
}

std::int64_t Progress::diff_total() const {
    std::int64_t total = 0;
    for (const auto& [broker, count] : delayed) total += count;
    for (const auto& [queue, o] : offsets) total += o.broker_offset - o.consumer_offset;
    return total;
}

std::int64_t Progress::inflight_total() const {
    std::int64_t total = 0;
    for (const auto& [queue, o] : offsets) total += inflight(o);
    return total;
}

std::int64_t Progress::inflight(const wire::ConsumeOffset& o) {
    return std::max<std::int64_t>(0, o.pull_offset - o.consumer_offset);
}

Result<std::vector<Target>> brokers_of_group(Admin& admin, const ProgressQuery& query) {
    auto brokers = admin.brokers_of(fmt::format("{}{}", retry_prefix, query.group));
    if (!brokers && brokers.error().remote_code == wire::response_code::topic_not_exist) {
        TRY(const auto info, admin.clusters());
        std::vector<Target> all;
        for (const auto& [name, broker] : info.brokers)
            if (!broker.address().empty())
                all.push_back({broker.cluster, name, std::string(broker.address()), 0});
        brokers = std::move(all);
    }
    if (!brokers) return brokers;
    if (!query.cluster.empty())
        std::erase_if(*brokers, [&](const Target& t) { return t.cluster != query.cluster; });
    return brokers;
}

wire::GetConsumeStats stats_header(const ProgressQuery& query, const std::string& group) {
    wire::GetConsumeStats header;
    header.consumer_group = group;
    if (!query.topic.empty()) header.topic = query.topic;
    header.wants_delayed_retries =
        query.topic.empty() || query.topic == fmt::format("{}{}", retry_prefix, group);
    return header;
}

int add_all_offsets(Admin& admin, const std::vector<Target>& brokers, const ProgressQuery& query,
                    Progress& into) {
    const int status =
        admin.ask(brokers, wire::request_code::get_consume_stats, stats_header(query, query.group),
                  {}, [&](const Target& broker, const remoting::Answer& answer) {
                      return into.add(broker, answer);
                  });
    std::ranges::sort(into.offsets, {}, [](const auto& entry) {
        return std::tie(entry.first.topic, entry.first.broker_name, entry.first.queue_id);
    });
    return status;
}

Result<std::optional<wire::ConsumerConnection>> members_in(const Result<remoting::Answer>& answer) {
    if (!answer) {
        if (answer.error().remote_code == wire::response_code::consumer_not_online)
            return std::optional<wire::ConsumerConnection>();
        return answer.error();
    }
    TRY(auto connection, wire::ConsumerConnection::read(answer->body));
    return std::optional(std::move(connection));
}

Result<std::optional<wire::ConsumerConnection>> members(Admin& admin,
                                                        const std::vector<Target>& brokers,
                                                        const std::string& group) {
    for (const auto& broker : brokers) {
        TRY(auto found,
            members_in(admin.call(broker.address, wire::request_code::get_consumer_connection_list,
                                  wire::ConsumerGroupHeader{group})));
        if (found) return found;
    }
    return std::optional<wire::ConsumerConnection>();
}

Result<Progress> progress_of(Admin& admin, const ProgressQuery& query) {
    TRY(const auto brokers, brokers_of_group(admin, query));
    Progress progress;
    const auto answers = admin.ask_each(brokers, wire::request_code::get_consume_stats,
                                        stats_header(query, query.group));
    for (std::size_t i = 0; i < brokers.size(); ++i) {
        if (!answers[i]) return answers[i].error();
        TRY_OK(progress.add(brokers[i], *answers[i]));
    }
    std::ranges::sort(progress.offsets, {}, [](const auto& entry) {
        return std::tie(entry.first.topic, entry.first.broker_name, entry.first.queue_id);
    });
    if (!progress.offsets.empty() || !progress.delayed.empty()) return progress;
    return Error{
        Errc::not_found,
        fmt::format("group '{}' has no offsets{} on {}", query.group,
                    query.topic.empty() ? "" : " of topic '" + query.topic + "'", admin.namesrv())};
}

}  // namespace mqd::admin
