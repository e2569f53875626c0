#pragma once
// SIGINT, SIGTERM and SIGHUP ask a tool for an orderly stop: a flag, and a descriptor that poll()
// can wait on. After it the tool dies of that signal, so that a shell's loop ends with Ctrl-C and
// systemd counts the stop as clean. The second signal ends the process at once. SIGPIPE keeps its
// default (mqd(7), SIGNALS).
//
//     int main(int argc, char** argv) { return cli::end_of_main(run(argc, argv)); }
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

/// What main returns when all is closed: `status`. After a signal the process dies of it here;
/// where that does not end it, as process 1 of a container, it is 128+N.
int end_of_main(int status);

/// Dies of the signal, whatever was made of it before; 128+N where that does not end the process.
/// Async-signal-safe.
[[noreturn]] void die_of(int signal);

/// Waits until `fd` (-1: none) is readable, a signal came, or the time is
/// over (-1: never). False: interrupted or timed out.
bool wait_readable(int fd, std::int64_t timeout_ms);

}  // namespace mqd::cli
