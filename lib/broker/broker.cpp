#include "broker/broker.h"

#include <chrono>
#include <limits>
#include <set>

#include "base/log.h"
#include "broker/names.h"
#include "broker/position.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/sys_flag.h"
#include "base/named_thread.h"

namespace mqd::broker {
namespace {

constexpr std::int64_t tick_ms = 1000;
constexpr std::size_t held_at_once = 64;
constexpr std::int64_t client_scan_ms = 10'000;
constexpr std::int64_t refusal_log_every_ms = 1000;
constexpr std::int64_t topics_pause_factor = 9;  // a tenth of the time goes into saving them

}  // namespace

Broker::Broker(store::Files& files, const Clock& clock, store::Store& store,
               const Settings& settings)
    : files_(files),
      settings_(settings),
      clock_(clock),
      store_(store),
      opened_at_(store.end()),
      clients_(clock),
      locks_(clock),
      arrivals_(
          std::make_shared<Arrivals>(clock, static_cast<std::size_t>(settings.reads.held_max))),
      counters_(clock),
      durability_(store),
      role_(std::make_shared<Role>()),
      readers_(static_cast<std::size_t>(settings.reads.threads)) {
    message::append_property(stamp_, message::property::msg_region, settings.identity.region);
    message::append_property(stamp_, message::property::trace_on,
                             settings.identity.trace_on ? "true" : "false");
    message::append_property(stamp_, message::property::cluster, settings.identity.cluster);
}

Result<std::unique_ptr<Broker>> Broker::open(store::Files& files, const Clock& clock,
                                             store::Store& store, const Settings& settings,
                                             bool leads) {
    std::unique_ptr<Broker> broker(new Broker(files, clock, store, settings));
    TRY_OK(files.make_directories(settings.store.config_dir()));
    TRY(broker->topics_, Topics::open(files, clock, store, settings));
    TRY(broker->groups_, Groups::open(files, clock, settings));
    TRY(broker->offsets_, Offsets::open(files, clock, settings));
    TRY(broker->filters_, Filters::open(files, clock, settings));
    TRY(broker->request_modes_, RequestModes::open(files, settings.store.config_dir()));
    std::unique_ptr<Leading> leading;
    if (leads) {
        TRY(leading, broker->open_leading());
    }
    // After the transactions, which look at theirs themselves.
    broker->offsets_->hold_against(
        [&store, opened_at = store.end()](std::string_view topic, std::int32_t id) {
            auto* const queue = store.find_queue(topic, id);
            if (queue == nullptr) return std::optional(QueueRange());
            // It is held when the queue has been made whole, and its groups are told to.
            if (!queue->usable()) return std::optional<QueueRange>();
            return std::optional(range_before(store, *queue, opened_at));
        });
    // What was deleted was taken from the table with its topic.
    store.on_queue_change([offsets = broker->offsets_](const store::QueueChange& change) {
        if (change.why != store::QueueChange::Why::deleted)
            offsets->queue_changed(change.topic, change.id, {change.min.value, change.max.value});
    });
    store.on_arrival([arrivals = broker->arrivals_,
                      role = broker->role_](std::span<const store::Arrival> arrived) {
        arrivals->arrived(arrived);
        const auto lease = role->lease();
        if (lease == nullptr) return;
        lease->delay->arrived(arrived);
        lease->timers->arrived(arrived);
        lease->transactions->arrived(arrived);
    });
    broker->topics_->on_change([&is = *broker](const std::string& name, const TopicRef& topic) {
        is.save_soon();
        if (is.topic_listener_) is.topic_listener_(name, topic);
    });
    broker->arrivals_->start();
    if (leading != nullptr) broker->begin_leading(std::move(leading));
    broker->thread_ = named_thread("mqd-save", [&broker = *broker] { broker.run(); });
    broker->save_soon();
    return broker;
}

Broker::~Broker() {
    stop();
}

Result<std::unique_ptr<Leading>> Broker::open_leading() {
    auto out = std::make_unique<Leading>();
    TRY(out->delay, Delay::open(files_, clock_, store_, counters_, settings_));
    out->delayed_retries = std::make_unique<DelayedRetries>(clock_, store_, *out->delay);
    TRY(out->timers, Timers::open(files_, clock_, store_, counters_, settings_));
    TRY(out->transactions, Transactions::open(files_, {clock_, store_, settings_, *topics_,
                                                       *offsets_, clients_, counters_}));
    return out;
}

Result<> Broker::lead() {
    if (leading() != nullptr) return {};
    TRY(auto made, open_leading());
    begin_leading(std::move(made));
    return {};
}

/// In this order: once their threads sleep, those are woken by arrivals alone.
void Broker::begin_leading(std::unique_ptr<Leading> leading) {
    role_->give(std::move(leading));
    role_->lease()->start(settings_.delays.timers);
}

Result<> Broker::follow() {
    const auto leading = role_->take_away();
    if (leading == nullptr) return {};
    leading->stop();
    return leading->close();
}

/// What was being done as a leader is returned, without threads.
std::unique_ptr<Leading> Broker::stop() {
    store_.stop_mending();  // which readers wait for
    readers_.stop();
    durability_.stop();
    arrivals_->stop();
    auto leading = role_->take_away();
    if (leading != nullptr) leading->stop();
    {
        const Lock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    return leading;
}

Result<> Broker::close() {
    const auto leading = stop();
    TRY_OK(topics_->close());
    TRY_OK(filters_->save());
    TRY_OK(request_modes_->save());
    TRY_OK(groups_->save());
    auto progress = leading != nullptr ? leading->close() : Result<>();
    TRY_OK(offsets_->save());
    return progress;
}

void Broker::save_soon(std::function<void(Result<>)> done) {
    {
        const Lock lock(mutex_);
        save_wanted_ = true;
        if (done) saved_.push_back(std::move(done));
    }
    wake_.notify_all();
}

void Broker::save_offsets_soon(std::function<void(Result<>)> done) {
    {
        const Lock lock(mutex_);
        save_wanted_ = save_offsets_wanted_ = true;
        saved_.push_back(std::move(done));
    }
    wake_.notify_all();
}

Result<> Broker::save_tables() {
    TRY_OK(save_topics());
    TRY_OK(filters_->save());
    TRY_OK(request_modes_->save());
    return groups_->save();
}

/// A table of thousands that changes all the time would be written all the time; its changes are
/// safe without.
Result<> Broker::save_topics() {
    const std::int64_t began = clock_.monotonic_ms();
    if (began < next_topics_ms_) return topics_->sync();
    auto saved = topics_->save();
    const std::int64_t ended = clock_.monotonic_ms();
    next_topics_ms_ = ended + (ended - began) * topics_pause_factor;
    return saved;
}

void Broker::run() {
    std::int64_t next_tick = clock_.monotonic_ms() + tick_ms;
    std::int64_t next_offsets = clock_.monotonic_ms() + settings_.groups.offsets_interval_ms;
    std::int64_t next_delay_offsets = clock_.monotonic_ms() + settings_.delays.offsets_interval_ms;
    std::int64_t next_transactions =
        clock_.monotonic_ms() + settings_.transactions.counts_interval_ms;
    std::int64_t next_scan = clock_.monotonic_ms() + client_scan_ms;
    bool holding = true;
    const auto report = [](const Result<>& saved) {
        if (!saved) log::error("table_not_saved", {{"error", saved.error().what}});
    };
    while (true) {
        bool save = false, with_offsets = false;
        std::vector<std::function<void(Result<>)>> waiting;
        {
            const Lock lock(mutex_);
            const std::int64_t wait_ms = next_tick - clock_.monotonic_ms();
            if (!stopping_ && !save_wanted_ && wait_ms > 0 && !holding)
                wake_.wait_for(mutex_, std::chrono::milliseconds(wait_ms));
            save = std::exchange(save_wanted_, false);
            with_offsets = std::exchange(save_offsets_wanted_, false);
            waiting.swap(saved_);
            if (stopping_ && !save) return;
        }
        holding = holding && offsets_->hold_some(held_at_once);
        if (save) {
            auto saved = save_tables();
            if (saved && with_offsets) saved = offsets_->save();
            report(saved);
            for (const auto& done : waiting) done(saved);
        }
        const std::int64_t now = clock_.monotonic_ms();
        if (now >= next_tick) {
            counters_.sample();
            if (const auto is = leading()) report(is->timers->save());
            report(save_topics());
            next_tick = now + tick_ms;
        }
        if (now >= next_transactions) {
            if (const auto is = leading()) report(is->transactions->save_counts());
            next_transactions = now + settings_.transactions.counts_interval_ms;
        }
        if (now >= next_offsets) {
            if (const auto is = leading()) report(is->transactions->save_progress());
            report(offsets_->save());
            next_offsets = now + settings_.groups.offsets_interval_ms;
        }
        if (now >= next_delay_offsets) {
            if (const auto is = leading()) report(is->delay->save());
            next_delay_offsets = now + settings_.delays.offsets_interval_ms;
        }
        if (now >= next_scan) {
            close_expired();
            locks_.expire();
            next_scan = now + client_scan_ms;
        }
    }
}

void Broker::close_expired() {
    for (const auto& peer : clients_.expired(settings_.groups.client_expiry_ms)) {
        log::info("client_expired", {{"client", peer->address()}});
        peer->close();
        disconnected(*peer);
    }
}

void Broker::tell_members(std::string_view group) {
    const auto settings = groups_->find(group);
    if (!settings_.groups.notify_members || (settings && !settings->notify_members())) return;
    const std::string name(group);
    for (const auto& member : clients_.members(group)) member->members_changed(name);
}

GroupRef Broker::find_or_create_group(std::string_view name) {
    if (auto group = groups_->find(name)) return group;
    auto made = groups_->find_or_create(name);
    if (made != nullptr) save_soon();
    return made;
}

void Broker::heartbeat(const PeerRef& peer, const ClientInfo& client,
                       std::vector<Membership> consuming,
                       const std::vector<std::string>& producing) {
    for (auto& membership : consuming) {
        const std::string name = membership.group;
        const auto group = find_or_create_group(name);
        if (group == nullptr) continue;  // not to be made: its pulls are told so
        if (membership.has_retry_topic && group->retry_queues() > 0) {
            TopicConfig retry;
            retry.name = retry_topic(name);
            retry.read_queues = retry.write_queues = group->retry_queues();
            retry.sys_flag = membership.unit_mode ? 2 : 0;
            if (const auto made = topics_->ensure(retry); !made)
                log::warn("retry_topic_not_made", {{"group", name}, {"error", made.error().what}});
        }
        if (filters_->heard(name, membership.subscriptions)) save_soon();
        const bool clustering = membership.model == Model::clustering;
        if (clients_.join(peer, client, std::move(membership)) && clustering) tell_members(name);
    }
    for (const auto& group : producing) clients_.join_producers(peer, client, group);
}

void Broker::leave_group(const Peer& peer, std::string_view group) {
    locks_.left(peer, group);
    if (clients_.leave(peer, group)) member_gone(group);
}

void Broker::disconnected(const Peer& peer) {
    // Before the others are told: they ask for them at once.
    locks_.disconnected(peer);
    for (const auto& group : clients_.leave_all(peer)) member_gone(group);
}

void Broker::member_gone(std::string_view group) {
    const auto left = clients_.standing(group, {});
    if (!left.online) {
        filters_->left(group);
        offsets_->members_gone(group);
    } else if (left.model == Model::clustering) {
        tell_members(group);
    }
}

void Broker::delete_group(std::string_view group, bool with_offsets) {
    groups_->remove(group);
    filters_->remove_group(group);
    counters_.traffic().forget_group(group);
    if (with_offsets) offsets_->remove_group(group);
}

Result<> Broker::put_topics(std::vector<TopicConfig> configs) {
    std::vector<TopicRef> before;
    for (const auto& config : configs)
        if (auto topic = topics_->find(config.name)) before.push_back(std::move(topic));
    TRY_OK(topics_->put_all(std::move(configs)));
    for (const auto& topic : before) wake_unreadable(*topic);
    return {};
}

/// What waits at its queues that can be read no more finds out why.
void Broker::wake_unreadable(const Topic& before) {
    const auto now = topics_->find(before.name());
    const bool is_readable = now != nullptr && (now->config().perm & message::perm::read) != 0;
    for (std::int32_t id = is_readable ? now->config().read_queues : 0; id < before.queues(); ++id)
        if (auto* const queue = before.find_queue(id)) arrivals_->wake(*queue);
}

/// Groups whose members may have in mind how far they had come in it.
std::vector<std::string> Broker::readers_of(std::string_view topic) const {
    auto groups = clients_.groups_subscribed(topic);
    std::erase_if(groups, [&](const std::string& group) {
        return clients_.standing(group, topic).model != Model::clustering;
    });
    return groups;
}

Result<bool> Broker::delete_topic(std::string_view name) {
    const auto topic = topics_->find(name);
    // Its handles, while the store still finds them by name.
    std::vector<store::Queue*> queues;
    if (topic != nullptr)
        for (std::int32_t id = 0; id < topic->queues(); ++id)
            if (auto* const queue = topic->find_queue(id)) queues.push_back(queue);
    auto removed = topics_->remove(name);
    if (!removed || !*removed) return removed;
    offsets_->remove_topic(name, readers_of(name));
    locks_.remove_topic(name);
    filters_->remove_topic(name);
    counters_.traffic().forget_topic(name);
    save_soon();
    for (auto* const queue : queues) arrivals_->wake(*queue);
    return removed;
}

Broker::Committed Broker::commit(std::string_view group, const Topic& topic, std::int32_t queue,
                                 std::int64_t offset, bool only_first) {
    // Of a topic that has fewer queues now, the others are still there.
    const store::Queue* is = topic.find_queue(queue);
    if (is == nullptr) is = store_.find_queue(topic.name(), queue);
    // While it is being made whole nobody can tell; it is held against it afterwards.
    const std::int64_t end = is == nullptr  ? 0
                             : is->usable() ? is->max().value
                                            : std::numeric_limits<std::int64_t>::max();
    if (offset <= end && only_first) {
        offsets_->commit_first(group, topic.name(), queue, offset);
        return Committed::yes;
    }
    if (offset <= end)
        return offsets_->commit(group, topic.name(), queue, offset) ? Committed::yes
                                                                    : Committed::reset_pending;
    // A client that does not know of it yet says so again and again.
    const std::int64_t now = clock_.monotonic_ms();
    std::int64_t logged = refusal_logged_ms_;
    if ((logged == 0 || now - logged >= refusal_log_every_ms) &&
        refusal_logged_ms_.compare_exchange_strong(logged, now))
        log::warn("commit_refused", {{"group", group},
                                     {"topic", topic.name()},
                                     {"queue", queue},
                                     {"offset", offset},
                                     {"end", end}});
    return Committed::beyond_end;
}

Result<> Broker::delete_unknown_topics() {
    std::set<std::string> names;
    for (const store::Queue* queue : store_.queues()) names.insert(queue->topic());
    for (const auto& name : names) {
        if (is_system_topic(name, settings_.identity.cluster, settings_.identity.name)) continue;
        TRY(const bool removed, topics_->remove_unknown(name));
        if (!removed) continue;
        offsets_->remove_topic(name);
        log::info("unknown_topic_deleted", {{"topic", name}});
    }
    return {};
}

}  // namespace mqd::broker
