#pragma once
// --metrics FILE: what has been done so far, as Prometheus text for a textfile collector
// (spec cli.md 3).
//
// Threads: one at a time.

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"

namespace mqd::mqsend {

/// What became of what was read.
struct Tally {
    std::uint64_t read = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t handed_over = 0;  ///< one-way
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;
    std::uint64_t bytes = 0;  ///< of the bodies of what was acknowledged or handed over
    std::uint64_t retries = 0;
    std::map<std::string, std::uint64_t> refused_by;  ///< reason_of(), adds up to `refused`
    std::int64_t last_success_ms = 0;                 ///< since the epoch; 0: none yet
};

/// A word for a label: the name of the response code, else what kind of error it is.
std::string reason_of(const Error& error);

class Metrics {
public:
    /// The name that all of them carry is FILE's, without its folder and `.prom`: a collector
    /// takes a value once.
    explicit Metrics(std::string path);

    /// Writes a file beside it and puts that in its place. io, not_found, refused
    Result<> write(const Tally& tally) const;
    std::string text(const Tally& tally) const;

private:
    std::string path_;
    std::string name_;
};

}  // namespace mqd::mqsend
