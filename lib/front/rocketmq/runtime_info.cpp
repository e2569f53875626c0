// GET_BROKER_RUNTIME_INFO 28 with the keys that tools parse (mqd-remoting(7), RUNTIME VALUES), and
// GET_BROKER_CONFIG 26, GET_BROKER_HA_STATUS 907.

#include <fmt/format.h>

#include <array>
#include <limits>

#include "front/rocketmq/read_elsewhere.h"
#include "front/rocketmq/requests.h"
#include "json/writer.h"
#include "message/record.h"
#include "wire/bodies/ha_status.h"
#include "wire/bodies/topic.h"

namespace mqd::front::rocketmq {
namespace {

using Table = std::map<std::string, std::string>;
using Totals = broker::Counters::Totals;

std::string triple(const std::array<double, 3>& rates) {
    return fmt::format("{:.2f} {:.2f} {:.2f}", rates[0], rates[1], rates[2]);
}

std::string duration_text(std::int64_t ms) {
    const std::int64_t s = ms / 1000;
    return fmt::format("[ {} days, {} hours, {} minutes, {} seconds ]", s / 86'400, s / 3600 % 24,
                       s / 60 % 60, s % 60);
}

void add_traffic(broker::Counters& counters, Table& out) {
    const auto now = counters.totals();
    const auto day = counters.day();
    const auto found = counters.rates(&Totals::gets_found);
    const auto missed = counters.rates(&Totals::gets_missed);
    out["putTps"] = triple(counters.rates(&Totals::put_messages));
    out["getFoundTps"] = triple(found);
    out["getMissTps"] = triple(missed);
    out["getTotalTps"] = triple({found[0] + missed[0], found[1] + missed[1], found[2] + missed[2]});
    out["getTransferredTps"] = out["getTransferedTps"] =
        triple(counters.rates(&Totals::got_messages));
    out["msgPutTotalTodayNow"] = std::to_string(now.put_messages);
    out["msgPutTotalTodayMorning"] = std::to_string(day.today_morning.put_messages);
    out["msgPutTotalYesterdayMorning"] = std::to_string(day.yesterday_morning.put_messages);
    out["msgGetTotalTodayNow"] = std::to_string(now.got_messages);
    out["msgGetTotalTodayMorning"] = std::to_string(day.today_morning.got_messages);
    out["msgGetTotalYesterdayMorning"] = std::to_string(day.yesterday_morning.got_messages);
    out["putMessageTimesTotal"] = std::to_string(now.put_messages);
    out["putMessageFailedTimes"] = std::to_string(now.put_failed);
    out["putMessageSizeTotal"] = std::to_string(now.put_bytes);
    out["putMessageAverageSize"] = fmt::format(
        "{:.2f}", now.put_messages == 0
                      ? 0.0
                      : static_cast<double>(now.put_bytes) / static_cast<double>(now.put_messages));
    out["bootTimestamp"] = std::to_string(counters.boot_ms());
}

std::int64_t earliest_message_ms(store::Store& store) {
    if (store.begin() == store.end()) return -1;
    const auto first = store.record_at(store.begin());
    if (!first) return -1;
    const auto record = message::RecordView::parse(first->bytes);
    return record ? record->store_ts_ms : -1;
}

void add_store(broker::Broker& broker, std::int64_t earliest_ms, Table& out) {
    auto& store = broker.store();
    const auto disk = store.disk_use();
    const auto log_dir = (broker.settings().store.places() / "commitlog").string();
    out["earliestMessageTimeStamp"] = std::to_string(earliest_ms);
    out["commitLogMinOffset"] = std::to_string(store.begin().value);
    out["commitLogMaxOffset"] = std::to_string(store.end().value);
    out["damagedPlaces"] = std::to_string(store.damaged_places());
    out["dispatchBehindBytes"] = std::to_string(store.end() - store.dispatched());
    out["remainHowManyDataToFlush"] = fmt::format("{} B", store.end() - store.synced());
    out["remainHowManyDataToCommit"] = "0 B";
    // Of a pool that is not there RocketMQ says this, and monitors warn at 0.
    out["remainTransientStoreBufferNumbs"] =
        std::to_string(std::numeric_limits<std::int32_t>::max());
    out["dispatchMaxBuffer"] = "0";
    out["commitLogDiskRatio"] = out["commitLogDiskRatio_" + log_dir] =
        fmt::format("{:.2f}", disk.log_percent / 100.0);
    out["consumeQueueDiskRatio"] = fmt::format("{:.2f}", disk.queues_percent / 100.0);
    auto space = store::posix_files().space(log_dir);
    out["commitLogDirCapacity"] = space ? fmt::format("Total : {} B, Free : {} B.",
                                                      space->total_bytes, space->available_bytes)
                                        : std::string();
}

void add_delay(const broker::Delay& delay, Table& out) {
    for (const auto& level : delay.progress())
        out[fmt::format("scheduleMessageOffset_{}", level.level)] =
            fmt::format("{},{}", level.next, level.max);
}

void add_timers(const broker::Timers& timers, broker::Broker& broker, Table& out) {
    const auto is = timers.progress();
    const std::int64_t behind_ms = broker.clock().wall_ms() - is.read_ms;
    out["timerReadBehind"] =
        std::to_string(is.pending > 0 ? std::max<std::int64_t>(0, behind_ms) : 0);
    out["timerOffsetBehind"] = std::to_string(is.max - is.next);
    out["timerCongestNum"] = std::to_string(is.pending);
    auto& counters = broker.counters();
    out["timerEnqueueTps"] = fmt::format("{:.1f}", counters.rates(&Totals::timers_in)[0]);
    out["timerDequeueTps"] = fmt::format("{:.1f}", counters.rates(&Totals::timers_out)[0]);
}

// A request is answered by the thread that reads it: what RocketMQ's pools have waiting, waits in
// sockets here. Their capacities are RocketMQ's, since monitors divide by them.
void add_pools(Table& out) {
    constexpr auto capacities =
        std::to_array<std::pair<std::string_view, std::string_view>>({{"send", "10000"},
                                                                      {"pull", "100000"},
                                                                      {"litePull", "100000"},
                                                                      {"query", "20000"},
                                                                      {"ack", "100000"}});
    for (const auto& [pool, capacity] : capacities) {
        out[fmt::format("{}ThreadPoolQueueSize", pool)] = "0";
        out[fmt::format("{}ThreadPoolQueueCapacity", pool)] = capacity;
        out[fmt::format("{}ThreadPoolQueueHeadWaitTimeMills", pool)] = "0";
    }
    out["EndTransactionQueueSize"] = "0";
    out["EndTransactionThreadPoolQueueCapacity"] = "100000";
    // Nor does a page of the log have to be waited for: it is written, not mapped.
    out["pageCacheLockTimeMills"] = "0";
}

/// Milliseconds, as RocketMQ has them.
void add_latencies(broker::Counters& counters, Table& out) {
    const auto& puts = counters.put_times();
    const auto ms = [](std::int64_t us) { return static_cast<double>(us) / 1000; };
    out["putMessageEntireTimeMax"] = std::to_string(puts.max_us() / 1000);
    out["getMessageEntireTimeMax"] = std::to_string(counters.get_times().max_us() / 1000);
    out["putLatency99"] = fmt::format("{:.2f}", ms(puts.percentile_us(0.99)));
    out["putLatency999"] = fmt::format("{:.2f}", ms(puts.percentile_us(0.999)));
    out["putMessageDistributeTime"] = puts.text();
}

struct ConfigVersion {
    std::string version;
    static constexpr auto fields() {
        return std::tuple{wire::required("version", &ConfigVersion::version)};
    }
};

}  // namespace

namespace {

std::string runtime_info(broker::Broker& broker, bool is_active, std::int64_t earliest_ms) {
    wire::KvTable out;
    out.table["brokerVersionDesc"] = "V5_3_3";
    out.table["brokerVersion"] = std::to_string(wire::our_version);
    out.table["brokerActive"] = is_active ? "true" : "false";
    out.table["mqdVersion"] = MQD_VERSION;
    auto& counters = broker.counters();
    out.table["runtime"] = duration_text(broker.clock().wall_ms() - counters.boot_ms());
    add_traffic(counters, out.table);
    add_store(broker, earliest_ms, out.table);
    if (const auto leading = broker.leading()) {
        add_delay(*leading->delay, out.table);
        add_timers(*leading->timers, broker, out.table);
    }
    add_pools(out.table);
    out.table["startAcceptSendRequestTimeStamp"] =
        std::to_string(broker.settings().sends.accept_from_ms);
    add_latencies(counters, out.table);
    return wire::to_body(out);
}

}  // namespace

void get_runtime_info(const Call& call) {
    const auto ticket = call.session.ticket(call.request);
    read_elsewhere(
        call, ticket, [&store = call.broker.store()] { return earliest_message_ms(store); },
        [ticket, &broker = call.broker, active = call.service.is_active()](
            remoting::Session& session, Connection&, std::int64_t earliest_ms) {
            session.reply(ticket, wire::response_code::success, wire::NoHeader{},
                          as_bytes(runtime_info(broker, active, earliest_ms)));
        });
}

void get_broker_config(const Call& call) {
    const ConfigVersion version{json::to_text(broker::DataVersion{}.to_json())};
    call.session.reply(call.request, wire::response_code::success, version,
                       as_bytes(call.service.config_text));
}

void get_ha_status(const Call& call) {
    wire::HaStatus status;
    status.is_master = call.broker.leading() != nullptr;
    status.log_end = call.broker.store().end().value;
    call.reply_body(wire::to_body(status));
}

}  // namespace mqd::front::rocketmq
