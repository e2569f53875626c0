#pragma once
// The frame of mqadmin's commands: a command is a function in <group>/<command>.cpp with a row in
// the table of main.cpp. Names and options are RocketMQ's, mqadmin(1), COMMANDS.
//
// Threads: one at a time.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/parser.h"
#include "cli/table.h"
#include "client/calls.h"
#include "client/client.h"
#include "client/patience.h"
#include "wire/bodies/route.h"

namespace mqd::admin {

/// `-b ADDR` or `-c CLUSTER`.
struct Where {
    std::string broker, cluster;
};

/// A broker to ask.
struct Target {
    std::string cluster, name, address;
    std::int64_t id = 0;
};

class Admin {
public:
    Admin(std::string_view command, std::string_view purpose);

    cli::Parser cli;
    cli::RowsOut out = cli::RowsOut::table;

    /// -b/--brokerAddr and -c/--clusterName, of which exactly one must be given.
    void where(Where& into);
    /// Parses, and makes the client. A status: end with it.
    std::optional<int> start(const std::vector<std::string>& arguments);

    /// Client's calls. What never left this machine, because the server cannot be reached, is tried
    /// again for as long as --timeout says, from the start of the command on; what a server has
    /// refused is not.
    template <class H>
    Result<remoting::Answer> call(const std::string& address, std::int32_t code, const H& header,
                                  Bytes body = {}) {
        for (;;) {
            const auto before = client_->disconnects();
            auto answer = client_->call(address, code, header, body);
            if (answer || client_->disconnects() != before ||
                client_->channel(address)->connected() || !patience_->wait_after(answer.error()))
                return settled(std::move(answer));
        }
    }
    template <class H>
    Result<remoting::Answer> call_namesrv(std::int32_t code, const H& header, Bytes body = {}) {
        return patience_->until_settled([&] { return client_->call_namesrv(code, header, body); });
    }
    /// Client::route(), waited for while no broker has registered.
    Result<wire::TopicRouteData> route(std::string_view topic) {
        return patience_->until_settled([&] { return client_->route(topic); });
    }

    client::Client& client() { return *client_; }
    std::string namesrv() const;  ///< for messages: all of them
    const std::vector<std::string>& namesrvs() const { return server_.namesrv; }

    /// GET_BROKER_CLUSTER_INFO from a name server.
    Result<wire::ClusterInfo> clusters();
    /// The broker, or the masters of the cluster. not_found: no such cluster, or no master in it.
    Result<std::vector<Target>> masters(const Where& where);
    /// Where the topic lies: a broker each, its master where there is one.
    Result<std::vector<Target>> brokers_of(std::string_view topic);

    /// Does `work` for each target. What fails is printed, and the rest done; the status is the
    /// failure's own if all have failed, else 1.
    int each(const std::vector<Target>& targets,
             const std::function<Result<>(const Target&)>& work);

    /// Many requests at once: they take as long as the slowest server. `ask(calls, item)` adds one
    /// call for the item. The answers stand in the order of the items; `again(item)` repeats, as
    /// call() does, what could not be reached.
    template <class Item, class Ask, class Again>
    std::vector<Result<remoting::Answer>> ask_all(const std::vector<Item>& items, const Ask& ask,
                                                  const Again& again) {
        std::vector<Result<remoting::Answer>> answers;
        for (std::size_t from = 0; from < items.size(); from += asked_at_once) {
            const auto to = std::min(from + asked_at_once, items.size());
            client::Calls calls(*client_);
            for (auto i = from; i < to; ++i) ask(calls, items[i]);
            for (auto& answer : calls.wait()) answers.push_back(std::move(answer));
            for (auto i = from; i < to; ++i)
                if (!answers[i] && answers[i].error().remote_code < 0 &&
                    answers[i].error().code == Errc::unavailable)
                    answers[i] = again(items[i]);
        }
        return answers;
    }
    /// The same request to each target.
    template <class H>
    std::vector<Result<remoting::Answer>> ask_each(const std::vector<Target>& targets,
                                                   std::int32_t code, const H& header,
                                                   Bytes body = {}) {
        return ask_all(
            targets,
            [&](client::Calls& calls, const Target& target) {
                calls.add(target.address, code, header, body);
            },
            [&](const Target& target) { return call(target.address, code, header, body); });
    }
    /// As each(), with the answer of each target to the same request.
    template <class H>
    int ask(const std::vector<Target>& targets, std::int32_t code, const H& header, Bytes body,
            const std::function<Result<>(const Target&, const remoting::Answer&)>& take) {
        auto answers = ask_each(targets, code, header, body);
        std::size_t next = 0;
        return each(targets, [&](const Target& target) -> Result<> {
            TRY(const auto answer, std::move(answers[next++]));
            return take(target, answer);
        });
    }

    /// The masters of all clusters.
    Result<std::vector<Target>> all_masters();
    /// The name servers, to be asked with each() or ask().
    std::vector<Target> servers() const;
    /// Brokers of the topic that are to be asked: all, or one cluster's. not_found: it has none.
    Result<std::vector<Target>> brokers_of(std::string_view topic, const std::string& cluster);

    /// Prints the rows and gives `status`, or that of the printing. Where nothing was found because
    /// all has failed, a table has no header.
    int print(int status, const cli::Rows& rows) const;

    /// Asks on the terminal, if standard input is one and --yes was not given. False: no.
    bool confirmed(std::string_view question);
    void yes_option() { cli.flag("--yes", yes_, "do not ask"); }

private:
    /// More requests under way would only fill a server's queue.
    static constexpr std::size_t asked_at_once = 256;

    Result<remoting::Answer> settled(Result<remoting::Answer> answer) {
        answer ? patience_->goes_on() : patience_->gives_up();
        return answer;
    }

    /// The masters of one cluster, as the name servers know it now.
    Result<std::vector<Target>> masters_of(const std::string& cluster);

    cli::Server server_;
    std::int64_t timeout_ms_ = 3000;
    bool yes_ = false;
    std::unique_ptr<client::Client> client_;
    std::optional<client::Patience> patience_;
};

/// The brokers of a route, each with its master where there is one.
std::vector<Target> targets_of(const wire::TopicRouteData& route);
/// `true` or `false`, as the reference's options want them.
Result<bool> parse_bool(std::string_view text);
/// `2026-11-21 10:00:00,123` in local time as the reference prints it; "" for 0 and below.
std::string time_cell(std::int64_t ms);
/// What the reference's options take: milliseconds, `now`, `yyyy-MM-dd#HH:mm:ss:SSS` in local time;
/// besides, what parse_time() takes and is no bare number.
Result<std::int64_t> parse_admin_time(std::string_view text);
/// normal, retry, dlq or system.
std::string_view topic_type(std::string_view topic);

inline constexpr std::string_view retry_prefix = "%RETRY%";
inline constexpr std::string_view dlq_prefix = "%DLQ%";
inline constexpr std::string_view order_namespace = "ORDER_TOPIC_CONFIG";

/// Requests without a header.
struct NoHeader {
    static constexpr auto fields() { return std::tuple{}; }
};

}  // namespace mqd::admin
