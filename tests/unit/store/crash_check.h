#pragma once
// A store opened on what a crash has left, and everything that has to hold of it then.
//
// Threads: any.

#include <functional>

#include "crash_world.h"

namespace mqd::store::test {

/// Sanitizers cost as much: of so many cases one is looked at.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t every = 7;
#else
inline constexpr std::size_t every = 1;
#endif

/// Opens the store, is killed, opens it again and goes on. Empty: all is well.
std::string check_recovery(Disk disk, const Options& options, const Ledger& ledger, Moment moment);

/// Runs it on several threads until all have returned.
void in_parallel(const std::function<void()>& work);

}  // namespace mqd::store::test
