#include "front/rocketmq/registrar.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <span>

#include "base/crc.h"
#include "base/log.h"
#include "front/rocketmq/convert.h"
#include "message/sys_flag.h"
#include "wire/bodies/register_broker.h"
#include "wire/bodies/topic.h"
#include "wire/headers/namesrv.h"

namespace mqd::front::rocketmq {
namespace {

constexpr std::int64_t second_registration_ms = 10'000;
constexpr std::int64_t retry_ms = 1000;
constexpr std::int64_t refused_retry_ms = 5000;
/// A name server takes a broker for alive for 10 s.
constexpr std::int64_t life_sign_ms = 4000;
constexpr std::int64_t farewell_ms = 1000;

/// Counts answers down; main waits for the last.
class Countdown {
public:
    explicit Countdown(std::size_t count) : left_(count) {}
    void one() {
        {
            const Lock lock(mutex_);
            if (left_ > 0) --left_;
        }
        done_.notify_all();
    }
    void wait(std::int64_t ms) {
        const auto until = monotonic_ms() + ms;
        const Lock lock(mutex_);
        while (left_ > 0 && monotonic_ms() < until)
            done_.wait_for(mutex_, std::chrono::milliseconds(until - monotonic_ms()));
    }

private:
    Mutex mutex_;
    Condition done_;
    std::size_t left_ GUARDED_BY(mutex_);
};

}  // namespace

struct Registrar::State : std::enable_shared_from_this<State> {
    struct NameServer {
        std::string address;
        std::shared_ptr<remoting::Channel> channel;
        std::unique_ptr<net::Timer> retry;
        bool knows_us = false;
        bool is_stale = false;  // something changed while it was being told
        bool failure_logged = false;
        std::string refused;  // why; by another broker's being there
    };

    State(broker::Broker& b, net::Loop& l, Who w) : broker(b), loop(l), who(std::move(w)) {}

    void open(const std::vector<std::string>& name_servers);
    void register_at(std::size_t index, const std::set<std::string>* only,
                     const std::function<void()>& done);
    void answered(std::size_t index, const Result<remoting::Answer>& answer);
    void taken(std::size_t index, const remoting::Answer& answer);
    void set_refused(std::size_t index, std::string why);
    std::string refusal() const;
    void take_order(std::string_view body) const;
    void retry_soon(std::size_t index, std::int64_t ms = retry_ms);
    void register_everywhere(const std::set<std::string>* only);
    void every(std::int64_t ms);
    void give_life_signs();
    void unregister(std::int64_t wait_ms, const std::function<void()>& done);
    void send_changes();
    std::string body_of(const std::set<std::string>* only) const;
    void close();

    broker::Broker& broker;
    net::Loop& loop;
    const Who who;
    std::function<void(const std::string&)> listener;

    // The loop's.
    std::vector<NameServer> servers;
    std::unique_ptr<net::Timer> period, life;
    bool stopped = false;

