#include "create_topic.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "cli/signals.h"
#include "client/queues.h"
#include "message/sys_flag.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::mqsend {
namespace {

constexpr std::int32_t queues = 4;
constexpr std::int64_t look_again_ms = 20;
constexpr std::int64_t route_wait_ms = 10'000;

}  // namespace

Result<> create_topic(client::Client& client, const std::string& topic) {
    const auto known = client.route(topic);
    if (known) return {};
    if (known.error().code != Errc::not_found) return known.error();

    TRY(const auto answer,
        client.call_namesrv(wire::request_code::get_broker_cluster_info, wire::NoHeader{}));
    TRY(const auto cluster, wire::ClusterInfo::read(answer.body));
    wire::CreateTopic header;
    header.topic = topic;
    header.default_topic = client::template_topic;
    header.read_queue_nums = queues;
    header.write_queue_nums = queues;
    header.perm = message::perm::read | message::perm::write;
    bool is_made = false;
    for (const auto& [name, broker] : cluster.brokers) {
        const std::string master(broker.master_address());
        if (master.empty()) continue;
        TRY_OK(client.call(master, wire::request_code::update_and_create_topic, header));
        is_made = true;
    }
    if (!is_made)
        return Error{Errc::unavailable, fmt::format("topic '{}' cannot be made: the name server "
                                                    "knows no broker that is a master",
                                                    topic)};
    const std::int64_t deadline_ms = monotonic_ms() + route_wait_ms;
    for (;;) {
        const auto route = client.route(topic);
        if (route) return {};
        if (route.error().code != Errc::not_found || cli::interrupted()) return route.error();
        if (monotonic_ms() >= deadline_ms)
            return Error{
                Errc::unavailable,
                fmt::format("topic '{}' was made, but no name server learns of it", topic)};
        cli::wait_readable(-1, look_again_ms);
    }
}

}  // namespace mqd::mqsend
