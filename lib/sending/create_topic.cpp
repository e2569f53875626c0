#include "sending/create_topic.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "cli/signals.h"
#include "client/queues.h"
#include "message/sys_flag.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::sending {
namespace {

constexpr std::int32_t queues = 4;
constexpr std::int64_t look_again_ms = 20;
constexpr std::int64_t route_wait_ms = 10'000;

/// unavailable: no broker that is a master.
Result<> ask_brokers(client::Client& client, const std::string& topic) {
    TRY(const auto cluster, client.cluster_info());
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
        return Error{Errc::unavailable,
                     fmt::format("cannot create topic '{}': {} {} no master broker", topic,
                                 fmt::join(client.options().namesrv, ";"),
                                 client.options().namesrv.size() == 1 ? "knows" : "know")};
    return {};
}

}  // namespace

Result<> create_topic(client::Client& client, const std::string& topic,
                      client::Patience& patience) {
    TRY_OK(patience.until_settled([&]() -> Result<> {
        const auto there = client.route(topic);
        if (there) return {};
        if (there.error().code != Errc::not_found) return there.error();
        return ask_brokers(client, topic);
    }));
    const std::int64_t deadline_ms = monotonic_ms() + route_wait_ms;
    for (;;) {
        const auto route = client.route(topic);
        if (route) return {};
        if (route.error().code != Errc::not_found || cli::interrupted()) return route.error();
        if (monotonic_ms() >= deadline_ms)
            return Error{
                Errc::unavailable,
                fmt::format("topic '{}' was created, but no name server has it yet", topic)};
        cli::wait_readable(-1, look_again_ms);
    }
}

}  // namespace mqd::sending