    Mutex mutex;
    std::set<std::string> changed_topics GUARDED_BY(mutex);
};

void Registrar::State::open(const std::vector<std::string>& name_servers) {
    servers.resize(name_servers.size());
    for (std::size_t i = 0; i < name_servers.size(); ++i) {
        servers[i].address = name_servers[i];
        remoting::Channel::Options options;
        options.on_disconnect = [weak = weak_from_this(), i](const Error&) {
            // A name server forgets brokers whose connection closes.
            const auto self = weak.lock();
            if (self == nullptr || self->stopped) return;
            self->servers[i].knows_us = false;
            self->retry_soon(i);
        };
        servers[i].channel = remoting::Channel::make(loop, name_servers[i], std::move(options));
    }
}

std::string Registrar::State::body_of(const std::set<std::string>* only) const {
    wire::RegisterBrokerBody body;
    body.data_version = to_wire(broker.topics().data_version());
    const std::int32_t permission = broker.settings().identity.permission;
    const auto add = [&](const broker::TopicRef& topic) {
        auto config = to_wire(topic->config());
        // What the broker as a whole does not do, no topic of it does.
        for (const auto bit : {message::perm::read, message::perm::write}) {
            if ((permission & bit) == 0) config.perm &= ~bit;
        }
        body.topics.push_back(std::move(config));
    };
    if (only == nullptr) {
        for (const auto& topic : broker.topics().all()) add(topic);
    } else {
        for (const auto& name : *only) {
            if (const auto topic = broker.topics().find(name)) add(topic);
        }
    }
    return wire::to_body(body);
}

void Registrar::State::register_at(std::size_t index, const std::set<std::string>* only,
                                   const std::function<void()>& done) {
    const auto& settings = broker.settings();
    const std::string body = body_of(only);
    wire::RegisterBroker header;
    header.broker_name = settings.identity.name;
    header.broker_addr = who.address;
    header.cluster_name = settings.identity.cluster;
    header.ha_server_addr = who.address;
    header.store = who.store;
    header.broker_id = settings.identity.id;
    header.body_crc32 = crc31(as_bytes(body));
    servers[index].channel->call(
        wire::request_code::register_broker, header, as_bytes(body),
        settings.network.register_timeout_ms,
        [weak = weak_from_this(), index, done](const Result<remoting::Answer>& answer) {
            if (const auto self = weak.lock(); self != nullptr && !self->stopped)
                self->answered(index, answer);
            if (done) done();
        });
}

void Registrar::State::answered(std::size_t index, const Result<remoting::Answer>& answer) {
    auto& server = servers[index];
    if (answer && answer->code == wire::response_code::success) return taken(index, *answer);
    server.knows_us = false;
    const bool is_refused = answer && !answer->find("mqdSameName").empty();
    if (is_refused) {
        set_refused(index, fmt::format("name server {}: {}", server.address, answer->remark));
    } else if (!server.failure_logged) {
        log::warn("not_registered", {{"namesrv", server.address},
                                     {"error", answer ? answer->remark : answer.error().what}});
        server.failure_logged = true;
    }
    retry_soon(index, is_refused ? refused_retry_ms : retry_ms);
}

void Registrar::State::taken(std::size_t index, const remoting::Answer& answer) {
    auto& server = servers[index];
    if (!server.knows_us)
        log::info("registered", {{"namesrv", server.address}, {"address", who.address}});
    server.knows_us = true;
    server.failure_logged = false;
    set_refused(index, {});
    if (const auto other = answer.find("mqdSameName"); !other.empty())
        log::warn("same_name", {{"namesrv", server.address},
                                {"name", broker.settings().identity.name},
                                {"id", broker.settings().identity.id},
                                {"refused", other}});
    // One of them decides: two that differ would have the topics change for ever.
    const auto before = std::span(servers).first(index);
    if (std::none_of(before.begin(), before.end(), [](const auto& is) { return is.knows_us; }))
        take_order(answer.body);
    if (std::exchange(server.is_stale, false)) register_at(index, nullptr, {});
}

std::string Registrar::State::refusal() const {
    for (const auto& server : servers)
        if (!server.refused.empty()) return server.refused;
    return {};
}

void Registrar::State::set_refused(std::size_t index, std::string why) {
    const auto before = refusal();
    servers[index].refused = std::move(why);
    const auto now = refusal();
    if (before.empty() == now.empty()) return;
    if (!now.empty()) log::error("registration_refused", {{"why", now}});
    if (listener) listener(now);
}

/// The name server's table of ordered topics, if it has one (mqd-remoting(7), REGISTRATION).
void Registrar::State::take_order(std::string_view body) const {
    if (body.empty()) return;
    const auto table = wire::KvTable::read(body);
    if (!table) return;
    std::set<std::string> names;
    for (const auto& [topic, queues] : table->table) names.insert(topic);
    if (const auto set = broker.topics().set_ordered(names); !set)
        log::warn("order_not_set", {{"error", set.error().what}});
}

void Registrar::State::retry_soon(std::size_t index, std::int64_t ms) {
    if (servers[index].retry != nullptr) return;
    servers[index].retry =
        loop.after(std::chrono::milliseconds(ms), [weak = weak_from_this(), index] {
            const auto self = weak.lock();
            if (self == nullptr || self->stopped) return;
            // Kept alive until this call is over.
            const auto timer = std::move(self->servers[index].retry);
            if (!self->servers[index].knows_us) self->register_at(index, nullptr, {});
        });
}

void Registrar::State::register_everywhere(const std::set<std::string>* only) {
    for (std::size_t i = 0; i < servers.size(); ++i) {
        // One that does not know us yet gets the whole table first, and again if that was built
        // before the change.
        if (only == nullptr || servers[i].knows_us) {
            register_at(i, only, {});
        } else {
            servers[i].is_stale = true;
        }
    }
}

void Registrar::State::every(std::int64_t ms) {
    period = loop.after(std::chrono::milliseconds(ms), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->stopped) return;
        self->register_everywhere(nullptr);
        const auto timer = std::move(self->period);
        self->every(self->broker.settings().network.register_interval_ms);
    });
}

