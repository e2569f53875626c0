#include "sending/requesting_outlet.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "cli/signals.h"
#include "client/mailbox.h"

namespace mqd::sending {
namespace {

constexpr std::size_t open_max = 64;
/// While replies are waited for, it is seen so soon that a broker has moved: the new one must know
/// whom to bring them to.
constexpr std::int64_t look_every_ms = 1000;

}  // namespace

RequestingOutlet::RequestingOutlet(client::Client& client, client::Producer::Options producer,
                                   client::Requests& requests, Fates& fates, Options options)
    : fates_(fates),
      requests_(requests),
      options_(options),
      open_max_(std::min(open_max, static_cast<std::size_t>(producer.window))),
      producer_(client, [&] {
          producer.keeps_messages = true;
          producer.on_settled = [this](const auto& is) { settled(is); };
          return std::move(producer);
      }()) {
    watched_.add(producer_.fd());
    watched_.add(requests_.fd());
}

Result<> RequestingOutlet::send(const client::Message& message, std::uint64_t fate) {
    while (!has_room() && !cli::interrupted()) {
        const auto wait_ms = std::max<std::int64_t>(0, due_ms() - monotonic_ms());
        client::wait_for_either(fd(), cli::interrupt_fd(), due_ms() < 0 ? -1 : wait_ms);
        TRY_OK(work());
    }
    const auto number = next_number_++;
    auto& open = open_[number];
    open.fate = fate;
    open.correlation_id = ids_.next();
    open.bytes = message.body.size();
    by_id_[open.correlation_id] = number;
    std::string properties(message.properties);
    requests_.append_properties(properties, open.correlation_id, options_.timeout_ms);
    auto request = message;
    request.properties = properties;
    request.alone = true;
    request.ordinal = number;
    // Its reply may be there before this returns.
    auto sent = producer_.send(request);
    if (!sent) {
        forget(number);
        return sent;
    }
    // The route may lead to others than before; who does not answer now is told again.
    [[maybe_unused]] const auto told = requests_.set_brokers(producer_.brokers());
    return {};
}

void RequestingOutlet::settled(const client::Settled& settled) {
    const auto number = settled.batch.ordinals.front();
    const auto found = open_.find(number);
    if (found == open_.end()) return;
    if (settled.verdict == client::Verdict::stored) {
        found->second.deadline_ms = monotonic_ms() + options_.timeout_ms;
        return;
    }
    if (!first_error_) first_error_ = *settled.error;
    if (settled.verdict == client::Verdict::refused) {
        ++tally_.refused;
        ++tally_.refused_by[reason_of(*settled.error)];
    } else {
        ++tally_.unknown;
    }
    fates_.refused(found->second.fate, settled.error->what);
    forget(number);
}

void RequestingOutlet::replied(const client::Requests::Reply& reply) {
    const auto known = by_id_.find(reply.correlation_id);
    if (known == by_id_.end()) return;
    const auto number = known->second;
    if (!reply.body) return unanswered(number, reply.body.error());
    const Open& open = open_[number];
    ++tally_.acknowledged;
    tally_.bytes += open.bytes;
    tally_.last_success_ms = wall_ms();
    fates_.answered(open.fate, *reply.body);
    forget(number);
}

void RequestingOutlet::unanswered(std::uint64_t number, const Error& why) {
    ++tally_.unanswered;
    if (!first_error_) first_error_ = why;
    fates_.unanswered(open_[number].fate);
    forget(number);
}

void RequestingOutlet::forget(std::uint64_t number) {
    const auto found = open_.find(number);
    by_id_.erase(found->second.correlation_id);
    open_.erase(found);
}

Result<> RequestingOutlet::work() {
    producer_.pump();
    for (const auto& reply : requests_.take()) replied(reply);
    const auto now_ms = monotonic_ms();
    if (!open_.empty() && now_ms >= look_at_ms_) {
        look_at_ms_ = now_ms + look_every_ms;
        requests_.follow_brokers(producer_.brokers());
    }
    while (true) {
        const auto late = std::find_if(open_.begin(), open_.end(), [&](const auto& one) {
            return one.second.deadline_ms >= 0 && one.second.deadline_ms <= now_ms;
        });
        if (late == open_.end()) return {};
        unanswered(late->first, {Errc::unavailable,
                                 fmt::format("no reply came within {} ms", options_.timeout_ms)});
    }
}

std::int64_t RequestingOutlet::due_ms() const {
    std::int64_t due_ms = producer_.due_ms();
    const auto also = [&](std::int64_t ms) {
        if (ms >= 0) due_ms = due_ms < 0 ? ms : std::min(due_ms, ms);
    };
    for (const auto& [number, open] : open_) also(open.deadline_ms);
    if (!open_.empty()) also(look_at_ms_);
    also(stop_at_ms_);
    return due_ms;
}

Result<bool> RequestingOutlet::finish(bool is_interrupted) {
    TRY_OK(work());
    if (open_.empty()) return true;
    if (is_interrupted && stop_at_ms_ < 0) stop_at_ms_ = monotonic_ms() + options_.stop_ms;
    if (stop_at_ms_ < 0 || monotonic_ms() < stop_at_ms_) return false;
    while (!open_.empty())
        unanswered(open_.begin()->first, {Errc::unavailable, "interrupted before the reply came"});
    return true;
}

void RequestingOutlet::count(Tally& tally) const {
    tally.acknowledged = tally_.acknowledged;
    tally.unanswered = tally_.unanswered;
    tally.unknown = tally_.unknown;
    tally.refused += tally_.refused;
    for (const auto& [reason, count] : tally_.refused_by) tally.refused_by[reason] += count;
    tally.bytes = tally_.bytes;
    tally.retries = producer_.totals().retries;
    tally.last_success_ms = tally_.last_success_ms;
}

/// A request without an answer was delivered: the input goes on.
std::uint64_t RequestingOutlet::failed() const {
    return tally_.refused + tally_.unknown;
}

}  // namespace mqd::sending
