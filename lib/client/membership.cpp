#include "client/membership.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/clock.h"
#include "base/parse.h"
#include "client/allocate.h"
#include "client/errors.h"
#include "json/value.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"
#include "wire/headers/offsets.h"

namespace mqd::client {
namespace {

constexpr std::int64_t heartbeat_ms = 30'000;
constexpr std::int64_t heartbeat_again_ms = 1000;
constexpr std::int64_t rebalance_ms = 20'000;
constexpr std::int64_t rebalance_again_ms = 1000;

/// The first address of this machine that others may know; brokers only show it.
std::string own_ip() {
    std::string ip = "127.0.0.1";
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return ip;
    for (const ifaddrs* one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET ||
            (one->ifa_flags & IFF_LOOPBACK) != 0)
            continue;
        char text[INET_ADDRSTRLEN];
        const auto* const in = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
        if (!::inet_ntop(AF_INET, &in->sin_addr, text, sizeof text)) continue;
        ip = text;
        break;
    }
    ::freeifaddrs(all);
    return ip;
}

wire::ConsumeFromWhere where_of(const From& from) {
    switch (from.kind) {
        case From::Kind::beginning:
            return wire::ConsumeFromWhere::first_offset;
        case From::Kind::time:
            return wire::ConsumeFromWhere::timestamp;
        default:
            return wire::ConsumeFromWhere::last_offset;
    }
}

}  // namespace

/// Beats on the loop's thread until it is stopped there.
struct Membership::Beater : std::enable_shared_from_this<Membership::Beater> {
    Membership* member = nullptr;  // null once it is gone; the loop's thread only
    std::unique_ptr<net::Timer> timer;
    bool failed = false;

    void beat() {
        if (!member) return;
        failed = false;
        const std::string body = member->heartbeat();
        for (const auto& broker : member->brokers()) {
            member->client_.channel(broker)->call(
                wire::request_code::heart_beat, wire::NoHeader{}, as_bytes(body),
                member->client_.options().timeout_ms,
                [weak = weak_from_this()](const Result<remoting::Answer>& answer) {
                    const auto self = weak.lock();
                    if (!answer && self) self->beat_again_soon();
                });
        }
        beat_in(heartbeat_ms);
    }
    /// One lost heartbeat must not cost the member its queues.
    void beat_again_soon() {
        if (!member || failed) return;
        failed = true;
        beat_in(heartbeat_again_ms);
    }
    void beat_in(std::int64_t ms) {
        timer =
            member->client_.loop().after(std::chrono::milliseconds(ms), [weak = weak_from_this()] {
                if (const auto self = weak.lock()) self->beat();
            });
    }
};