void Registrar::State::give_life_signs() {
    life = loop.after(std::chrono::milliseconds(life_sign_ms), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->stopped) return;
        const auto& settings = self->broker.settings();
        const wire::BrokerHeartbeat header{settings.identity.cluster, settings.identity.name,
                                           self->who.address, settings.identity.id, std::nullopt};
        for (const auto& server : self->servers)
            if (server.knows_us)
                server.channel->oneway(wire::request_code::broker_heartbeat, header);
        const auto timer = std::move(self->life);
        self->give_life_signs();
    });
}

/// Where the broker is not known another of its name may be.
void Registrar::State::unregister(std::int64_t wait_ms, const std::function<void()>& done) {
    const auto& settings = broker.settings();
    stopped = true;
    for (auto& server : servers) {
        if (!server.refused.empty()) {
            done();
            continue;
        }
        const wire::BrokerHeader header{settings.identity.name, who.address,
                                        settings.identity.cluster, settings.identity.id};
        server.channel->call(wire::request_code::unregister_broker, header, {}, wait_ms,
                             [done](const Result<remoting::Answer>&) { done(); });
    }
}

void Registrar::State::send_changes() {
    if (stopped) return;
    std::set<std::string> topics;
    {
        const Lock lock(mutex);
        topics.swap(changed_topics);
    }
    if (topics.empty()) return;
    broker.topics().advance_version();
    // A topic that is gone shows in a whole table only.
    bool whole = false;
    for (const auto& topic : topics) whole |= broker.topics().find(topic) == nullptr;
    register_everywhere(whole ? nullptr : &topics);
}

void Registrar::State::close() {
    stopped = true;
    period.reset();
    life.reset();
    for (auto& server : servers) server.channel->close();
    servers.clear();
}

Registrar::Registrar(broker::Broker& broker, net::Loop& loop, Who who,
                     const std::vector<std::string>& name_servers)
    : state_(std::make_shared<State>(broker, loop, std::move(who))) {
    state_->open(name_servers);
}

Registrar::~Registrar() {
    state_->loop.run_and_wait([state = state_.get()] { state->close(); });
}

void Registrar::on_refusal(std::function<void(const std::string&)> listener) {
    state_->listener = std::move(listener);
}

Result<> Registrar::start(std::int64_t wait_ms) {
    const auto answers = std::make_shared<Countdown>(state_->servers.size());
    state_->loop.post([state = state_, answers] {
        for (std::size_t i = 0; i < state->servers.size(); ++i)
            state->register_at(i, nullptr, [answers] { answers->one(); });
        state->every(second_registration_ms);
        state->give_life_signs();
    });
    answers->wait(wait_ms);
    std::string refused;
    state_->loop.run_and_wait([&] { refused = state_->refusal(); });
    if (refused.empty()) return {};
    stop(farewell_ms);
    const auto& settings = state_->broker.settings();
    return Error{Errc::refused,
                 fmt::format("{}: stop one of the two, or give this one another brokerName than {}",
                             refused, settings.identity.name)};
}

void Registrar::changed(const std::string& topic) {
    {
        const Lock lock(state_->mutex);
        const bool is_first = state_->changed_topics.empty();
        state_->changed_topics.insert(topic);
        if (!is_first) return;
    }
    state_->loop.post([state = state_] { state->send_changes(); });
}

void Registrar::stop(std::int64_t wait_ms) {
    const auto answers = std::make_shared<Countdown>(state_->servers.size());
    state_->loop.post([state = state_, answers, wait_ms] {
        state->unregister(wait_ms, [answers] { answers->one(); });
    });
    answers->wait(wait_ms);
    state_->loop.run_and_wait([state = state_.get()] { state->close(); });
}

}  // namespace mqd::front::rocketmq
