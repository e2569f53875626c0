#include "broker/clients.h"

#include <fmt/format.h>

#include <algorithm>

namespace mqd::broker {
namespace {

void add_once(std::vector<std::string>& names, std::string_view name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

std::shared_ptr<Subscription> raw_subscription(std::string topic, std::string expression,
                                               std::string type, std::int64_t version) {
    auto out = std::make_shared<Subscription>();
    out->topic = std::move(topic);
    out->expression = expression.empty() ? "*" : std::move(expression);
    if (!type.empty()) out->type = std::move(type);
    out->version = version;
    return out;
}

}  // namespace

Result<SubscriptionRef> Subscription::make(std::string topic, std::string expression,
                                           std::string type, std::int64_t version) {
    auto out = raw_subscription(std::move(topic), std::move(expression), std::move(type), version);
    if (out->is_tag()) {
        TRY(out->tags, filter::Tags::parse(out->expression));
    }
    if (out->is_sql()) {
        TRY(out->sql, filter::Sql::parse(out->expression));
    }
    return SubscriptionRef(std::move(out));
}

SubscriptionRef Subscription::unusable(std::string topic, std::string expression, std::string type,
                                       std::int64_t version) {
    return raw_subscription(std::move(topic), std::move(expression), std::move(type), version);
}

bool Clients::join(const PeerRef& peer, const ClientInfo& client, Membership membership) {
    const Lock lock(mutex_);
    auto found = consumers_.find(membership.group);
    if (found == consumers_.end())
        found = consumers_.emplace(membership.group, ConsumerGroup()).first;
    ConsumerGroup& group = found->second;
    Member& member = group.members[peer.get()];
    const bool is_new = member.peer == nullptr;
    member = {peer, client, clock_.monotonic_ms()};
    add_once(peers_[peer.get()].consuming, membership.group);

    const bool changed = merge(group, member, membership.subscriptions);
    membership.subscriptions.clear();
    group.about = std::move(membership);
    return is_new || changed;
}

// One map a group: the newest text of each topic wins, and topics that a heartbeat does not name
// go. A text is also taken from another client whatever its version, since Go counts those in
// nanoseconds where Java counts milliseconds; that alone disturbs nobody, or two members that
// disagree would have the group rebalanced with every heartbeat. A client whose clock was put back
// sends a lower version with its new text: over one connection the last heartbeat is the newest.
// The version decides only between two live connections that give the same client id.
bool Clients::merge(ConsumerGroup& group, const Member& from,
                    const std::vector<SubscriptionRef>& subscriptions) {
    bool changed = false;
    const auto rivals = [&](const Held& held) {
        return held.set_over != from.peer.get() && group.members.contains(held.set_over);
    };
    for (const auto& subscription : subscriptions) {
        auto& is = group.subscriptions[subscription->topic];
        if (is.subscription == nullptr) {
            changed = true;
        } else if (is.subscription->same_text(*subscription)) {
            if (subscription->version <= is.subscription->version) continue;
        } else if (is.set_by == from.client.id) {
            if (subscription->version < is.subscription->version && rivals(is)) continue;
            changed = true;
        }
        is = {subscription, from.client.id, from.peer.get()};
    }
    const auto gone = std::erase_if(group.subscriptions, [&](const auto& entry) {
        return std::none_of(subscriptions.begin(), subscriptions.end(),
                            [&](const auto& named) { return named->topic == entry.first; });
    });
    return changed || gone > 0;
}

void Clients::join_producers(const PeerRef& peer, const ClientInfo& client,
                             std::string_view group) {
    const Lock lock(mutex_);
    auto found = producers_.find(group);
    if (found == producers_.end()) found = producers_.emplace(std::string(group), Members()).first;
    found->second[peer.get()] = {peer, client, clock_.monotonic_ms()};
    auto& groups = peers_[peer.get()];
    add_once(groups.producing, group);
    if (groups.producer_id != client.id) {
        forget_producer_id(groups, *peer);
        groups.producer_id = client.id;
    }
    const auto named = producer_ids_.find(client.id);
    if (named == producer_ids_.end())
        producer_ids_.emplace(client.id, peer);
    else
        named->second = peer;
}

void Clients::forget_producer_id(PeerGroups& of, const Peer& peer) {
    const auto named = producer_ids_.find(of.producer_id);
    // A newer connection of the same client may have taken it over.
    if (named != producer_ids_.end() && named->second.get() == &peer) producer_ids_.erase(named);
    of.producer_id.clear();
}

bool Clients::leave_locked(const Peer& peer, std::string_view group) {
    const auto found = consumers_.find(group);
    if (found == consumers_.end() || found->second.members.erase(&peer) == 0) return false;
    if (found->second.members.empty()) consumers_.erase(found);
    return true;
}

bool Clients::leave(const Peer& peer, std::string_view group) {
    const Lock lock(mutex_);
    if (const auto is = peers_.find(&peer); is != peers_.end())
        std::erase(is->second.consuming, group);
    return leave_locked(peer, group);
}

void Clients::leave_producers(const Peer& peer, std::string_view group) {
    const Lock lock(mutex_);
    if (const auto is = peers_.find(&peer); is != peers_.end()) {
        std::erase(is->second.producing, group);
        if (is->second.producing.empty()) forget_producer_id(is->second, peer);
    }
    const auto found = producers_.find(group);
    if (found == producers_.end()) return;
    found->second.erase(&peer);
    if (found->second.empty()) producers_.erase(found);
}

std::vector<std::string> Clients::leave_all(const Peer& peer) {
    const Lock lock(mutex_);
    const auto is = peers_.find(&peer);
    if (is == peers_.end()) return {};
    std::vector<std::string> left;
    for (const auto& group : is->second.consuming) {
        if (leave_locked(peer, group)) left.push_back(group);
    }
    for (const auto& group : is->second.producing) {
        const auto found = producers_.find(group);
        if (found == producers_.end()) continue;
        found->second.erase(&peer);
        if (found->second.empty()) producers_.erase(found);
    }
    forget_producer_id(is->second, peer);
    peers_.erase(is);
    return left;
}

std::vector<PeerRef> Clients::expired(std::int64_t expiry_ms) const {
    const std::int64_t oldest = clock_.monotonic_ms() - expiry_ms;
    std::vector<PeerRef> out;
    const auto look = [&](const Members& members) {
        for (const auto& [key, member] : members) {
            if (member.last_beat_ms < oldest) out.push_back(member.peer);
        }
    };
    const Lock lock(mutex_);
    for (const auto& [name, group] : consumers_) look(group.members);
    for (const auto& [name, members] : producers_) look(members);
    return out;
}

Clients::Standing Clients::standing(std::string_view group, std::string_view topic) const {
    const Lock lock(mutex_);
    const auto found = consumers_.find(group);
    if (found == consumers_.end()) return {};
    const auto held = found->second.subscriptions.find(topic);
    return {true, found->second.about.model,
            held == found->second.subscriptions.end() ? nullptr : held->second.subscription};
}

std::vector<std::string> Clients::member_ids(std::string_view group) const {
    const Lock lock(mutex_);
    std::vector<std::string> out;
    const auto found = consumers_.find(group);
    if (found == consumers_.end()) return out;
    for (const auto& [key, member] : found->second.members) add_once(out, member.client.id);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<PeerRef> Clients::members(std::string_view group) const {
    const Lock lock(mutex_);
    std::vector<PeerRef> out;
    const auto found = consumers_.find(group);
    if (found == consumers_.end()) return out;
    for (const auto& [key, member] : found->second.members) out.push_back(member.peer);
    return out;
}

std::vector<Clients::Online> Clients::online(std::string_view group) const {
    const Lock lock(mutex_);
    std::vector<Online> out;
    const auto found = consumers_.find(group);
    if (found == consumers_.end()) return out;
    for (const auto& [key, member] : found->second.members)
        out.push_back({member.peer, member.client});
    return out;
}

std::vector<std::string> Clients::groups_subscribed(std::string_view topic) const {
    const Lock lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, group] : consumers_) {
        if (group.subscriptions.find(topic) != group.subscriptions.end()) out.push_back(name);
    }
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<Clients::Connection> Clients::connections_of(const Members& members) {
    std::vector<Connection> out;
    for (const auto& [key, member] : members)
        out.push_back({member.client, member.peer->address(), member.last_beat_ms});
    std::sort(out.begin(), out.end(), [](const Connection& a, const Connection& b) {
        return a.client.id != b.client.id ? a.client.id < b.client.id : a.address < b.address;
    });
    return out;
}

std::optional<Clients::View> Clients::consumers(std::string_view group) const {
    const Lock lock(mutex_);
    const auto found = consumers_.find(group);
    if (found == consumers_.end()) return std::nullopt;
    View view{found->second.about, connections_of(found->second.members)};
    for (const auto& [topic, held] : found->second.subscriptions)
        view.membership.subscriptions.push_back(held.subscription);
    return view;
}

std::vector<Clients::Connection> Clients::producers(std::string_view group) const {
    const Lock lock(mutex_);
    const auto found = producers_.find(group);
    return found == producers_.end() ? std::vector<Connection>() : connections_of(found->second);
}

std::map<std::string, std::vector<Clients::Connection>> Clients::all_producers() const {
    const Lock lock(mutex_);
    std::map<std::string, std::vector<Connection>> out;
    for (const auto& [name, members] : producers_) out.emplace(name, connections_of(members));
    return out;
}

PeerRef Clients::any_producer(std::string_view group) {
    const Lock lock(mutex_);
    const auto found = producers_.find(group);
    if (found == producers_.end() || found->second.empty()) return nullptr;
    const auto turn = turn_++ % found->second.size();
    return std::next(found->second.begin(), static_cast<std::ptrdiff_t>(turn))->second.peer;
}

PeerRef Clients::producer_of(std::string_view client_id) const {
    const Lock lock(mutex_);
    const auto named = producer_ids_.find(client_id);
    return named == producer_ids_.end() ? nullptr : named->second;
}

}  // namespace mqd::broker
