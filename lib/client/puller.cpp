#include "client/puller.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/parse.h"
#include "client/errors.h"
#include "client/retry.h"
#include "wire/codes.h"
#include "wire/headers/pull.h"

namespace mqd::client {
namespace {

constexpr std::int64_t route_every_ms = 2000;
constexpr std::int32_t block_messages_max = 4096;
constexpr std::size_t block_bytes_max = 1 << 20;
constexpr std::size_t block_bytes_min = 64 << 10;
constexpr std::int64_t suspend_ms = 15'000;
constexpr std::int64_t answer_within_ms = 10'000;
constexpr std::int64_t missing_again_ms = 1000;

/// A broker's no that may be a yes a moment later, beside those of errc_of().
bool passes_by_itself(std::int32_t code) {
    namespace c = wire::response_code;
    return code == c::subscription_not_exist || code == c::subscription_not_latest;
}

/// What brokers call it when the log has lost what the queue still names.
bool tells_of_a_gap(std::string_view remark) {
    return remark == "MESSAGE_WAS_REMOVING" || remark == "OFFSET_FOUND_NULL";
}

}  // namespace

PulledQueue& Puller::add(Queue queue, std::int64_t start, std::int64_t stop) {
    auto pulled = std::make_shared<PulledQueue>();
    pulled->queue = std::move(queue);
    pulled->start = pulled->next = pulled->taken = start;
    pulled->ledger = message::Ledger(start);
    pulled->stop = stop;
    pulled->is_done = start >= stop;
    queues_.push_back(std::move(pulled));
    PulledQueue& added = *queues_.back();
    pull(added);
    return added;
}

void Puller::drop(PulledQueue& queue) {
    queue.is_dropped = true;
    forget_dropped();
}

/// A request under way still points at its queue.
void Puller::forget_dropped() {
    std::erase_if(queues_, [](const auto& q) { return q->is_dropped && !q->is_pulling; });
}

std::vector<PulledQueue*> Puller::queues() const {
    std::vector<PulledQueue*> all;
    for (const auto& queue : queues_)
        if (!queue->is_dropped) all.push_back(queue.get());
    return all;
}

void Puller::pull(PulledQueue& queue) {
    if (queue.is_done || queue.is_dropped || queue.is_pulling) return;
    queue.is_pulling = true;
    wire::PullMessage header;
    header.consumer_group = options_.group;
    header.topic = queue.queue.topic;
    header.queue_id = queue.queue.id;
    header.queue_offset = queue.next;
    header.max_msg_nums = block_messages_max;
    header.sys_flag = wire::pull_flag::subscription;
    if (options_.suspends) {
        header.sys_flag |= wire::pull_flag::suspend;
        header.suspend_timeout_ms = suspend_ms;
    }
    header.subscription = options_.subscription;
    header.expression_type = options_.expression_type;
    header.max_msg_bytes = static_cast<std::int32_t>(
        std::clamp(options_.blocks_bytes_max / queues_.size(), block_bytes_min, block_bytes_max));
    client_.channel(queue.queue.address)
        ->call(wire::request_code::pull_message, header, {},
               answer_within_ms + (options_.suspends ? suspend_ms : 0),
               [mailbox = mailbox_, &queue](Result<remoting::Answer> answer) {
                   mailbox->put({&queue, std::move(answer)});
               });
}

void Puller::ask(PulledQueue& queue) {
    if (queue.retry_at_ms == 0) pull(queue);
}

void Puller::pull_due() {
    const std::int64_t now_ms = monotonic_ms();
    for (const auto& queue : queues_) {
        if (queue->retry_at_ms == 0 || queue->retry_at_ms > now_ms) continue;
        queue->retry_at_ms = 0;
        pull(*queue);
    }
}

std::int64_t Puller::due_ms() const {
    std::int64_t first = -1;
    for (const auto& queue : queues_)
        if (queue->retry_at_ms > 0 && (first < 0 || queue->retry_at_ms < first))
            first = queue->retry_at_ms;
    return first;
}

bool Puller::all_done() const {
    return std::all_of(queues_.begin(), queues_.end(),
                       [](const auto& q) { return q->is_done || q->is_dropped; });
}

Result<bool> Puller::take(Block& into) {
    pull_due();
    for (;;) {
        if (next_ == answers_.size()) {
            answers_.clear();
            next_ = 0;
            mailbox_->take(answers_);
            if (answers_.empty()) return false;
        }
        Answered& answered = answers_[next_++];
        PulledQueue& queue = *answered.queue;
        queue.is_pulling = false;
        if (queue.is_dropped) {
            forget_dropped();
            continue;
        }
        TRY(const bool has_come, accept(queue, std::move(answered.answer), into));
        if (has_come) return true;
    }
}

Result<bool> Puller::accept(PulledQueue& queue, Result<remoting::Answer> answer, Block& into) {
    namespace code = wire::response_code;
    into = Block();
    into.queue = &queue;
    into.from = into.next = queue.next;
    if (!answer) return failed(queue, answer.error(), into);
    switch (answer->code) {
        case code::success:
        case code::pull_not_found:
        case code::pull_retry_immediately:
        case code::pull_offset_moved:
            return goes_on(queue, *answer, into);
        default:
            return refused(queue, *answer, into);
    }
}

Result<bool> Puller::refused(PulledQueue& queue, const remoting::Answer& answer, Block& into) {
    namespace code = wire::response_code;
    if (answer.code == code::topic_not_exist) {
        into.news = Block::News::missing;
        queue.failures = 0;
        if (!troubled_.empty()) tell_answer(queue.queue.broker);
        if (!options_.waits_for_topics) return queue.is_done = true;
        queue.retry_at_ms = monotonic_ms() + missing_again_ms;
        return !std::exchange(queue.is_missing, true);
    }
    // Old brokers call it a system error.
    const bool is_removed =
        (answer.code == code::invalid_parameter || answer.code == code::system_error) &&
        answer.remark.starts_with("queueId[");
    if (is_removed) {
        into.news = Block::News::removed;
        return queue.is_done = true;
    }
    return failed(queue, error_of(queue.queue.address, answer.code, answer.remark), into);
}

/// Brokers that do not number their topics have said in between that there was none.
bool Puller::is_anew(PulledQueue& queue, const remoting::Answer& answer) {
    const auto since = parse_int<std::int64_t>(answer.find("mqdQueueSince")).value_or(0);
    const bool was_missing = std::exchange(queue.is_missing, false);
    if (since <= queue.since) return was_missing && since == 0;
    queue.since = since;
    return true;
}

Result<bool> Puller::goes_on(PulledQueue& queue, remoting::Answer& answer, Block& into) {
    namespace code = wire::response_code;
    using News = Block::News;
    const auto next = parse_int<std::int64_t>(answer.find("nextBeginOffset"));
    if (!next || *next < 0)
        return Error{Errc::corrupt, fmt::format("{}: the answer to a pull has no nextBeginOffset",
                                                queue.queue.address)};
    const bool stands_still = answer.code != code::success && *next == queue.next;
    queue.failures = 0;
    if (!troubled_.empty()) tell_answer(queue.queue.broker);
    into.next = *next;
    if (is_anew(queue, answer)) {
        into.news = News::made_anew;
        into.next = parse_int<std::int64_t>(answer.find("minOffset")).value_or(0);
    } else if (answer.code == code::success) {
        into.records = std::move(answer.body);
    } else if (answer.code == code::pull_offset_moved) {
        if (*next != queue.next)
            into.news = answer.remark == "OFFSET_RESET" ? News::moved
                        : *next < queue.next            ? News::shortened
                                                        : News::passed_over;
    } else if (*next < queue.next) {
        into.news = News::shortened;
    } else if (*next > queue.next && tells_of_a_gap(answer.remark)) {
        into.news = News::passed_over;
    }
    if (into.news != News::made_anew)
        queue.end = parse_int<std::int64_t>(answer.find("maxOffset")).value_or(queue.end);
    client_.options().talk(Talk::everything, "{} on {}: {} bytes from {} to {}",
                           queue.queue.to_string(), queue.queue.address, into.records.size(),
                           into.from, into.next);
    queue.next = into.next;
    // Without anything to wait for, nothing new at an offset below `stop` is as good as its end.
    queue.is_done =
        into.begins_again() || queue.next >= queue.stop || (stands_still && !options_.suspends);
    // A broker that says "again at once" about the same offset would keep both of us busy.
    if (stands_still && answer.code != code::pull_not_found) {
        queue.retry_at_ms = monotonic_ms() + backoff_ms(1);
    } else if (options_.asks_ahead) {
        pull(queue);
    }
    return true;
}

/// Their brokers may be elsewhere by now.
void Puller::find_again(const std::string& topic) {
    if (monotonic_ms() < routed_ms_ + route_every_ms) return;
    const auto route = client_.route(topic);
    routed_ms_ = monotonic_ms();
    if (!route) return;
    for (const auto& now : subscribe_queues(topic, *route))
        for (const auto& known : queues_)
            if (known->queue == now) known->queue.address = now.address;
}

Result<bool> Puller::failed(PulledQueue& queue, const Error& error, Block& into) {
    const bool may_pass = error.code == Errc::unavailable || passes_by_itself(error.remote_code);
    if (!may_pass) return error;
    const std::int64_t now_ms = monotonic_ms();
    if (queue.failures++ == 0) queue.failing_since_ms = now_ms;
    if (options_.give_up_ms >= 0 && now_ms - queue.failing_since_ms >= options_.give_up_ms) {
        troubled_.erase(queue.queue.broker);
        queue.why = error;
        into.news = Block::News::given_up;
        return queue.is_done = true;
    }
    if (queue.failures > 1) find_again(queue.queue.topic);
    ++retries_;
    queue.retry_at_ms = now_ms + backoff_ms(queue.failures);
    tell_trouble(queue.queue.broker, error);
    client_.options().talk(Talk::trouble, "the pull of {} from {} is retried in {} ms: {}",
                           queue.queue.to_string(), queue.queue.address, queue.retry_at_ms - now_ms,
                           error.what);
    return false;
}

void Puller::tell_trouble(const std::string& broker, const Error& error) {
    troubled_.try_emplace(broker, options_.waiting).first->second.waits(error.what);
}

void Puller::tell_answer(const std::string& broker) {
    const auto troubled = troubled_.find(broker);
    if (troubled == troubled_.end()) return;
    troubled->second.goes_on();
    troubled_.erase(troubled);
}

}  // namespace mqd::client
