#include "admin.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "base/parse.h"
#include "cli/signals.h"
#include "wire/codes.h"

namespace mqd::admin {
namespace {

/// For an answer of one that is there, whose disk may be slow.
constexpr std::int64_t answer_ms = 5000;

}  // namespace

Admin::Admin(std::string_view command, std::string_view purpose)
    : cli(fmt::format("mqadmin {}", command), purpose) {
    cli.common(server_);
    cli.option("--timeout", timeout_ms_, parse_duration_ms, "D",
               "how long to retry a server (default: 3s), and to wait for each answer (5s)");
    cli::add_out_option(cli, out);
    cli.section("options of this command");
}

void Admin::where(Where& into) {
    cli.option("-b,--brokerAddr", into.broker, "HOST:PORT", "on this broker");
    cli.option("-c,--clusterName", into.cluster, "CLUSTER", "on the masters of this cluster");
    cli.exclusive({"--brokerAddr", "--clusterName"}, true);
}

std::optional<int> Admin::start(const std::vector<std::string>& arguments) {
    if (const auto status = cli.parse(arguments)) return status;
    client::Options options;
    options.namesrv = server_.namesrv;
    options.timeout_ms = cli.given("--timeout") ? timeout_ms_ : answer_ms;
    options.waiting = cli.waiting(timeout_ms_);
    options.talk = {cli.quiet() ? 0 : cli.verbose(),
                    [this](std::string_view what) { cli.warn(what); }};
    auto opened = client::Client::open(std::move(options));
    if (!opened) return cli.fail(opened.error());
    client_ = std::move(*opened);
    patience_.emplace(*client_, client_->options().waiting);
    return std::nullopt;
}

std::string Admin::namesrv() const {
    return fmt::format("{}", fmt::join(server_.namesrv, ";"));
}

Result<wire::ClusterInfo> Admin::clusters() {
    return patience_->until_settled([&] { return client_->cluster_info(); });
}

Result<std::vector<Target>> Admin::masters(const Where& where) {
    std::vector<Target> targets;
    if (!where.broker.empty()) {
        targets.push_back({{}, {}, where.broker, 0});
        return targets;
    }
    return patience_->until_settled([&] { return masters_of(where.cluster); });
}

Result<std::vector<Target>> Admin::masters_of(const std::string& cluster) {
    std::vector<Target> targets;
    TRY(const auto info, client_->cluster_info(cluster));
    const auto found = info.clusters.find(cluster);
    if (found == info.clusters.end()) {
        std::string known;
        for (const auto& [name, brokers] : info.clusters)
            known += (known.empty() ? "" : ", ") + name;
        return Error{Errc::not_found,
                     fmt::format("cluster '{}' does not exist on {}; there {}", cluster, namesrv(),
                                 known.empty() ? "is none" : "are " + known)};
    }
    for (const auto& name : found->second) {
        const auto broker = info.brokers.find(name);
        if (broker == info.brokers.end() || broker->second.master_address().empty()) continue;
        targets.push_back({cluster, name, std::string(broker->second.master_address()), 0});
    }
    if (targets.empty())
        return Error{Errc::not_found, fmt::format("cluster '{}' has no master", cluster)};
    return targets;
}

Result<std::vector<Target>> Admin::all_masters() {
    TRY(const auto info, clusters());
    std::vector<Target> all;
    for (const auto& [cluster, brokers] : info.clusters) {
        TRY(const auto of_cluster, masters({{}, cluster}));
        all.insert(all.end(), of_cluster.begin(), of_cluster.end());
    }
    return all;
}

std::vector<Target> Admin::servers() const {
    std::vector<Target> all;
    for (const auto& address : server_.namesrv) all.push_back({{}, {}, address, 0});
    return all;
}

Result<std::vector<Target>> Admin::brokers_of(std::string_view topic, const std::string& cluster) {
    TRY(auto brokers, brokers_of(topic));
    if (!cluster.empty())
        std::erase_if(brokers, [&](const Target& t) { return t.cluster != cluster; });
    if (brokers.empty())
        return Error{Errc::not_found,
                     fmt::format("no broker of cluster '{}' has topic '{}'", cluster, topic)};
    return brokers;
}

Result<std::vector<Target>> Admin::brokers_of(std::string_view topic) {
    TRY(const auto found, route(topic));
    return targets_of(found);
}

int Admin::each(const std::vector<Target>& targets,
                const std::function<Result<>(const Target&)>& work) {
    std::size_t failures = 0;
    int status = cli::exit_status::done;
    for (const auto& target : targets) {
        if (cli::interrupted()) break;
        if (const auto done = work(target); !done) {
            const int own = cli.fail(done.error());
            if (failures++ == 0) status = own;
        }
    }
    return failures == 0 || failures == targets.size() ? status : cli::exit_status::failed;
}

int Admin::print(int status, const cli::Rows& rows) const {
    if (status != 0 && rows.size() == 0 && out == cli::RowsOut::table) return status;
    const int printed = cli.finish(rows.print());
    return status != 0 ? status : printed;
}

bool Admin::confirmed(std::string_view question) {
    if (yes_ || ::isatty(STDIN_FILENO) == 0) return true;
    // One write: what is typed ahead does not show up inside it.
    std::cerr << fmt::format("{} [y/N] ", question) << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

std::vector<Target> targets_of(const wire::TopicRouteData& route) {
    std::vector<Target> targets;
    for (const auto& broker : route.brokers)
        if (!broker.address().empty())
            targets.push_back({broker.cluster, broker.broker_name, std::string(broker.address()),
                               broker.broker_addrs.begin()->first});
    return targets;
}

Result<bool> parse_bool(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return Error{Errc::invalid, fmt::format("'{}' is neither true nor false", text)};
}

std::string time_cell(std::int64_t ms) {
    if (ms <= 0) return {};
    auto text = format_time(ms).substr(0, 23);  // without the zone
    text[10] = ' ';
    text[19] = ',';
    return text;
}

Result<std::int64_t> parse_admin_time(std::string_view text) {
    // The reference knows no seconds, and -1 as what comes after the last message.
    if (const auto ms = parse_int<std::int64_t>(text)) return *ms;
    // `yyyy-MM-dd#HH:mm:ss:SSS` is ISO 8601 but for two marks.
    if (text.size() == 23 && text[10] == '#' && text[19] == ':') {
        std::string iso(text);
        iso[10] = 'T';
        iso[19] = '.';
        return cli::parse_time(iso);
    }
    return cli::parse_time(text);
}

std::string_view topic_type(std::string_view topic) {
    static constexpr auto system = std::to_array<std::string_view>(
        {"TBW102", "SCHEDULE_TOPIC_XXXX", "BenchmarkTest", "OFFSET_MOVED_EVENT", "SELF_TEST_TOPIC",
         "TRANS_CHECK_MAX_TIME_TOPIC", "AUTO_CREATE_TOPIC_KEY"});
    if (topic.starts_with(retry_prefix)) return "retry";
    if (topic.starts_with(dlq_prefix)) return "dlq";
    if (topic.starts_with("RMQ_SYS_") || topic.starts_with("rmq_sys_") ||
        topic.starts_with("%SYS%"))
        return "system";
    for (const auto name : system)
        if (name == topic) return "system";
    return "normal";
}

}  // namespace mqd::admin
