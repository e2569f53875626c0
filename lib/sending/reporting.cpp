#include "sending/reporting.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"

namespace mqd::sending {
namespace {

constexpr std::int64_t write_every_ms = 1000;

}  // namespace

Reporting::Reporting(const cli::Parser& cli, std::optional<bool> progress,
                     const std::string& metrics_file)
    : cli_(cli), progress_(progress, cli.quiet(), STDERR_FILENO) {
    if (!metrics_file.empty()) metrics_.emplace(metrics_file);
}

Result<> Reporting::begin() const {
    return metrics_ ? metrics_->write(Tally()) : Result<>();
}

std::int64_t Reporting::due_ms(std::uint64_t changes) const {
    std::int64_t due = -1;
    if (progress_.is_on() && changes != shown_changes_) due = progress_.due_ms();
    if (metrics_ && changes != written_changes_) {
        const auto write_ms = written_ms_ + write_every_ms;
        due = due < 0 ? write_ms : std::min(due, write_ms);
    }
    return due;
}

void Reporting::tick(const Tally& tally, const cli::Progress::Now& input) {
    const auto changes = tally.changes();
    const std::int64_t now_ms = monotonic_ms();
    if (progress_.is_on() && changes != shown_changes_ && now_ms >= progress_.due_ms()) {
        shown_changes_ = changes;
        progress_.show(input);
    }
    if (metrics_ && changes != written_changes_ && now_ms >= written_ms_ + write_every_ms) {
        written_changes_ = changes;
        written_ms_ = now_ms;
        write(tally);
    }
}

void Reporting::finish(const Tally& tally) {
    progress_.clear();
    write(tally);
}

void Reporting::warn(std::string_view what) {
    progress_.clear();
    cli_.warn(what);
}

void Reporting::note(std::string_view what) {
    progress_.clear();
    cli_.note(what);
}

/// Messages do not wait for what is only told about them: a failure is told once.
void Reporting::write(const Tally& tally) {
    if (!metrics_) return;
    if (const auto written = metrics_->write(tally); !written && !has_failed_) {
        has_failed_ = true;
        warn(fmt::format("cannot write the metrics: {}", written.error().what));
    }
}

}  // namespace mqd::sending
