#pragma once
// Exit status: what each kind of failure means to a script, mqd(7), EXIT STATUS.
//
// Threads: pure functions.

#include "base/result.h"

namespace mqd::cli {

namespace exit_status {
inline constexpr int done = 0;
inline constexpr int failed = 1;       ///< some of the work failed, damage found, a check says no
inline constexpr int usage = 2;        ///< wrong usage or configuration; nothing was tried
inline constexpr int unreachable = 3;  ///< servers that could not be reached or did not answer
inline constexpr int not_found = 4;
inline constexpr int refused = 5;  ///< authentication, permission
inline constexpr int signal_base = 128;
}  // namespace exit_status

/// An error that carries a server's response code is judged by that code first.
int exit_status_of(const Error& error);

}  // namespace mqd::cli
