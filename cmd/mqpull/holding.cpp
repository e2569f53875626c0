#include "holding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "client/mailbox.h"
#include "wire/codes.h"

namespace mqd::mqpull {
namespace {

constexpr std::int64_t keep_every_ms = 10'000;
constexpr std::int64_t try_again_ms = 1000;
constexpr std::int64_t last_try_again_ms = 200;

using QueueRef = std::shared_ptr<client::PulledQueue>;

bool contains(const std::vector<client::Queue>& queues, const client::Queue& queue) {
    return std::find(queues.begin(), queues.end(), queue) != queues.end();
}

}  // namespace

Holding::Holding(client::Client& client, client::Membership& membership, client::Puller& puller,
                 Output& output, client::QueueLocks locks, const client::Waiting& waiting)
    : client_(client),
      membership_(membership),
      puller_(puller),
      output_(output),
      locks_(std::move(locks)),
      waiting_(waiting) {}

// Locks

std::vector<client::Queue> Holding::lock(const std::vector<client::Queue>& wanted) {
    std::vector<client::Queue> asked = wanted;
    for (const auto& queue : leaving_)
        if (!contains(wanted, queue->queue)) asked.push_back(queue->queue);
    kept_ms_ = monotonic_ms();
    auto ours = keep(asked);
    for (const auto& queue : leaving_)
        if (std::erase(ours, queue->queue) == 0) lose(*queue);
    has_all_ = ours.size() == wanted.size();
    if (!has_all_) membership_.rebalance_soon();
    say_waiting(wanted, ours);
    return ours;
}

void Holding::say_waiting(const std::vector<client::Queue>& wanted,
                          const std::vector<client::Queue>& ours) {
    if (has_all_) return waiting_.goes_on();
    const auto first = std::find_if(wanted.begin(), wanted.end(), [&](const client::Queue& queue) {
        return !contains(ours, queue);
    });
    const auto others = wanted.size() - ours.size() - 1;
    waiting_.waits(fmt::format("another member of the group holds {}{}", first->to_string(),
                               others == 0 ? "" : fmt::format(" and {} more", others)));
}

std::vector<client::Queue> Holding::keep(const std::vector<client::Queue>& queues) {
    return locks_.keep(queues, [this](const std::string& address) {
        return membership_.absence(address).has_value();
    });
}

std::vector<client::Queue> Holding::held() const {
    std::vector<client::Queue> queues;
    for (const auto* const queue : puller_.queues()) queues.push_back(queue->queue);
    for (const auto& queue : leaving_)
        if (!queue->is_lost) queues.push_back(queue->queue);
    return queues;
}

void Holding::keep_locks() {
    if (monotonic_ms() - kept_ms_ < keep_every_ms) return;
    kept_ms_ = monotonic_ms();
    [[maybe_unused]] const auto ours = keep(held());
}

// Commits

client::Membership::Commit Holding::commit_of(const client::PulledQueue& queue) const {
    return {queue.queue, queue.ledger.committable(), locks_.is_bound(queue.queue)};
}

void Holding::commit(bool also_unchanged) {
    const auto commit_one = [&](client::PulledQueue& queue) {
        const auto commit = commit_of(queue);
        if (commit.offset == queue.committed && !also_unchanged) return;
        membership_.commit(commit);
        queue.committed = commit.offset;
    };
    for (auto* const queue : puller_.queues()) commit_one(*queue);
    for (const auto& queue : leaving_)
        if (!queue->is_lost) commit_one(*queue);
}

/// Takes out of `queues` those that need no more of it. False: some are left, and `failed` says
/// why.
bool Holding::commit_last(std::vector<QueueRef>& queues, bool is_durable, Result<>& failed) {
    std::erase_if(queues, [](const QueueRef& queue) { return queue->is_lost; });
    std::vector<client::Membership::Commit> commits;
    for (const auto& queue : queues) commits.push_back(commit_of(*queue));
    const auto done = membership_.commit_and_wait(commits, is_durable);
    std::vector<QueueRef> left;
    std::vector<client::Queue> refused;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (done[i]) {
            queues[i]->committed = commits[i].offset;
            continue;
        }
        const Error& error = done[i].error();
        const bool is_unlocked =
            commits[i].only_if_held && error.remote_code == wire::response_code::no_permission;
        if (is_unlocked) refused.push_back(queues[i]->queue);
        if (is_unlocked || error.code == Errc::unavailable) {
            left.push_back(queues[i]);
            failed = error;
        } else {
            // Its topic is gone, say: there is nothing left to go on with.
            client_.options().talk(client::Talk::trouble, "{} at {} is not committed: {}",
                                   queues[i]->queue.to_string(), commits[i].offset, error.what);
        }
    }
    // The connection has broken since they were locked. Who has one by now has what is not
    // committed, too.
    if (!refused.empty()) {
        // They have just answered, whatever the last heartbeat says.
        const auto ours = locks_.keep(refused);
        for (const auto& queue : left)
            if (contains(refused, queue->queue) && !contains(ours, queue->queue)) lose(*queue);
        std::erase_if(left, [](const QueueRef& queue) { return queue->is_lost; });
    }
    queues = std::move(left);
    return queues.empty();
}

// Away

void Holding::let_go(const QueueRef& queue) {
    leaving_.push_back(queue);
}

bool Holding::advance() {
    if (leaving_.empty() || try_again_ms_ > monotonic_ms()) return false;
    try_again_ms_ = 0;
    std::vector<QueueRef> done;
    for (const auto& queue : leaving_)
        if (queue->is_lost || !output_.is_busy(*queue)) done.push_back(queue);
    if (done.empty()) return false;
    auto left = done;
    Result<> failed;
    if (!commit_last(left, false, failed)) {
        try_again_ms_ = monotonic_ms() + try_again_ms;
        client_.options().talk(client::Talk::trouble, "cannot release {} yet: {}",
                               left.front()->queue.to_string(), failed.error().what);
    }
    std::erase_if(done, [&](const QueueRef& queue) {
        return std::find(left.begin(), left.end(), queue) != left.end();
    });
    for (const auto& queue : done) {
        client_.options().talk(client::Talk::trouble, "releases {} at {}", queue->queue.to_string(),
                               queue->ledger.committable());
        if (!queue->is_lost) locks_.release(queue->queue);
        lose(*queue);
        std::erase(leaving_, queue);
    }
    if (!done.empty()) membership_.rebalance_soon();
    return !done.empty();
}

std::int64_t Holding::due_ms() const {
    return leaving_.empty() || try_again_ms_ == 0 ? -1 : try_again_ms_;
}

Result<> Holding::finish(std::int64_t give_up_ms) {
    std::vector<QueueRef> queues = leaving_;
    for (auto* const queue : puller_.queues()) queues.push_back(queue->shared_from_this());
    const std::int64_t deadline_ms = monotonic_ms() + give_up_ms;
    Result<> failed;
    while (!commit_last(queues, true, failed) && monotonic_ms() < deadline_ms)
        client::wait_for_either(-1, -1, last_try_again_ms);
    locks_.release_all();
    if (queues.empty()) return {};
    Error error = failed.error();
    error.what =
        fmt::format("the last messages are not committed and will come again: {}", error.what);
    return error;
}

}  // namespace mqd::mqpull