Membership::Membership(Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      client_id_(fmt::format("{}@{}#{}", own_ip(), ::getpid(), monotonic_us() * 1000)),
      retry_topic_("%RETRY%" + options_.group),
      joined_ms_(wall_ms()),
      beater_(std::make_shared<Beater>()) {}

Membership::~Membership() {
    client_.loop().run_and_wait([this] {
        beater_->member = nullptr;
        beater_->timer.reset();
    });
}

Result<std::unique_ptr<Membership>> Membership::join(Client& client, Options options) {
    std::unique_ptr<Membership> member(new Membership(client, std::move(options)));
    client.on_push([wishes = member->wishes_](const wire::Command& command) {
        if (command.code == wire::request_code::notify_consumer_ids_changed) wishes->put(0);
    });
    TRY_OK(member->learn_brokers());
    TRY_OK(member->beat_and_wait());
    client.loop().run_and_wait([&] {
        member->beater_->member = member.get();
        member->beater_->beat_in(heartbeat_ms);
    });
    member->disconnects_ = client.disconnects();
    return member;
}

std::vector<std::string> Membership::brokers() const {
    Lock lock(lock_);
    return brokers_;
}

Result<> Membership::learn_brokers() {
    std::vector<std::string> found;
    for (const auto& topic : options_.topics) {
        TRY(const auto route, client_.route(topic));
        for (const auto& broker : route.brokers)
            for (const auto& [id, address] : broker.broker_addrs) found.push_back(address);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    Lock lock(lock_);
    brokers_ = std::move(found);
    return {};
}

std::string Membership::heartbeat() const {
    wire::ConsumerData consumer;
    consumer.group_name = options_.group;
    consumer.consume_from_where = where_of(options_.from);
    if (options_.broadcasts) consumer.message_model = wire::MessageModel::broadcasting;
    for (const auto& topic : options_.topics) {
        wire::SubscriptionData subscription;
        subscription.topic = topic;
        subscription.sub_string = options_.subscription;
        subscription.expression_type = options_.expression_type;
        subscription.sub_version = joined_ms_;
        subscription.tags = options_.tags.tags();
        consumer.subscriptions.push_back(std::move(subscription));
    }
    if (!options_.broadcasts) {
        wire::SubscriptionData retry;
        retry.topic = retry_topic_;
        retry.sub_version = joined_ms_;
        consumer.subscriptions.push_back(std::move(retry));
    }
    wire::HeartbeatData data;
    data.client_id = client_id_;
    data.consumers.push_back(std::move(consumer));
    return wire::to_body(data);
}

Result<> Membership::beat_and_wait() {
    const std::string body = heartbeat();
    for (const auto& broker : brokers())
        TRY_OK(
            client_.call(broker, wire::request_code::heart_beat, wire::NoHeader{}, as_bytes(body)));
    return {};
}

bool Membership::wants_rebalance() {
    taken_.clear();
    wishes_->take(taken_);
    bool wanted = !taken_.empty();
    // A broker that was away has forgotten us.
    if (const auto disconnects = client_.disconnects(); disconnects != disconnects_) {
        disconnects_ = disconnects;
        client_.loop().post([beater = beater_] { beater->beat(); });
        rebalance_at_ms_ = std::min(rebalance_at_ms_, monotonic_ms() + rebalance_again_ms);
    }
    if (monotonic_ms() >= rebalance_at_ms_) wanted = true;
    return wanted;
}

/// Of one topic's queues ours are left.
Result<> Membership::keep_share(std::vector<Queue>& queues) {
    if (queues.empty()) return {};
    const auto& address = queues.front().address;
    wire::ConsumerGroupHeader header;
    header.consumer_group = options_.group;
    TRY(const auto answer,
        client_.call(address, wire::request_code::get_consumer_list_by_group, header));
    TRY(const auto body, json::parse(answer.body));
    std::vector<std::string> members;
    for (const auto& id : body["consumerIdList"].items()) members.push_back(id.as_text());
    const bool are_listed = std::find(members.begin(), members.end(), client_id_) != members.end();
    if (!are_listed)
        return Error{Errc::unavailable, fmt::format("{} does not list this member of {} yet",
                                                    address, options_.group)};
    const auto [begin, end] = average_share(queues.size(), std::move(members), client_id_);
    queues.erase(queues.begin() + static_cast<std::ptrdiff_t>(end), queues.end());
    queues.erase(queues.begin(), queues.begin() + static_cast<std::ptrdiff_t>(begin));
    return {};
}

Result<std::vector<Queue>> Membership::assigned() {
    rebalance_at_ms_ = monotonic_ms() + rebalance_again_ms;  // unless all goes well
    TRY_OK(learn_brokers());
    auto topics = options_.topics;
    if (!options_.broadcasts) topics.push_back(retry_topic_);
    std::vector<Queue> ours;
    for (const auto& topic : topics) {
        const auto route = client_.route(topic);
        if (!route) {
            if (topic == retry_topic_ && route.error().code == Errc::not_found) continue;
            return route.error();
        }
        auto all = subscribe_queues(topic, *route);
        if (!options_.broadcasts) TRY_OK(keep_share(all));
        std::move(all.begin(), all.end(), std::back_inserter(ours));
    }
    rebalance_at_ms_ = monotonic_ms() + rebalance_ms;
    return ours;
}

void Membership::rebalance_soon() {
    rebalance_at_ms_ = std::min(rebalance_at_ms_, monotonic_ms() + rebalance_again_ms / 2);
}

Result<std::optional<std::int64_t>> Membership::stored_offset(const Queue& queue) {
    wire::QueryConsumerOffset header;
    header.consumer_group = options_.group;
    header.topic = queue.topic;
    header.queue_id = queue.id;
    const auto answer =
        client_.call(queue.address, wire::request_code::query_consumer_offset, header);
    if (!answer) {
        if (answer.error().remote_code == wire::response_code::query_not_found)
            return std::optional<std::int64_t>();
        return answer.error();
    }
    const auto offset = parse_int<std::int64_t>(answer->find("offset"));
    if (!offset) return Error{Errc::corrupt, queue.address + ": an answer without offset"};
    // Below 0 stands for none with old brokers.
    return *offset < 0 ? std::optional<std::int64_t>() : offset;
}

void Membership::commit(const Queue& queue, std::int64_t offset) {
    wire::UpdateConsumerOffset header;
    header.consumer_group = options_.group;
    header.topic = queue.topic;
    header.queue_id = queue.id;
    header.commit_offset = offset;
    client_.channel(queue.address)->oneway(wire::request_code::update_consumer_offset, header);
}

void Membership::leave() {
    wire::UnregisterClient header;
    header.client_id = client_id_;
    header.consumer_group = options_.group;
    for (const auto& broker : brokers()) {
        const auto channel = client_.channel(broker);
        // Who cannot be reached has noticed by itself. The answer also says that the commits
        // before it have arrived: one connection, one order.
        if (channel->connected()) [[maybe_unused]]
            const auto left = channel->call_and_wait(wire::request_code::unregister_client, header,
                                                     {}, client_.options().timeout_ms);
    }
}

}  // namespace mqd::client
