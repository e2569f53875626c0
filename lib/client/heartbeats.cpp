#include "client/heartbeats.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "client/calls.h"
#include "net/own_address.h"
#include "wire/codes.h"

namespace mqd::client {
namespace {

constexpr std::int64_t beat_every_ms = 30'000;
constexpr std::int64_t beat_again_ms = 1000;

}  // namespace

/// Beats on the loop's thread until it is stopped there.
struct Heartbeats::Beater : std::enable_shared_from_this<Heartbeats::Beater> {
    Client* client = nullptr;  // null once nobody is a member any more; the loop's thread only
    const std::string body;
    // The loop's.
    std::unique_ptr<net::Timer> timer;  ///< for all of them
    std::unique_ptr<net::Timer> again;  ///< for `failed`
    std::set<std::string> failed;       ///< to be asked again
    Mutex lock;
    std::vector<std::string> brokers GUARDED_BY(lock);
    /// Those that have ever answered; an error: not the last time.
    std::map<std::string, Result<>> told GUARDED_BY(lock);
    const std::function<void()> has_come;

    Beater(Client& its_client, std::string its_body, std::function<void()> call)
        : client(&its_client), body(std::move(its_body)), has_come(std::move(call)) {}

    std::vector<std::string> get_brokers() {
        Lock guard(lock);
        return brokers;
    }
    /// True: it was away.
    bool tell(const std::string& broker) {
        Lock guard(lock);
        const auto [entry, is_new] = told.try_emplace(broker);
        const bool was_away = is_new || !entry->second;
        entry->second = {};
        return was_away;
    }
    void is_away(const std::string& broker, const Error& why) {
        Lock guard(lock);
        if (const auto entry = told.find(broker); entry != told.end()) entry->second = why;
    }
    std::optional<Error> absence(const std::string& broker) {
        Lock guard(lock);
        const auto entry = told.find(broker);
        if (entry == told.end())
            return Error{Errc::unavailable, fmt::format("no answer from {}", broker)};
        return entry->second ? std::nullopt : std::optional(entry->second.error());
    }
    bool has_told(const std::string& broker) {
        Lock guard(lock);
        return told.contains(broker) &&
               std::find(brokers.begin(), brokers.end(), broker) != brokers.end();
    }
    bool is_one(const std::string& broker) {
        Lock guard(lock);
        return std::find(brokers.begin(), brokers.end(), broker) != brokers.end();
    }
    void beat() {
        if (!client) return;
        for (const auto& broker : get_brokers()) beat_at(broker);
        beat_in(beat_every_ms);
    }
    void beat_at(const std::string& broker) {
        client->channel(broker)->call(
            wire::request_code::heart_beat, wire::NoHeader{}, as_bytes(body),
            client->options().timeout_ms,
            [weak = weak_from_this(), broker](const Result<remoting::Answer>& answer) {
                const auto self = weak.lock();
                if (!self) return;
                if (answer) {
                    self->failed.erase(broker);
                    if (self->tell(broker) && self->has_come) self->has_come();
                } else {
                    self->is_away(broker, answer.error());
                    self->beat_again_soon(broker);
                }
            });
    }
    /// Nobody else makes the connection again while there is nothing to send. That it broke may be
    /// heard before its last answer is.
    void lost(const std::string& broker) {
        if (client && is_one(broker)) beat_at(broker);
    }
    /// A broker that was away must know who asks before it takes what is asked of it.
    Buffer greeting(const std::string& address, std::int32_t opaque) {
        Buffer frame;
        if (!client || !has_told(address)) return frame;
        // The answer to a greeting is nobody's. Who has just connected need not be away for longer.
        if (absence(address))
            client->loop().post([weak = weak_from_this(), address] {
                const auto self = weak.lock();
                if (self && self->client && self->is_one(address)) self->beat_at(address);
            });
        wire::Encoder encoder(frame, client->options().encoding, wire::request_code::heart_beat,
                              opaque, 0);
        wire::write_header(encoder, wire::NoHeader{});
        [[maybe_unused]] const bool fits = encoder.finish(as_bytes(body));
        return frame;
    }
    /// One that is lost must not cost the member its place.
    void beat_again_soon(const std::string& broker) {
        if (!client) return;
        failed.insert(broker);
        if (again) return;
        again = client->loop().after(std::chrono::milliseconds(beat_again_ms),
                                     [weak = weak_from_this()] {
                                         const auto self = weak.lock();
                                         if (!self || !self->client) return;
                                         // Kept until this call is over.
                                         const auto kept = std::move(self->again);
                                         const auto silent = std::exchange(self->failed, {});
                                         for (const auto& one : self->get_brokers())
                                             if (silent.contains(one)) self->beat_at(one);
                                     });
    }
    void beat_in(std::int64_t ms) {
        if (!client) return;
        timer = client->loop().after(std::chrono::milliseconds(ms), [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->beat();
        });
    }
};

Heartbeats::Heartbeats(Client& client, std::string body, std::function<void()> has_come)
    : client_(client),
      beater_(std::make_shared<Beater>(client, std::move(body), std::move(has_come))),
      disconnects_(client.disconnects()) {
    client.greet_with(
        [weak = std::weak_ptr(beater_)](const std::string& address, std::int32_t opaque) {
            const auto beater = weak.lock();
            return beater ? beater->greeting(address, opaque) : Buffer();
        });
    client.on_lost([weak = std::weak_ptr(beater_)](const std::string& address) {
        if (const auto beater = weak.lock()) beater->lost(address);
    });
}

Heartbeats::~Heartbeats() {
    client_.loop().run_and_wait([this] {
        beater_->client = nullptr;
        beater_->timer.reset();
        beater_->again.reset();
    });
}

void Heartbeats::set_brokers(std::vector<std::string> brokers) {
    Lock lock(beater_->lock);
    beater_->brokers = std::move(brokers);
}

std::vector<std::string> Heartbeats::brokers() const {
    return beater_->get_brokers();
}

Result<> Heartbeats::beat_and_wait(bool needs_all) {
    const auto all = brokers();
    Calls calls(client_);
    for (const auto& broker : all)
        calls.add(broker, wire::request_code::heart_beat, wire::NoHeader{},
                  as_bytes(beater_->body));
    const auto answers = calls.wait();
    std::vector<std::string> away;
    Result<> failed;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (answers[i]) {
            beater_->tell(all[i]);
            continue;
        }
        failed = answers[i].error();
        if (failed.error().code != Errc::unavailable) return failed;
        away.push_back(all[i]);
    }
    if (!failed && (needs_all || away.size() == all.size())) return failed;
    client_.loop().run_and_wait([&] {
        beater_->beat_in(beat_every_ms);
        for (const auto& broker : away) beater_->beat_again_soon(broker);
    });
    disconnects_ = client_.disconnects();
    return {};
}

std::optional<Error> Heartbeats::absence(const std::string& broker) const {
    return beater_->absence(broker);
}

void Heartbeats::beat() {
    client_.loop().post([beater = beater_] { beater->beat(); });
}

bool Heartbeats::after_disconnect() {
    const auto now = client_.disconnects();
    return now != std::exchange(disconnects_, now);
}

std::string make_client_id() {
    return fmt::format("{}@{}#{}", net::own_address(), ::getpid(), monotonic_us() * 1000);
}

}  // namespace mqd::client
