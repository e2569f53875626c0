#include "client/membership.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/clock.h"
#include "base/parse.h"
#include "client/allocate.h"
#include "client/calls.h"
#include "client/errors.h"
#include "json/value.h"
#include "wire/bodies/heartbeat.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"
#include "wire/headers/offsets.h"

namespace mqd::client {
namespace {

constexpr std::int64_t rebalance_ms = 20'000;
constexpr std::int64_t rebalance_again_ms = 1000;

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

Membership::Membership(Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      client_id_(make_client_id()),
      retry_topic_("%RETRY%" + options_.group),
      joined_ms_(wall_ms()),
      heartbeats_(client, heartbeat(), [wishes = wishes_] { wishes->put(0); }) {}

Membership::~Membership() = default;

Result<std::unique_ptr<Membership>> Membership::join(Client& client, Options options,
                                                     Patience& patience) {
    std::unique_ptr<Membership> member(new Membership(client, std::move(options)));
    client.on_push([wishes = member->wishes_](const std::string&, const wire::Command& command) {
        if (command.code == wire::request_code::notify_consumer_ids_changed) wishes->put(0);
    });
    TRY_OK(patience.until_settled([&] { return member->learn_brokers(); }));
    TRY_OK(patience.until_settled(
        [&] { return member->heartbeats_.beat_and_wait(member->options_.needs_all); }));
    member->has_joined_ = true;
    return member;
}

Result<> Membership::learn_brokers() {
    std::vector<std::string> found;
    for (const auto& topic : options_.topics) {
        const auto route = client_.route(topic);
        if (!route && route.error().code == Errc::not_found) continue;  // not there yet, or again
        if (!route) return route.error();
        for (const auto& broker : route->brokers)
            for (const auto& [id, address] : broker.broker_addrs) found.push_back(address);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    const auto known = heartbeats_.brokers();
    const bool is_new = !std::includes(known.begin(), known.end(), found.begin(), found.end());
    heartbeats_.set_brokers(std::move(found));
    // Before it is asked who the members are.
    if (is_new && has_joined_) heartbeats_.beat();
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

bool Membership::wants_rebalance() {
    taken_.clear();
    wishes_->take(taken_);
    bool wanted = !taken_.empty();
    if (heartbeats_.after_disconnect())
        rebalance_at_ms_ = std::min(rebalance_at_ms_, monotonic_ms() + rebalance_again_ms);
    if (monotonic_ms() >= rebalance_at_ms_) wanted = true;
    return wanted;
}

/// Every broker knows all members; the first that answers tells.
Result<remoting::Answer> Membership::ask_for_members(const std::vector<Queue>& queues) {
    wire::ConsumerGroupHeader header;
    header.consumer_group = options_.group;
    std::set<std::string> asked;
    Result<remoting::Answer> answer = Error{Errc::unavailable, "no broker answers"};
    for (const auto& queue : queues) {
        if (!asked.insert(queue.address).second) continue;
        if (auto away = absence(queue.address)) {
            answer = std::move(*away);
            continue;
        }
        answer =
            client_.call(queue.address, wire::request_code::get_consumer_list_by_group, header);
        if (answer || answer.error().code != Errc::unavailable) break;
    }
    return answer;
}

/// Of one topic's queues ours are left.
Result<> Membership::keep_share(std::vector<Queue>& queues) {
    if (queues.empty()) return {};
    TRY(const auto answer, ask_for_members(queues));
    TRY(const auto body, json::parse(answer.body));
    std::vector<std::string> members;
    for (const auto& id : body["consumerIdList"].items()) members.push_back(id.as_text());
    const bool are_listed = std::find(members.begin(), members.end(), client_id_) != members.end();
    if (!are_listed)
        return Error{Errc::unavailable,
                     fmt::format("this member of {} is not listed yet", options_.group)};
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
    bool lacks_retry = false;
    for (const auto& topic : topics) {
        const auto route = client_.route(topic);
        if (!route && route.error().code != Errc::not_found) return route.error();
        lacks_retry = lacks_retry || (!route && topic == retry_topic_);
        auto& share = shares_[topic];
        // One that was deleted may be made anew: what was ours stays so.
        if (route) {
            auto all = subscribe_queues(topic, *route);
            if (!options_.broadcasts) TRY_OK(keep_share(all));
            share = std::move(all);
        }
        ours.insert(ours.end(), share.begin(), share.end());
    }
    rebalance_at_ms_ = monotonic_ms() + rebalance_ms;
    // The first heartbeat makes it, and the name server hears of that a moment later.
    if (lacks_retry && looks_for_retry_-- > 0) rebalance_soon();
    return ours;
}

void Membership::rebalance_soon() {
    rebalance_at_ms_ = std::min(rebalance_at_ms_, monotonic_ms() + rebalance_again_ms / 2);
}

// Offsets

Result<std::vector<std::optional<std::int64_t>>> Membership::stored_offsets(
    const std::vector<Queue>& queues) {
    Calls calls(client_);
    for (const auto& queue : queues) {
        wire::QueryConsumerOffset header;
        header.consumer_group = options_.group;
        header.topic = queue.topic;
        header.queue_id = queue.id;
        header.set_zero_if_not_found = false;
        calls.add(queue.address, wire::request_code::query_consumer_offset, header);
    }
    std::vector<std::optional<std::int64_t>> offsets;
    const auto answers = calls.wait();
    for (std::size_t i = 0; i < queues.size(); ++i) {
        offsets.emplace_back();
        if (!answers[i]) {
            if (answers[i].error().remote_code == wire::response_code::query_not_found) continue;
            return answers[i].error();
        }
        const auto offset = parse_int<std::int64_t>(answers[i]->find("offset"));
        if (!offset) return Error{Errc::corrupt, queues[i].address + ": the answer has no offset"};
        // Below 0 stands for none with old brokers.
        if (*offset >= 0) offsets.back() = *offset;
    }
    return offsets;
}

Result<std::optional<std::int64_t>> Membership::stored_offset(const Queue& queue) {
    TRY(const auto offsets, stored_offsets({queue}));
    return offsets.front();
}

wire::UpdateConsumerOffset Membership::header_of(const Commit& commit) const {
    wire::UpdateConsumerOffset header;
    header.consumer_group = options_.group;
    header.topic = commit.queue.topic;
    header.queue_id = commit.queue.id;
    header.commit_offset = commit.offset;
    if (commit.only_if_held) header.held = true;
    return header;
}

void Membership::commit(const Commit& commit) {
    client_.channel(commit.queue.address)
        ->oneway(wire::request_code::update_consumer_offset, header_of(commit));
}

Result<> Membership::commit_first(const std::vector<Commit>& commits) {
    Calls calls(client_);
    for (const auto& commit : commits) {
        auto header = header_of(commit);
        header.first = true;
        calls.add(commit.queue.address, wire::request_code::update_consumer_offset, header);
    }
    for (const auto& answer : calls.wait())
        if (!answer) return answer.error();
    return {};
}

std::vector<Result<>> Membership::commit_and_wait(const std::vector<Commit>& commits,
                                                  bool is_durable) {
    Calls calls(client_);
    for (const auto& commit : commits) {
        auto header = header_of(commit);
        if (is_durable) header.durable = true;
        calls.add(commit.queue.address, wire::request_code::update_consumer_offset, header);
    }
    std::vector<Result<>> done;
    for (const auto& answer : calls.wait())
        done.push_back(answer ? Result<>() : Result<>(answer.error()));
    return done;
}

void Membership::leave() {
    wire::UnregisterClient header;
    header.client_id = client_id_;
    header.consumer_group = options_.group;
    for (const auto& broker : heartbeats_.brokers()) {
        const auto channel = client_.channel(broker);
        // Who cannot be reached has noticed by itself. The answer also says that the commits
        // before it have arrived: one connection, one order.
        if (channel->connected()) [[maybe_unused]]
            const auto left = channel->call_and_wait(wire::request_code::unregister_client, header,
                                                     {}, client_.options().timeout_ms);
    }
}

}  // namespace mqd::client
