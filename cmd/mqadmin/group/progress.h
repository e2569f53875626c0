#pragma once
// Where a group stands in its topics: GET_CONSUME_STATS 208, and who its members are, 203.
//
// Threads: the tool's one thread.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../admin.h"
#include "wire/bodies/connections.h"
#include "wire/bodies/stats.h"
#include "wire/headers/clients.h"

namespace mqd::admin {

struct ProgressQuery {
    std::string group, topic, cluster;  ///< without a topic: all; without a cluster: all
};

struct Progress {
    std::vector<std::pair<wire::MessageQueue, wire::ConsumeOffset>> offsets;
    double tps = 0;
    /// By broker: retries that wait for their delay, where there are some. Only mqd's brokers tell.
    std::vector<std::pair<std::string, std::int64_t>> delayed;

    /// What a broker has answered to 208.
    Result<> add(const Target& broker, const remoting::Answer& answer);
    std::int64_t diff_total() const;
    std::int64_t inflight_total() const;
    /// Pulled and not yet acknowledged; of brokers that do not say it the pull offset is the
    /// smaller one.
    static std::int64_t inflight(const wire::ConsumeOffset& o);
};

/// Where the group's offsets may lie: the brokers of its retry topic. A group that never had a
/// push consumer has none; then all masters are asked.
Result<std::vector<Target>> brokers_of_group(Admin& admin, const ProgressQuery& query);

wire::GetConsumeStats stats_header(const ProgressQuery& query, const std::string& group);

/// Asks all brokers at once, and sorts by topic and queue. The status of Admin::each().
int add_all_offsets(Admin& admin, const std::vector<Target>& brokers, const ProgressQuery& query,
                    Progress& into);

/// Of an answer to 203. Nothing: nobody is online.
Result<std::optional<wire::ConsumerConnection>> members_in(const Result<remoting::Answer>& answer);
Result<std::optional<wire::ConsumerConnection>> members(Admin& admin,
                                                        const std::vector<Target>& brokers,
                                                        const std::string& group);

/// The offsets of a group. not_found: it has none.
Result<Progress> progress_of(Admin& admin, const ProgressQuery& query);

}  // namespace mqd::admin
