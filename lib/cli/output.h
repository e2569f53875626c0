#pragma once
// Standard output of what is not a message: tables, records about them, help.
//
// Threads: one at a time.

#include <string_view>

#include "base/result.h"

namespace mqd::cli {

/// Where the caller has closed a standard stream, no file or socket of ours may take its place and
/// be read or written in its stead: reading or writing it fails, as it would have.
void hold_standard_streams();

/// All of it. Waits for a reader that reads slowly, after a signal not for long. io
Result<> write_out(std::string_view text);

/// Whether a reader that takes nothing has held up the stop for too long: for writers that are
/// asked each time a signal has interrupted them (interrupt_again()).
bool is_reader_too_slow();

}  // namespace mqd::cli
