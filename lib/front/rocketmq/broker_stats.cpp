// VIEW_BROKER_STATS_DATA 315 (mqd-remoting(7), STATISTICS and COUNTERS).

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/parse.h"
#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "wire/bodies/stats.h"
#include "wire/headers/consumers.h"

namespace mqd::front::rocketmq {
namespace {

namespace rc = wire::response_code;

constexpr std::string_view fall_size = "GROUP_GET_FALL_SIZE", fall_time = "GROUP_GET_FALL_TIME";

wire::StatsSnapshot to_wire(const broker::Traffic::Snapshot& is) {
    return {is.sum, is.tps, is.avgpt};
}

/// How far a group's pulls from a queue are behind the log's end now: bytes, or milliseconds.
/// `key` is `queue@topic@group`. Nothing: it never pulled there.
std::optional<std::int64_t> fall(broker::Broker& broker, std::string_view key, bool in_bytes) {
    const auto words = split(key, '@');
    const auto id = parse_int<std::int32_t>(words[0]);
    if (words.size() != 3 || !id) return std::nullopt;
    const auto topic = broker.topics().find(words[1]);
    auto* const queue = topic == nullptr ? nullptr : topic->find_queue(*id);
    if (queue == nullptr) return std::nullopt;
    const auto places = broker.offsets().places(words[2], words[1]);
    const auto place = places.find(*id);
    if (place == places.end() || place->second.pulled <= 0) return std::nullopt;
    if (place->second.pulled >= queue->max().value) return 0;
    auto& store = broker.store();
    const QueueOffset next{place->second.pulled};
    if (in_bytes) {
        const auto at = store.position(*queue, next);
        return at ? std::optional(store.end() - *at) : std::nullopt;
    }
    const auto since = store.store_time(*queue, next);
    return since ? std::optional(std::max<std::int64_t>(0, broker.clock().wall_ms() - *since))
                 : std::nullopt;
}

/// Of the moment: the same in every form.
std::optional<wire::BrokerStatsData> view_fall(broker::Broker& broker, std::string_view name,
                                               std::string_view key) {
    const auto value = fall(broker, key, name == fall_size);
    if (!value) return std::nullopt;
    const wire::StatsSnapshot is{*value, 0, static_cast<double>(*value)};
    return wire::BrokerStatsData{is, is, is};
}

std::optional<wire::BrokerStatsData> view(broker::Broker& broker, std::string_view name,
                                          std::string_view key) {
    if (name == fall_size || name == fall_time) return view_fall(broker, name, key);
    if (name.starts_with("BROKER_") && key != broker.settings().identity.cluster)
        return std::nullopt;
    const auto found = broker.counters().traffic().view(name, key);
    if (!found) return std::nullopt;
    return wire::BrokerStatsData{to_wire(found->minute), to_wire(found->hour), to_wire(found->day)};
}

}  // namespace

void view_broker_stats(const Call& call, const wire::ViewBrokerStats& header) {
    const auto ticket = call.session.ticket(call.request);
    const std::string name(header.name), key(header.key);
    read_elsewhere(
        call, ticket, [&broker = call.broker, name, key] { return view(broker, name, key); },
        [ticket, name, key](remoting::Session& session, Connection&,
                            const std::optional<wire::BrokerStatsData>& found) {
            if (found)
                return session.reply(ticket, rc::success, wire::NoHeader{},
                                     as_bytes(wire::to_body(*found)));
            session.reply(ticket, rc::system_error, wire::NoHeader{}, {},
                          fmt::format("The stats <{}> <{}> not exist", name, key));
        });
}

}  // namespace mqd::front::rocketmq
