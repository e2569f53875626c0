#include "broker/fetch.h"

#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace mqd::broker {
namespace {

using store::ReadStatus;
using State = Fetches::Attempt::State;
using Parked = Arrivals::Parked::State;

FetchOutcome outcome_of(ReadStatus status, QueueOffset asked) {
    switch (status) {
        case ReadStatus::found:
            return FetchOutcome::found;
        case ReadStatus::no_matched_message:
        case ReadStatus::message_was_removing:
            return FetchOutcome::passed;
        case ReadStatus::offset_found_null:
        case ReadStatus::offset_overflow_one:
            return FetchOutcome::none;
        case ReadStatus::unreadable:
            return FetchOutcome::unreadable;
        case ReadStatus::no_message_in_queue:
            return asked.value == 0 ? FetchOutcome::none : FetchOutcome::moved;
        case ReadStatus::offset_overflow_badly:
        case ReadStatus::offset_too_small:
            break;
    }
    return FetchOutcome::moved;
}

/// Nothing when it would have to wait for the disk, which only `may_wait` allows.
std::optional<Fetched> read_all(const store::Store& store, const Fetch& fetch, bool may_wait) {
    Fetched out;
    out.parts.reserve(fetch.parts.size());
    const std::int64_t begin_us = monotonic_us();
    auto left = fetch.limits;
    for (const auto& part : fetch.parts) {
        auto& to = out.parts.emplace_back();
        to.queue = part.queue;
        if (left.messages <= 0 || left.bytes <= 0) {  // the others have used it up
            to.read.next = part.from;
            to.read.min = part.queue->min();
            to.read.max = part.queue->max();
            continue;
        }
        if (may_wait) {
            to.read = store.read(*part.queue, part.from, left, fetch.filter.get());
        } else {
            auto read = store.read_now(*part.queue, part.from, left, fetch.filter.get());
            if (!read) return std::nullopt;
            to.read = std::move(*read);
        }
        to.outcome = outcome_of(to.read.status, part.from);
        left.messages -= to.read.messages;
        left.bytes -= to.read.bytes;
    }
    out.us = monotonic_us() - begin_us;
    return out;
}

}  // namespace

/// True: an operator has moved the group in some of the queues, which is told instead of messages.
bool Fetches::take_resets(const Fetch& fetch, Fetched& out) {
    for (const auto& part : fetch.parts) {
        auto& queue = *part.queue;
        const auto to = broker_.offsets().take_reset(fetch.group, queue.topic(), queue.id());
        if (!to || *to == part.from.value) continue;
        auto& moved = out.parts.emplace_back();
        moved.queue = &queue;
        moved.outcome = FetchOutcome::moved;
        moved.is_reset = true;
        moved.read.next = QueueOffset{*to};
        moved.read.min = queue.min();
        moved.read.max = queue.max();
    }
    return !out.parts.empty();
}

Fetches::Attempt Fetches::now(const Fetch& fetch) {
    Attempt attempt;
    if (take_resets(fetch, attempt.fetched)) return attempt;
    auto read = read_all(broker_.store(), fetch, false);
    if (!read) {
        attempt.state = State::to_disk;
        return attempt;
    }
    return settled(fetch, std::move(*read));
}

Fetches::Attempt Fetches::settled(const Fetch& fetch, Fetched fetched) {
    Attempt attempt{State::answered, std::move(fetched)};
    if (is_to_wait(fetch, attempt.fetched))
        attempt.state = State::to_wait;
    else
        count(fetch, attempt.fetched);
    return attempt;
}

/// Nobody waits who has to be told something else than messages.
bool Fetches::is_to_wait(const Fetch& fetch, const Fetched& fetched) const {
    if (fetch.deadline_ms == 0) return false;
    std::int64_t bytes = 0;
    for (const auto& part : fetched.parts) {
        const bool is_quiet =
            part.outcome == FetchOutcome::none && part.read.status != ReadStatus::offset_found_null;
        if (!is_quiet && part.outcome != FetchOutcome::found) return false;
        if (part.queue->deleted()) return false;
        if (part.read.next < part.read.max) return false;  // it has more, which the limits keep
        bytes += part.read.bytes;
    }
    return bytes < fetch.bytes_min && broker_.clock().monotonic_ms() < fetch.deadline_ms;
}

