#include "group_book.h"

#include <fmt/format.h>

#include <algorithm>

namespace mqd::soak {
namespace {

/// flushConsumerOffsetInterval of the broker's configuration.
constexpr std::int64_t saved_every_ms = 1000;
/// More than a commit takes to the broker, or the broker to its disk, on any machine.
constexpr std::int64_t slack_ms = 1500;

/// Whether a commit that was sent then must have been in the broker `asked_ms`, whatever was killed
/// in between.
bool must_be_kept(std::int64_t sent_ms, std::int64_t asked_ms, const std::vector<Outage>& outages) {
    if (sent_ms > asked_ms - slack_ms) return false;
    for (const auto& outage : outages) {
        // Connections that broke may be noticed somewhat later: what was sent there is lost.
        if (sent_ms >= outage.from_ms - slack_ms - saved_every_ms &&
            sent_ms < std::min(asked_ms, outage.to_ms) + slack_ms)
            return false;
    }
    return true;
}

void set(std::vector<bool>& bits, std::int64_t at) {
    if (static_cast<std::size_t>(at) >= bits.size())
        bits.resize(static_cast<std::size_t>(at) * 2 + 1024);
    bits[static_cast<std::size_t>(at)] = true;
}

bool get(const std::vector<bool>& bits, std::int64_t at) {
    return static_cast<std::size_t>(at) < bits.size() && bits[static_cast<std::size_t>(at)];
}

}  // namespace

/// The least that the broker may have answered. Commits sent at nearly the same time by two members
/// may have arrived either way round.
std::int64_t GroupBook::kept(const Queue& queue, std::int64_t asked_ms,
                             const std::vector<Outage>& outages) {
    const auto last = std::find_if(
        queue.commits.rbegin(), queue.commits.rend(),
        [&](const Commit& commit) { return must_be_kept(commit.at_ms, asked_ms, outages); });
    if (last == queue.commits.rend()) return 0;
    std::int64_t least = last->offset;
    for (const auto& commit : queue.commits)
        if (commit.at_ms >= last->at_ms - slack_ms) least = std::min(least, commit.offset);
    return least;
}

std::shared_ptr<GroupBook::Reading> GroupBook::begin(const std::string& group,
                                                     const std::string& topic,
                                                     std::int32_t queue_id, std::int64_t start,
                                                     std::int64_t asked_ms) {
    const auto outages = timeline_.outages();
    auto reading = std::make_shared<Reading>();
    reading->name = fmt::format("{} of {} queue {}", group, topic, queue_id);
    reading->next = start;
    Lock lock(lock_);
    Queue& queue = queues_[{group, topic, queue_id}];
    reading->queue = &queue;
    queue.readings.push_back(reading);
    ++counts_.readings;
    if (start > queue.done)
        problems_.add("passed over", fmt::format("{} goes on at {}, done is what is below {}",
                                                 reading->name, start, queue.done));
    const auto least = kept(queue, asked_ms, outages);
    if (start < least)
        problems_.add("a commit was lost", fmt::format("{} goes on at {}, committed was {}",
                                                       reading->name, start, least));
    return reading;
}

void GroupBook::locked(Reading& reading, int life) {
    Lock lock(lock_);
    reading.locked_in_life = life;
}

void GroupBook::delivered(Reading& reading, std::int64_t offset) {
    Lock lock(lock_);
    Queue& queue = *static_cast<Queue*>(reading.queue);
    if (offset != reading.next)
        problems_.add("passed over", fmt::format("{} came to {} instead of {}", reading.name,
                                                 offset, reading.next));
    reading.next = offset + 1;
    ++counts_.delivered;
    if (get(queue.delivered, offset)) ++counts_.again;
    set(queue.delivered, offset);
    for (const auto& other : queue.readings)
        if (other.get() != &reading && reading.locked_in_life >= 0 &&
            other->locked_in_life == reading.locked_in_life)
            problems_.add("two at once", fmt::format("{} at {}", reading.name, offset));
}

void GroupBook::settled(Reading& reading, std::int64_t offset) {
    Lock lock(lock_);
    Queue& queue = *static_cast<Queue*>(reading.queue);
    set(queue.settled, offset);
    while (get(queue.settled, queue.done)) ++queue.done;
}

void GroupBook::committing(Reading& reading, std::int64_t offset) {
    const auto now_ms = timeline_.now_ms();
    Lock lock(lock_);
    static_cast<Queue*>(reading.queue)->commits.push_back({now_ms, offset});
}

void GroupBook::end(const std::shared_ptr<Reading>& reading) {
    Lock lock(lock_);
    std::erase(static_cast<Queue*>(reading->queue)->readings, reading);
}

std::int64_t GroupBook::done(const std::string& group, const std::string& topic,
                             std::int32_t queue) const {
    Lock lock(lock_);
    const auto found = queues_.find({group, topic, queue});
    return found == queues_.end() ? 0 : found->second.done;
}

GroupBook::Counts GroupBook::counts() const {
    Lock lock(lock_);
    return counts_;
}

}  // namespace mqd::soak
