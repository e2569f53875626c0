#include "remoting/pending_calls.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/clock.h"

namespace mqd::remoting {
namespace {

constexpr std::size_t slots_min = 16;
constexpr std::chrono::milliseconds sweep_every{50};

}  // namespace

void PendingCalls::add(std::int32_t opaque, std::int64_t timeout_ms, std::int64_t now_ms,
                       Done done) {
    check(done != nullptr);
    if ((used_ + 1) * 2 > slots_.size()) grow();
    put({opaque, timeout_ms, now_ms + timeout_ms, std::move(done)});
    if (!sweeper_) sweep_later();
}

void PendingCalls::answered(const wire::Command& response) {
    if (used_ == 0) return;
    for (std::size_t i = home(response.opaque); slots_[i].done; i = (i + 1) & (slots_.size() - 1)) {
        if (slots_[i].opaque != response.opaque) continue;
        const Done done = std::move(slots_[i].done);
        vacate(i);
        return done(to_answer(response));
    }
}

void PendingCalls::fail(const Error& error) {
    // Emptied first: a caller may start its next call right away.
    const auto slots = std::exchange(slots_, {});
    used_ = 0;
    sweeper_.reset();
    for (const auto& slot : slots)
        if (slot.done) slot.done(error);
}

std::size_t PendingCalls::home(std::int32_t opaque) const {
    return static_cast<std::uint32_t>(opaque) & (slots_.size() - 1);
}

void PendingCalls::put(Slot slot) {
    std::size_t i = home(slot.opaque);
    while (slots_[i].done) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = std::move(slot);
    ++used_;
}

void PendingCalls::grow() {
    auto old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? slots_min : old.size() * 2);
    used_ = 0;
    for (auto& slot : old)
        if (slot.done) put(std::move(slot));
}

/// What was probed past slot `i` moves up, so that no gap ends a search too early.
void PendingCalls::vacate(std::size_t i) {
    const std::size_t mask = slots_.size() - 1;
    slots_[i].done = nullptr;
    --used_;
    for (std::size_t j = (i + 1) & mask; slots_[j].done; j = (j + 1) & mask) {
        const std::size_t wanted = home(slots_[j].opaque);
        if (((j - wanted) & mask) < ((j - i) & mask)) continue;  // it sits between its home and j
        slots_[i] = std::move(slots_[j]);
        slots_[j].done = nullptr;
        i = j;
    }
}

void PendingCalls::sweep_later() {
    sweeper_ = loop_.after(sweep_every, [this] { sweep(); });
}

void PendingCalls::sweep() {
    sweeper_.reset();
    const std::int64_t now_ms = monotonic_ms();
    std::vector<Slot> expired;
    for (std::size_t i = 0; i < slots_.size();) {
        if (!slots_[i].done || slots_[i].deadline_ms > now_ms) {
            ++i;
            continue;
        }
        expired.push_back(std::move(slots_[i]));
        vacate(i);  // another may be in slot i now
    }
    if (used_ > 0) sweep_later();
    // Who had the most time says most about the connection.
    std::int64_t longest_ms = -1;
    Error longest;
    for (const auto& call : expired) {
        const Error error{Errc::unavailable,
                          fmt::format("{} did not answer within {} ms", peer_, call.timeout_ms)};
        if (call.timeout_ms > longest_ms) {
            longest_ms = call.timeout_ms;
            longest = error;
        }
        call.done(error);
    }
    if (longest_ms >= 0 && on_late_) on_late_(longest, longest_ms);
}

}  // namespace mqd::remoting
