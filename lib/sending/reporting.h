#pragma once
// What a run tells while it goes on: the progress line and the metrics file, each at its own pace,
// and neither when nothing has changed.
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/parser.h"
#include "cli/progress.h"
#include "sending/metrics.h"

namespace mqd::sending {

class Reporting {
public:
    /// `metrics_file` may be empty.
    Reporting(const cli::Parser& cli, std::optional<bool> progress,
              const std::string& metrics_file);

    /// Makes the metrics file, so that a wrong path is known before anything is sent.
    Result<> begin() const;

    bool is_on() const { return metrics_ || progress_.is_on(); }
    /// When tick() must be called at the latest, in monotonic ms; -1: never, while Tally::changes()
    /// stays what it is.
    std::int64_t due_ms(std::uint64_t changes) const;
    void tick(const Tally& tally, const cli::Progress::Now& input);
    /// The last state of all.
    void finish(const Tally& tally);
    /// A line of another kind on stderr.
    void warn(std::string_view what);
    /// The same, but for -q.
    void note(std::string_view what);

private:
    void write(const Tally& tally);

    const cli::Parser& cli_;
    cli::Progress progress_;
    std::optional<Metrics> metrics_;
    std::int64_t written_ms_ = 0;
    std::uint64_t written_changes_ = 0;
    std::uint64_t shown_changes_ = 0;
    bool has_failed_ = false;
};

}  // namespace mqd::sending
