#pragma once
// SIGINT, SIGTERM and SIGHUP ask a tool for an orderly stop: a flag, and a descriptor that poll()
// can wait on. The second signal ends the process at once. SIGPIPE keeps its default (spec cli.md
// 1).
//
// Threads: any, after install().

#include <cstdint>

namespace mqd::cli {

/// Once, at the start of main and before the first thread.
void install_signals();

/// True from the first signal on.
bool interrupted();

/// Becomes readable with the first signal and stays so; never read from it.
int interrupt_fd();

/// Since the first signal, in ms; 0: there was none.
std::int64_t interrupted_ms();

/// From the first signal on, a call that blocks is interrupted again each second: a loop around it
/// can give up in time.
void interrupt_again();

/// `call` runs when a second signal comes, before the process ends, in the signal's handler: only
/// what is async-signal-safe. One for all.
void before_abrupt_end(void (*call)(int signal));

/// 128 + the signal that came, else `status`: what main returns after an orderly stop.
int exit_status_after_signals(int status);

/// Waits until `fd` (-1: none) is readable, a signal came, or the time is
/// over (-1: never). False: interrupted or timed out.
bool wait_readable(int fd, std::int64_t timeout_ms);

}  // namespace mqd::cli
