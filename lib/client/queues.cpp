#include "client/queues.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"
#include "message/sys_flag.h"

namespace mqd::client {
namespace {

/// A route says what it likes; a million queues are a damaged answer.
constexpr std::int32_t queues_max = 65536;

/// `broker-a:4;broker-b:4` settles the queues, whatever the rest of the route says.
std::vector<Queue> ordered_queues(std::string_view topic, const wire::TopicRouteData& route) {
    std::vector<Queue> queues;
    for (const auto part : split(route.order_topic_conf, ';')) {
        const auto colon = part.rfind(':');
        if (colon == std::string_view::npos) continue;
        const auto count = parse_int<std::int32_t>(part.substr(colon + 1));
        const auto* const broker = route.broker(part.substr(0, colon));
        if (!count || !broker) continue;
        for (std::int32_t id = 0; id < std::min(*count, queues_max); ++id)
            queues.push_back(
                {std::string(topic), broker->broker_name, id, std::string(broker->address())});
    }
    return queues;
}

}  // namespace

std::string Queue::to_string() const {
    return fmt::format("{}/{}/{}", topic, broker, id);
}

std::vector<Queue> publish_queues(std::string_view topic, const wire::TopicRouteData& route) {
    if (!route.order_topic_conf.empty()) return ordered_queues(topic, route);
    std::vector<Queue> queues;
    for (const auto& data : route.queues) {
        const auto* const broker = route.broker(data.broker_name);
        if ((data.perm & message::perm::write) == 0 || !broker || broker->master_address().empty())
            continue;
        for (std::int32_t id = 0; id < std::min(data.write_queue_nums, queues_max); ++id)
            queues.push_back(
                {std::string(topic), data.broker_name, id, std::string(broker->master_address())});
    }
    std::sort(queues.begin(), queues.end());
    return queues;
}

std::vector<Queue> subscribe_queues(std::string_view topic, const wire::TopicRouteData& route) {
    std::vector<Queue> queues;
    for (const auto& data : route.queues) {
        const auto* const broker = route.broker(data.broker_name);
        if ((data.perm & message::perm::read) == 0 || !broker || broker->address().empty())
            continue;
        for (std::int32_t id = 0; id < std::min(data.read_queue_nums, queues_max); ++id)
            queues.push_back(
                {std::string(topic), data.broker_name, id, std::string(broker->address())});
    }
    std::sort(queues.begin(), queues.end());
    return queues;
}

Result<wire::TopicRouteData> publish_route(Client& client, std::string_view topic,
                                           bool* by_template) {
    auto own = client.route(topic);
    if (by_template != nullptr) *by_template = !own;
    if (own || own.error().code != Errc::not_found) return own;
    auto base = client.route(template_topic);
    if (!base) return base.error().code == Errc::not_found ? std::move(own) : std::move(base);
    for (auto& queue : base->queues) {
        queue.read_queue_nums = std::min(queue.read_queue_nums, default_queues);
        queue.write_queue_nums = std::min(queue.write_queue_nums, default_queues);
    }
    return base;
}

}  // namespace mqd::client
