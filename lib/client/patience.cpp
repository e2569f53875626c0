#include "client/patience.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "client/mailbox.h"
#include "wire/codes.h"

namespace mqd::client {
namespace {

constexpr std::int64_t pause_first_ms = 20;
constexpr std::int64_t pause_max_ms = 250;

}  // namespace

Patience::Patience(Client& client, std::optional<Waiting> waiting) : client_(client) {
    if (!waiting) return;
    client_.tell_through(&line_);
    stop_fd_ = waiting->stop_fd;
    deadline_ms_ = waiting->timeout_ms == 0 ? -1 : monotonic_ms() + waiting->timeout_ms;
    // At the end of the time the error is what is said.
    if (waiting->timeout_ms == 0 || waiting->told_after_ms < waiting->timeout_ms)
        line_ = WaitLine(*waiting);
}

Patience::~Patience() {
    if (deadline_ms_ != 0) client_.tell_through(nullptr);
}

bool Patience::wait_after(Error& error) {
    const bool knew_brokers = has_brokers_;
    bool goes_on = passes(error);
    // What may have come with the brokers is there now, or is not.
    if (goes_on && (knew_brokers || !has_brokers_)) goes_on = pause(error);
    if (!goes_on) line_.gives_up();  // the error says it
    return goes_on;
}

bool Patience::pause(const Error& error) {
    if (is_readable(stop_fd_)) return false;
    pause_ms_ = std::clamp(pause_ms_ * 2, pause_first_ms, pause_max_ms);
    std::int64_t wait_ms = pause_ms_;
    if (deadline_ms_ >= 0) wait_ms = std::min(wait_ms, deadline_ms_ - monotonic_ms());
    if (wait_ms <= 0) return false;
    line_.waits(error.what);
    wait_for_either(stop_fd_, -1, wait_ms);
    // At the end of the time the error is what is said.
    if (deadline_ms_ < 0 || monotonic_ms() < deadline_ms_) line_.waits(error.what);
    return !is_readable(stop_fd_);
}

void Patience::goes_on() {
    pause_ms_ = 0;
    line_.goes_on();
}

bool Patience::passes(Error& error) {
    namespace code = wire::response_code;
    if (error.code != Errc::not_found) has_brokers_ = false;
    if (error.code == Errc::unavailable)
        return error.remote_code < 0 || error.remote_code == code::system_busy ||
               error.remote_code == code::go_away;
    if (error.code != Errc::not_found) return false;
    const auto brokers = client_.brokers_known();
    if (!brokers) {  // who has just said so is gone
        has_brokers_ = false;
        error = brokers.error();
        return true;
    }
    // It may have come with them: only who asks when they are there hears what is not.
    if (brokers->is_known) return !std::exchange(has_brokers_, true);
    has_brokers_ = false;
    error = {Errc::unavailable,
             fmt::format("no broker has registered at {} yet", fmt::join(brokers->asked, ";"))};
    return true;
}

}  // namespace mqd::client
