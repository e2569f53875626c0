#pragma once
// --metrics FILE: what has been done so far, as Prometheus text for a textfile collector
// (mqsend(1)).
//
// Threads: one at a time.

#include <string>

#include "base/result.h"
#include "sending/tally.h"

namespace mqd::sending {

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

}  // namespace mqd::sending
