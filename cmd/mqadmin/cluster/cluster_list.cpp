// clusterList: GET_BROKER_CLUSTER_INFO 106, then GET_BROKER_RUNTIME_INFO 28 from each address.

#include <fmt/format.h>

#include <algorithm>

#include "../admin.h"
#include "../commands.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/signals.h"
#include "wire/bodies/topic.h"
#include "wire/codes.h"

namespace mqd::admin {
namespace {

// The values of one broker; what is missing or no number is 0 and "".
class Values {
public:
    explicit Values(wire::KvTable table) : table_(std::move(table.table)) {}

    std::string text(const std::string& key) const {
        const auto found = table_.find(key);
        return found == table_.end() ? "" : found->second;
    }
    std::int64_t integer(const std::string& key) const {
        return parse_int<std::int64_t>(trimmed(text(key))).value_or(0);
    }
    /// The first word: of three averages the one over 10 seconds.
    double real(const std::string& key) const {
        const auto value = text(key);
        const auto word = trimmed(value).substr(0, trimmed(value).find(' '));
        double number = 0;
        const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
        return code == std::errc{} ? number : 0;
    }
    /// Messages of a day, from counters read at midnight.
    std::int64_t between(const std::string& later, const std::string& earlier) const {
        return integer(later) - integer(earlier);
    }

private:
    std::map<std::string, std::string> table_;
};

std::string pool(const Values& v, const std::string& name) {
    return fmt::format("{},{}ms", v.integer(name + "ThreadPoolQueueSize"),
                       v.integer(name + "ThreadPoolQueueHeadWaitTimeMills"));
}

std::vector<std::string> load_cells(const Target& t, const Values& v) {
    const auto earliest = v.integer("earliestMessageTimeStamp");
    const double hours = earliest <= 0 ? 0 : static_cast<double>(wall_ms() - earliest) / 3'600'000;
    return {
        t.cluster,
        t.name,
        std::to_string(t.id),
        t.address,
        v.text("brokerVersionDesc"),
        fmt::format("{:.2f}({})", v.real("putTps"), pool(v, "send")),
        fmt::format("{:.2f}({}|{})", v.real("getTransferredTps"), pool(v, "pull"), pool(v, "ack")),
        fmt::format("{}-{}({:.1f}w, {:.1f}, {:.1f})", v.integer("timerReadBehind"),
                    v.integer("timerOffsetBehind"),
                    static_cast<double>(v.integer("timerCongestNum")) / 10'000,
                    v.real("timerEnqueueTps"), v.real("timerDequeueTps")),
        std::to_string(v.integer("pageCacheLockTimeMills")),
        fmt::format("{:.2f}", hours),
        fmt::format("{:.4f}", v.real("commitLogDiskRatio")),
        v.text("brokerActive")};
}

struct Day {
    std::int64_t in_yesterday, out_yesterday, in_today, out_today;
    explicit Day(const Values& v)
        : in_yesterday(v.between("msgPutTotalTodayMorning", "msgPutTotalYesterdayMorning")),
          out_yesterday(v.between("msgGetTotalTodayMorning", "msgGetTotalYesterdayMorning")),
          in_today(v.between("msgPutTotalTodayNow", "msgPutTotalTodayMorning")),
          out_today(v.between("msgGetTotalTodayNow", "msgGetTotalTodayMorning")) {}
};

std::vector<std::string> day_cells(const Target& t, const Values& v) {
    const Day day(v);
    return {t.cluster,
            t.name,
            std::to_string(day.in_yesterday),
            std::to_string(day.out_yesterday),
            std::to_string(day.in_today),
            std::to_string(day.out_today)};
}

json::Value as_value(const Target& t, const Values& v) {
    const Day day(v);
    auto timer = json::Value::object({{"readBehind", v.integer("timerReadBehind")},
                                      {"offsetBehind", v.integer("timerOffsetBehind")},
                                      {"congest", v.integer("timerCongestNum")},
                                      {"enqueueTps", v.real("timerEnqueueTps")},
                                      {"dequeueTps", v.real("timerDequeueTps")}});
    auto object =
        json::Value::object({{"cluster", t.cluster},
                             {"broker", t.name},
                             {"id", t.id},
                             {"addr", t.address},
                             {"version", v.text("brokerVersionDesc")},
                             {"active", v.text("brokerActive") == "true"},
                             {"inTps", v.real("putTps")},
                             {"outTps", v.real("getTransferredTps")},
                             {"sendQueue", v.integer("sendThreadPoolQueueSize")},
                             {"sendQueueWaitMs", v.integer("sendThreadPoolQueueHeadWaitTimeMills")},
                             {"pullQueue", v.integer("pullThreadPoolQueueSize")},
                             {"pullQueueWaitMs", v.integer("pullThreadPoolQueueHeadWaitTimeMills")},
                             {"pageCacheLockMs", v.integer("pageCacheLockTimeMills")},
                             {"diskRatio", v.real("commitLogDiskRatio")},
                             {"timer", std::move(timer)},
                             {"inYesterday", day.in_yesterday},
                             {"outYesterday", day.out_yesterday},
                             {"inToday", day.in_today},
                             {"outToday", day.out_today}});
    if (const auto earliest = v.integer("earliestMessageTimeStamp"); earliest > 0) {
        object.set("earliestTimestamp", earliest);
        object.set("earliestTime", format_time(earliest));
        object.set("retentionHours", static_cast<double>(wall_ms() - earliest) / 3'600'000);
    }
    return object;
}

Result<std::vector<Target>> all_brokers(Admin& admin, const std::string& cluster) {
    TRY(const auto info, admin.clusters());
    std::vector<Target> targets;
    bool known = cluster.empty();
    for (const auto& [name, brokers] : info.clusters) {
        if (!cluster.empty() && name != cluster) continue;
        known = true;
        auto sorted = brokers;
        std::ranges::sort(sorted);
        for (const auto& broker : sorted) {
            const auto found = info.brokers.find(broker);
            if (found == info.brokers.end()) continue;
            for (const auto& [id, address] : found->second.broker_addrs)
                targets.push_back({name, broker, address, id});
        }
    }
    if (!known)
        return Error{Errc::not_found,
                     fmt::format("cluster '{}' does not exist on {}", cluster, admin.namesrv())};
    return targets;
}

int list_once(Admin& admin, const std::string& cluster, bool more_stats) {
    const auto targets = all_brokers(admin, cluster);
    if (!targets) return admin.cli.fail(targets.error());
    using Columns = std::vector<std::string>;
    cli::Rows rows(admin.out,
                   more_stats
                       ? Columns{"#Cluster Name", "#Broker Name", "#InTotalYest", "#OutTotalYest",
                                 "#InTotalToday", "#OutTotalToday"}
                       : Columns{"#Cluster Name", "#Broker Name", "#BID", "#Addr", "#Version",
                                 "#InTPS(LOAD)", "#OutTPS(LOAD)", "#Timer(Progress)", "#PCWait(ms)",
                                 "#Hour", "#SPACE", "#ACTIVATED"});
    const int status = admin.each(*targets, [&](const Target& target) -> Result<> {
        TRY(const auto answer,
            admin.call(target.address, wire::request_code::get_broker_runtime_info, NoHeader{}));
        TRY(auto table, wire::KvTable::read(answer.body));
        const Values values(std::move(table));
        rows.add(more_stats ? day_cells(target, values) : load_cells(target, values),
                 as_value(target, values));
        return {};
    });
    return admin.print(status, rows);
}

}  // namespace

int cluster_list(const Arguments& arguments) {
    std::string cluster;
    bool more_stats = false, once = false;
    std::int64_t interval_s = 0;
    Admin admin("clusterList", "print clusters and brokers with their load");
    auto& cli = admin.cli;
    cli.flag("-m,--moreStats", more_stats, "print the numbers of messages of yesterday and today");
    cli.option("-i,--interval", interval_s, "SECONDS", "repeat at this interval");
    cli.flag("--once", once, "print once, even with -i");
    cli.option("-c,--clusterName", cluster, "CLUSTER", "only this cluster");
    cli.example("mqadmin clusterList", "all brokers");
    cli.example("mqadmin clusterList -m -i 10", "numbers of messages, every 10 seconds");
    cli.example("mqadmin clusterList --out json | jq -r '.[].addr'", "addresses of all brokers");
    if (const auto status = admin.start(arguments)) return *status;

    for (;;) {
        const int status = list_once(admin, cluster, more_stats);
        if (interval_s <= 0 || once) return status;
        cli::wait_readable(-1, interval_s * 1000);
        if (cli::interrupted()) return status;
    }
}

}  // namespace mqd::admin
