#include "broker/arrivals.h"
#include "base/named_thread.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace mqd::broker {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t looks_max = 4096;  // in a portion of a sweep
constexpr std::int64_t portion_ms = 1;

}  // namespace

void Arrivals::stop() {
    {
        const Lock lock(mutex_);
        stopping_ = true;
        for (auto& [id, parking] : waits_)
            for_each_place(parking.wait, [](const Place& at) { at.queue->unwatch(); });
        waits_.clear();
        by_queue_.clear();
        deadlines_.clear();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

template <class Call>
void Arrivals::for_each_place(Wait& wait, Call call) {
    call(static_cast<const Place&>(wait));
    for (const Place& at : wait.more) call(at);
}

QueueOffset Arrivals::from_in(const Wait& wait, const store::Queue* queue) {
    if (wait.queue == queue) return wait.from;
    const auto found = std::find_if(wait.more.begin(), wait.more.end(),
                                    [queue](const Place& at) { return at.queue == queue; });
    check(found != wait.more.end());
    return found->from;
}

void Arrivals::start() {
    thread_ = named_thread("mqd-arrivals", [this] { run(); });
}

Arrivals::Parked Arrivals::park(Wait wait) {
    const Lock lock(mutex_);
    if (waits_.size() >= waits_max_ || stopping_) return {Parked::State::full, 0};
    // Watched first, looked at afterwards: a message that the dispatcher did not announce to us is
    // one that max() shows.
    bool is_gone = false, has_grown = false;
    for_each_place(wait, [&](const Place& at) {
        at.queue->watch();
        is_gone = is_gone || at.queue->deleted();
        has_grown = has_grown || at.queue->max() > at.from;
    });
    if (is_gone || has_grown) {
        for_each_place(wait, [](const Place& at) { at.queue->unwatch(); });
        return {is_gone ? Parked::State::gone : Parked::State::grown, 0};
    }
    if (waits_.empty()) next_sweep_ms_ = clock_.monotonic_ms() + sweep_ms;
    const std::uint64_t id = ++last_id_;
    for_each_place(wait, [&](const Place& at) REQUIRES(mutex_) {
        const bool is_new = by_queue_[at.queue].insert(id).second;
        check(is_new);  // each queue once
    });
    const auto deadline = deadlines_.emplace(wait.deadline_ms, id).first;
    const std::int64_t due = std::min(wait.deadline_ms, next_sweep_ms_);
    waits_.emplace(id, Parking{std::move(wait), deadline});
    if (due < sleeps_until_ms_) changed_.notify_all();
    return {Parked::State::waiting, id};
}

void Arrivals::take(std::uint64_t id, std::vector<std::function<void()>>& woken) {
    const auto found = waits_.find(id);
    check(found != waits_.end());
    Wait& wait = found->second.wait;
    for_each_place(wait, [&](const Place& at) REQUIRES(mutex_) {
        at.queue->unwatch();
        const auto ids = by_queue_.find(at.queue);
        ids->second.erase(id);
        if (ids->second.empty()) by_queue_.erase(ids);
    });
    deadlines_.erase(found->second.deadline);
    woken.push_back(std::move(wait.wake));
    waits_.erase(found);
}

void Arrivals::cancel(std::uint64_t id) {
    std::vector<std::function<void()>> dropped;
    const Lock lock(mutex_);
    if (waits_.contains(id)) take(id, dropped);
}

void Arrivals::wake(store::Queue& queue) {
    std::vector<std::function<void()>> woken;
    {
        const Lock lock(mutex_);
        const auto found = by_queue_.find(&queue);
        if (found == by_queue_.end()) return;
        const Ids ids = found->second;
        for (const std::uint64_t id : ids) take(id, woken);
    }
    for (const auto& call : woken) call();
}

void Arrivals::arrived(std::span<const store::Arrival> arrivals) {
    std::vector<std::function<void()>> woken;
    {
        const Lock lock(mutex_);
        std::vector<std::uint64_t> matched;
        for (const auto& arrival : arrivals) {
            const auto ids = by_queue_.find(arrival.queue);
            if (ids == by_queue_.end()) continue;
            matched.clear();
            for (const std::uint64_t id : ids->second) {
                const Wait& wait = waits_.at(id).wait;
                const auto* filter = wait.filter.get();
                if (arrival.offset < from_in(wait, arrival.queue)) continue;
                if (filter == nullptr || filter->matches(arrival.record, arrival.tags_code))
                    matched.push_back(id);
            }
            for (const std::uint64_t id : matched) take(id, woken);
        }
    }
    for (const auto& wake : woken) wake();
}

/// Wakes a portion of those whose queue has more than they know of, or less: it lost its end.
void Arrivals::sweep(std::int64_t now, std::vector<std::function<void()>>& woken) {
    std::vector<std::uint64_t> behind;
    std::size_t looks = 0;
    auto queue = by_queue_.lower_bound(swept_to_);
    while (queue != by_queue_.end() && looks < looks_max) {
        const QueueOffset max = queue->first->max();
        for (const std::uint64_t id : queue->second) {
            ++looks;
            if (max != from_in(waits_.at(id).wait, queue->first) &&
                std::find(behind.begin(), behind.end(), id) == behind.end())
                behind.push_back(id);  // once, of however many queues
            if (behind.size() == sweep_wakes) break;
        }
        if (behind.size() == sweep_wakes) break;  // this queue may have more
        ++queue;
    }
    const bool done = queue == by_queue_.end();
    swept_to_ = done ? nullptr : queue->first;
    next_sweep_ms_ = now + (done ? sweep_ms : portion_ms);
    for (const std::uint64_t id : behind) take(id, woken);
}

std::int64_t Arrivals::run_due() {
    std::vector<std::function<void()>> woken;
    std::int64_t wait_ms = -1;
    {
        const Lock lock(mutex_);
        const std::int64_t now = clock_.monotonic_ms();
        if (now >= next_sweep_ms_) sweep(now, woken);
        while (!deadlines_.empty() && deadlines_.begin()->first <= now)
            take(deadlines_.begin()->second, woken);
        if (!waits_.empty()) wait_ms = std::min(deadlines_.begin()->first, next_sweep_ms_) - now;
        sleeps_until_ms_ = wait_ms < 0 ? never : now + wait_ms;
    }
    for (const auto& wake : woken) wake();
    return wait_ms;
}

void Arrivals::run() {
    while (true) {
        const std::int64_t wait_ms = run_due();
        const Lock lock(mutex_);
        if (stopping_) return;
        // Parked since run_due() with an earlier deadline: nobody was asleep to be told.
        const std::int64_t due =
            waits_.empty() ? never : std::min(deadlines_.begin()->first, next_sweep_ms_);
        if (due < sleeps_until_ms_) continue;
        if (wait_ms < 0) {
            changed_.wait(mutex_);
        } else {
            changed_.wait_for(mutex_, std::chrono::milliseconds(wait_ms));
        }
    }
}

std::size_t Arrivals::waiting() const {
    const Lock lock(mutex_);
    return waits_.size();
}

}  // namespace mqd::broker
