#include "cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "base/check.h"
#include "base/clock.h"
#include "cli/exit.h"
#include "cli/far_end.h"
#include "cli/output.h"

namespace mqd::cli {
namespace {

volatile sig_atomic_t came = 0;
int event = -1;
std::atomic<void (*)(int)> last_call = nullptr;
std::atomic<std::int64_t> came_ms = 0;
std::atomic<bool> interrupts_again = false;

/// Returns only where the kernel keeps the default action from a process.
void raise_for_good(int signal) {
    ::signal(signal, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // in the handler it is blocked
    ::raise(signal);
}

void on_alarm(int) {
    ::alarm(1);
}

void on_signal(int signal) {
    if (came != 0) {
        if (const auto call = last_call.load()) call(signal);
        die_of(signal);
    }
    came = signal;
    came_ms = monotonic_ms();
    if (interrupts_again) ::alarm(1);
    const int saved = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(event, &one, sizeof one);  // the flag is set anyway
    errno = saved;
}

}  // namespace

void install_signals() {
    hold_standard_streams();
    event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    check(event >= 0);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    // No SA_RESTART: a read or write that waits returns, and its loop looks at interrupted().
    check(::sigaction(SIGTERM, &action, nullptr) == 0);
    // A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; that is kept.
    for (const int signal : {SIGINT, SIGHUP}) {
        struct sigaction old = {};
        check(::sigaction(signal, nullptr, &old) == 0);
        if (old.sa_handler != SIG_IGN) check(::sigaction(signal, &action, nullptr) == 0);
    }
}

bool interrupted() {
    return came != 0;
}

int interrupt_fd() {
    return event;
}

std::int64_t interrupted_ms() {
    return came != 0 ? std::max<std::int64_t>(1, monotonic_ms() - came_ms) : 0;
}

void interrupt_again() {
    struct sigaction action = {};
    action.sa_handler = on_alarm;
    check(::sigaction(SIGALRM, &action, nullptr) == 0);
    interrupts_again = true;
}

void before_abrupt_end(void (*call)(int signal)) {
    last_call = call;
}

int end_of_main(int status) {
    if (came == 0) return status;
    [[maybe_unused]] const int flushed = std::fflush(nullptr);  // nobody is left to be told
    raise_for_good(came);
    return exit_status::signal_base + static_cast<int>(came);
}

void die_of(int signal) {
    raise_for_good(signal);
    ::_exit(exit_status::signal_base + signal);
}

bool wait_readable(int fd, std::int64_t timeout_ms) {
    const std::int64_t deadline = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;
    for (;;) {
        if (interrupted()) return false;
        int left = -1;
        if (deadline >= 0)
            left = static_cast<int>(
                std::clamp<std::int64_t>(deadline - monotonic_ms(), 0, 1'000'000'000));
        pollfd fds[3] = {{fd, POLLIN, 0}, {event, POLLIN, 0}, watched_output()};
        const int n = ::poll(fds, 3, left);
        if (n == 0) return false;
        if (n < 0) continue;
        end_if_unread(fds[2]);
        if (fds[1].revents == 0) return true;
    }
}

}  // namespace mqd::cli
