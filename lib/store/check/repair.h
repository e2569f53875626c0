#pragma once
// Repair: what verify() finds put right in a stopped store, as far as it can be.
//
// A record with one flipped bit is as it was when that bit is put back, which its CRC tells. Other
// damage inside the log is overwritten with records that no reader shows (of a rolled back
// transaction, so that neither queue nor index has them), or with a blank where it reaches its
// file's end: what lies after it stays, where a start would cut the log. Damaged queues and index
// files are moved away and made again from the log by a start and a clean stop; a queue's unit
// whose message is lost then repeats the one after it, which consumers take for the same
// message. Nothing is thrown away: what is replaced lies in STORE/repair-<time>/ afterwards.
//
// Threads: one at a time; the store is locked meanwhile.
// Owner:   the tool's main.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "store/table/places.h"

namespace mqd::store {

struct RepairOptions {
    bool apply = false;  ///< false: only tells
    std::function<bool()> stop = [] { return false; };
};

struct RepairReport {
    std::int64_t steps = 0;          ///< told to the sink
    std::int64_t cannot = 0;         ///< findings that nothing is known against
    std::int64_t left = 0;           ///< findings afterwards; without `apply`: as `cannot`
    std::filesystem::path side_dir;  ///< empty: nothing had to be kept
    bool interrupted = false;
};

/// Tells each step in a line, and does it if asked to. Opened by a broker meanwhile: refused, with
/// its pid. not_found: no such store. io, refused: a step failed, and `abort` stays.
Result<RepairReport> repair(const Places& store, const RepairOptions& options,
                            const std::function<void(const std::string&)>& sink);

}  // namespace mqd::store