void Fetches::later(Attempt attempt, const Fetch& fetch, const Waiting& waiting) {
    for (;;) {
        switch (attempt.state) {
            case State::answered:
                return waiting->answer(std::move(attempt.fetched));
            case State::to_disk:
                return read_from_disk(fetch, waiting);
            case State::to_wait:
                if (park(fetch, attempt, waiting)) return;
        }
    }
}

void Fetches::read_from_disk(const Fetch& fetch, const Waiting& waiting) {
    reads_.run([&store = broker_.store(), fetch, waiting] { return *read_all(store, fetch, true); },
               [this, fetch, waiting](Fetched fetched) {
                   auto attempt = settled(fetch, std::move(fetched));
                   if (attempt.state != State::to_wait)
                       return waiting->answer(std::move(attempt.fetched));
                   // The queue had not been looked at since the start, or was rebuilt, which takes
                   // time.
                   const Fetch* again = waiting->renew(true);
                   if (again != nullptr) later(now(*again), *again, waiting);
               },
               [waiting](std::string_view why) { waiting->refuse_busy(why); });
}

/// False: `attempt` says how it goes on.
bool Fetches::park(const Fetch& fetch, Attempt& attempt, const Waiting& waiting) {
    Arrivals::Wait wait;
    for (std::size_t i = 0; i < fetch.parts.size(); ++i) {
        // What was found is too little: more of it comes after that.
        const auto& part = attempt.fetched.parts[i];
        const bool has_some = part.outcome == FetchOutcome::found;
        const Arrivals::Place place{part.queue, has_some ? part.read.next : fetch.parts[i].from};
        if (i == 0)
            static_cast<Arrivals::Place&>(wait) = place;
        else
            wait.more.push_back(place);
    }
    wait.filter = fetch.filter;
    wait.deadline_ms = fetch.deadline_ms;
    // Later: a message that this thread has just taken must not be answered for in the middle of
    // it.
    wait.wake = [this, caller = caller_, waiting] {
        caller->post([this, waiting] { woken(waiting); });
    };
    const auto parked = broker_.arrivals().park(std::move(wait));
    switch (parked.state) {
        case Parked::waiting:
            // This is the connection's thread: a wake-up comes after us.
            waiting->id_ = parked.id;
            parked_.insert(parked.id);
            return true;
        case Parked::grown:
            attempt = now(fetch);
            return false;
        case Parked::gone:
        case Parked::full:
            break;
    }
    count(fetch, attempt.fetched);
    attempt.state = State::answered;
    return false;
}

void Fetches::woken(const Waiting& waiting) {
    parked_.erase(waiting->id_);
    const Fetch* fetch = waiting->renew(false);
    if (fetch != nullptr) later(now(*fetch), *fetch, waiting);
}

/// What is known only now that it is answered.
void Fetches::count(const Fetch& fetch, Fetched& fetched) {
    std::int64_t messages = 0;
    bool is_missed = false;
    for (std::size_t i = 0; i < fetched.parts.size(); ++i) {
        auto& part = fetched.parts[i];
        auto& queue = *part.queue;
        auto& read = part.read;
        if (queue.deleted()) {  // while it was read, or since it was found
            part.outcome = FetchOutcome::unreadable;
            continue;
        }
        switch (part.outcome) {
            case FetchOutcome::found:
                messages += read.messages;
                traffic_.gets(queue, fetch.group).add(read.messages, read.bytes, fetched.us);
                broker_.offsets().pulled(fetch.group, queue.topic(), queue.id(), read.next.value);
                break;
            case FetchOutcome::none:
                is_missed = true;
                break;
            case FetchOutcome::moved:
                // All of the new topic is new to a client that asks for something after its end.
                if (read.status == ReadStatus::offset_overflow_badly &&
                    broker_.was_made_anew(queue))
                    read.next = read.min;
                if (read.status == ReadStatus::offset_too_small)
                    broker_.offsets().gone(fetch.group, queue.topic(), queue.id(),
                                           fetch.parts[i].from.value,
                                           {read.min.value, read.max.value});
                break;
            case FetchOutcome::passed:
            case FetchOutcome::unreadable:
                break;
        }
    }
    auto& counters = broker_.counters();
    if (messages > 0) {
        counters.got(messages);
        counters.get_times().add(fetched.us);
    } else if (is_missed) {
        counters.missed();
    }
}

void Fetches::close() {
    for (const auto id : parked_) broker_.arrivals().cancel(id);
    parked_.clear();
}

}  // namespace mqd::broker
