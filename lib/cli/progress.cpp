#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/counted.h"
#include "cli/parser.h"

namespace mqd::cli {
namespace {

constexpr std::int64_t first_ms = 1000;
constexpr std::int64_t every_ms = 500;
/// How much the newest measurement counts.
constexpr double newest = 0.4;

std::string size_text(std::uint64_t bytes) {
    if (bytes < 1000) return fmt::format("{} B", bytes);
    double size = static_cast<double>(bytes);
    for (const char* const unit : {"kB", "MB", "GB", "TB"})
        if ((size /= 1000) < 999.95) return fmt::format("{:.1f} {}", size, unit);
    return fmt::format("{:.1f} PB", size / 1000);
}

std::string time_text(double seconds) {
    const auto all = static_cast<std::int64_t>(std::min(seconds + 0.5, 1e9));
    const auto minutes = all / 60 % 60;
    return all < 3600 ? fmt::format("{}:{:02}", minutes, all % 60)
                      : fmt::format("{}:{:02}:{:02}", all / 3600, minutes, all % 60);
}

}  // namespace

void add_progress_option(Parser& parser, std::optional<bool>& forced) {
    parser.toggle("--progress", forced,
                  "show a line of progress on stderr (default: on a terminal)");
}

Progress::Progress(std::optional<bool> forced, bool quiet, int fd)
    : fd_(fd),
      on_(forced.value_or(!quiet && ::isatty(fd) == 1)),
      is_terminal_(::isatty(fd) == 1),
      due_ms_(monotonic_ms() + first_ms),
      shown_ms_(monotonic_ms()) {}

void Progress::show(const Now& now) {
    if (!on_) return;
    const std::int64_t now_ms = monotonic_ms();
    const double seconds = static_cast<double>(std::max<std::int64_t>(1, now_ms - shown_ms_)) / 1e3;
    const double per_second = static_cast<double>(now.count - shown_.count) / seconds;
    // Fewer than before: a queue went to somebody else.
    const auto done = static_cast<double>(now.done() - std::min(now.done(), shown_.done()));
    const double done_per_second = done / seconds;
    const double part = shown_.count == 0 ? 1 : newest;
    per_second_ += part * (per_second - per_second_);
    done_per_second_ += part * (done_per_second - done_per_second_);
    shown_ = now;
    shown_ms_ = now_ms;
    due_ms_ = now_ms + every_ms;
    auto text = line(now, per_second_, done_per_second_);
    const auto width = text.size();
    text.resize(std::max(width, width_), ' ');
    width_ = width;
    write("\r" + text);
}

void Progress::clear() {
    if (width_ == 0) return;
    write(is_terminal_ ? "\r" + std::string(width_, ' ') + "\r" : std::string("\n"));
    width_ = 0;
}

std::string Progress::line(const Now& now, double per_second, double done_per_second) {
    std::string text = fmt::format("{}, {:.0f}/s, {}", counted(now.count, "message"), per_second,
                                   size_text(now.bytes));
    if (now.total().value_or(0) == 0) return text;
    const auto total = std::max(*now.total(), now.done());
    text += fmt::format(", {}%", now.done() * 100 / total);
    if (done_per_second >= 1)
        text += fmt::format(", {} left",
                            time_text(static_cast<double>(total - now.done()) / done_per_second));
    return text;
}

/// Nobody is told of a stderr that cannot be written.
void Progress::write(std::string_view text) const {
    [[maybe_unused]] const auto n = ::write(fd_, text.data(), text.size());
}

}  // namespace mqd::cli
