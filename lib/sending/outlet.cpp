#include "sending/outlet.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mqd::sending {

DirectOutlet::DirectOutlet(client::Client& client, client::Producer::Options options, Fates& fates,
                           std::int64_t linger_ms)
    : fates_(fates),
      is_oneway_(options.oneway),
      producer_(client,
                [&] {
                    options.keeps_messages = fates.keeps_messages();
                    options.on_settled = [this](const auto& is) { settled(is); };
                    return std::move(options);
                }()),
      linger_ms_(linger_ms) {}

Result<> DirectOutlet::send(const client::Message& message, std::uint64_t fate) {
    auto numbered = message;
    numbered.ordinal = fate;
    return producer_.send(numbered);
}

/// While nobody takes what is there nothing more is read: it may be left to another run.
Result<bool> DirectOutlet::may_read() {
    return !producer_.is_held();
}

Result<> DirectOutlet::work() {
    producer_.pump();
    const std::int64_t since_ms = producer_.open_since_ms();
    if (since_ms >= 0 && monotonic_ms() >= since_ms + linger_ms_) producer_.flush();
    return {};
}

Result<bool> DirectOutlet::finish(bool) {
    producer_.finish();
    return true;
}

std::int64_t DirectOutlet::due_ms() const {
    const std::int64_t due_ms = producer_.due_ms();
    const std::int64_t since_ms = producer_.open_since_ms();
    if (since_ms < 0) return due_ms;
    return due_ms < 0 ? since_ms + linger_ms_ : std::min(due_ms, since_ms + linger_ms_);
}

void DirectOutlet::settled(const client::Settled& settled) {
    if (settled.verdict == client::Verdict::stored) {
        last_success_ms_ = wall_ms();
    } else if (settled.verdict == client::Verdict::refused) {
        refused_by_[reason_of(*settled.error)] += settled.batch.count();
    }
    if (fates_.keeps_messages()) fates_.settled(settled, settled.batch.ordinals);
}

void DirectOutlet::count(Tally& tally) const {
    const auto& totals = producer_.totals();
    tally.acknowledged = totals.acknowledged;
    tally.handed_over = totals.handed_over;
    tally.unknown = totals.unknown;
    tally.bytes = totals.payload_bytes;
    tally.retries = totals.retries;
    tally.last_success_ms = last_success_ms_;
    tally.refused += totals.refused;
    std::uint64_t explained = 0;
    for (const auto& [reason, count] : refused_by_) {
        tally.refused_by[reason] += count;
        explained += count;
    }
    // One-way messages of which a broker says that it did not store them.
    if (explained < totals.refused) tally.refused_by["not_stored"] += totals.refused - explained;
}

std::uint64_t DirectOutlet::failed() const {
    // Who waits for no acknowledgement goes on after a connection that broke.
    return producer_.totals().refused + (is_oneway_ ? 0 : producer_.totals().unknown);
}

}  // namespace mqd::sending
