#include "client/send_topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "base/clock.h"

namespace mqd::client {
namespace {

constexpr std::int64_t refresh_every_ms = 2000;
constexpr std::int64_t await_ms = 1000;

}  // namespace

const Queue& SendTopic::next_queue(std::string_view not_this_broker) {
    for (std::size_t tried = 0; tried < in_turn.size(); ++tried) {
        const Queue& queue = queues[in_turn[next++ % in_turn.size()]];
        if (queue.broker != not_this_broker) return queue;
    }
    return queues[in_turn[next++ % in_turn.size()]];
}

const Queue& SendTopic::now(const Queue& queue) const {
    const auto same = std::find(queues.begin(), queues.end(), queue);
    return same == queues.end() ? queue : *same;
}

Result<SendTopic*> SendTopics::find(std::string_view name, std::optional<std::int32_t> only) {
    // No topic's name has a slash.
    const std::string key = only ? fmt::format("{}/{}", name, *only) : fmt::format("{}", name);
    const auto known = index_.find(key);
    if (known != index_.end()) return known->second;
    bool is_new = false;
    TRY(const auto route, publish_route(client_, name, &is_new));
    auto topic = std::make_unique<SendTopic>();
    topic->is_new = is_new;
    topic->name = name;
    topic->only = only;
    topic->queues = publish_queues(name, route);
    topic->routed_ms = monotonic_ms();
    if (topic->queues.empty())
        return Error{Errc::refused, fmt::format("topic '{}' has no writable queue: the permissions "
                                                "of the topic or of its brokers forbid sending",
                                                name)};
    if (only) {
        std::erase_if(topic->queues, [&](const Queue& q) { return q.id != *only; });
        if (topic->queues.empty())
            return Error{Errc::not_found, fmt::format("topic '{}' has no queue {}", name, *only)};
    }
    topic->route = topic->queues;
    TRY_OK(agree_on_ack(topic->queues));
    topic->first_queues = topic->queues.size();
    topic->in_turn.resize(topic->queues.size());
    std::iota(topic->in_turn.begin(), topic->in_turn.end(), std::size_t{0});
    // Of each name once, however many numbers of it are sent to.
    if (std::none_of(topics_.begin(), topics_.end(),
                     [&](const auto& t) { return t->name == name; }))
        watch_.watch(name);
    topic->next = static_cast<std::size_t>(monotonic_us()) % topic->queues.size();
    topics_.push_back(std::move(topic));
    return index_[key] = topics_.back().get();
}

/// What does not answer is not sent to.
Result<> SendTopics::agree_on_ack(std::vector<Queue>& queues) {
    std::optional<Error> silent;
    std::set<std::string_view> asked;
    for (const auto& queue : queues) {
        if (!asked.insert(queue.address).second) continue;
        const auto agreed = acks_.ask_and_wait(queue.address);
        if (agreed) continue;
        if (agreed.error().code != Errc::unavailable) return agreed.error();
        silent = agreed.error();
    }
    std::erase_if(queues, [&](const Queue& queue) { return !acks_.agrees(queue.address); });
    if (queues.empty() && silent) return *silent;
    return {};
}

void SendTopics::refresh(SendTopic& topic) {
    const std::int64_t now_ms = monotonic_ms();
    if (now_ms < topic.routed_ms + refresh_every_ms) return;
    const auto route = publish_route(client_, topic.name);
    topic.routed_ms = monotonic_ms();
    if (!route) return;
    topic.route = publish_queues(topic.name, *route);
    take_over(topic);
}

void SendTopics::await_new() const {
    const auto give_up_ms = monotonic_ms() + await_ms;
    for (const auto& topic : topics_) {
        if (!topic->is_new || !topic->has_taken) continue;
        for (;;) {
            const auto route = client_.route(topic->name);
            // What is wrong otherwise is not for us to wait for.
            if (route || route.error().code != Errc::not_found) break;
            if (monotonic_ms() >= give_up_ms) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        topic->is_new = false;
    }
}

void SendTopics::look() {
    while (const auto seen = watch_.take()) {
        for (const auto& topic : topics_) {
            if (topic->name != seen->topic) continue;
            topic->route = publish_queues(topic->name, seen->route);
            take_over(*topic);
        }
    }
    if (!acks_.look()) return;
    for (const auto& topic : topics_) take_over(*topic);
}

void SendTopics::take_over(SendTopic& topic) {
    const Talk& talk = client_.options().talk;
    std::vector<Queue> added;
    std::vector<std::size_t> in_turn;
    for (const auto& queue : topic.route) {
        // One that does not wait for it is not sent to, whether it is new or came back so.
        if (!acks_.agrees(queue.address)) continue;
        const auto same = std::find(topic.queues.begin(), topic.queues.end(), queue);
        if (same != topic.queues.end()) {
            if (same->address != queue.address)
                talk(Talk::trouble, "{} is at {} now", queue.to_string(), queue.address);
            same->address = queue.address;
            in_turn.push_back(static_cast<std::size_t>(same - topic.queues.begin()));
        } else if (!topic.only) {
            added.push_back(queue);
        }
    }
    for (auto& queue : added) {
        talk(Talk::trouble, "{} on {} is new", queue.to_string(), queue.address);
        in_turn.push_back(topic.queues.size());
        topic.queues.push_back(std::move(queue));
    }
    // With none at all, brokers are tried where they were.
    if (!in_turn.empty()) topic.in_turn = std::move(in_turn);
}

}  // namespace mqd::client
