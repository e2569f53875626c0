#include "client/waiting.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "client/mailbox.h"

namespace mqd::client {
namespace {

constexpr std::int64_t pause_max_ms = 500;

std::string seconds_of(std::int64_t ms) {
    return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
}

}  // namespace

void WaitLine::waits(std::string_view why, std::int64_t since_ms) {
    const std::int64_t now_ms = monotonic_ms();
    if (since_ms_ < 0) {
        since_ms_ = since_ms < 0 ? now_ms : since_ms;
        is_told_ = false;
    }
    if (is_told_ || now_ms < since_ms_ + told_after_ms_ || !say_ || why.empty()) return;
    is_told_ = true;
    say_(fmt::format("waiting: {}", why));
}

void WaitLine::goes_on() {
    if (since_ms_ >= 0 && is_told_)
        say_(fmt::format("continues after {}", seconds_of(monotonic_ms() - since_ms_)));
    since_ms_ = -1;
}

std::int64_t WaitLine::due_ms() const {
    return since_ms_ < 0 || is_told_ || !say_ ? -1 : since_ms_ + told_after_ms_;
}

Pauses::Pauses(const Waiting& waiting)
    : deadline_ms_(waiting.timeout_ms == 0 ? -1 : monotonic_ms() + waiting.timeout_ms),
      stop_fd_(waiting.stop_fd),
      line_(waiting) {}

bool Pauses::wait(const Error& why) {
    const std::int64_t now_ms = monotonic_ms();
    const bool is_over = deadline_ms_ >= 0 && now_ms >= deadline_ms_;
    if (is_over || is_readable(stop_fd_)) return false;
    line_.waits(why.what);
    std::int64_t pause_ms = pause_ms_;
    pause_ms_ = std::min(pause_max_ms, pause_ms_ * 2);
    if (deadline_ms_ >= 0) pause_ms = std::min(pause_ms, deadline_ms_ - now_ms);
    wait_for_either(stop_fd_, -1, pause_ms);
    // At the end of the time the error is what is said.
    if (deadline_ms_ < 0 || monotonic_ms() < deadline_ms_) line_.waits(why.what);
    return !is_readable(stop_fd_);
}

}  // namespace mqd::client
