#pragma once
// The one line on stderr that long work keeps writing over: count, rate, bytes, and how much is
// left where that is known (mqd(7), OUTPUT).
//
// Threads: one at a time.
// Owner:   the tool's main, which calls clear() before anything else goes to stderr.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mqd::cli {

class Parser;

/// `--progress` and `--no-progress`, into `forced`.
void add_progress_option(Parser& parser, std::optional<bool>& forced);

class Progress {
public:
    struct Now {
        std::uint64_t count = 0;
        std::uint64_t bytes = 0;                   ///< done, of the input or output
        std::optional<std::uint64_t> bytes_total;  ///< nothing: it has no known end
        // Where it has, but not in bytes: messages passed, of those that there are.
        std::uint64_t steps = 0;
        std::optional<std::uint64_t> steps_total = {};

        std::uint64_t done() const { return bytes_total ? bytes : steps; }
        std::optional<std::uint64_t> total() const {
            return bytes_total ? bytes_total : steps_total;
        }
    };

    /// Not `forced`, it is shown on a terminal, unless `quiet`. `fd` stays the caller's.
    Progress(std::optional<bool> forced, bool quiet, int fd);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    bool is_on() const { return on_; }
    /// When show() has something new to say, in monotonic ms: after the first second, and then
    /// twice a second. -1: never.
    std::int64_t due_ms() const { return on_ ? due_ms_ : -1; }
    void show(const Now& now);
    /// Takes the line away; what is no terminal keeps it.
    void clear();

    /// `1234567 messages, 45000/s, 102.9 MB, 37%, 0:12 left`
    static std::string line(const Now& now, double per_second, double done_per_second);

private:
    void write(std::string_view text) const;

    const int fd_;
    const bool on_;
    const bool is_terminal_;
    std::int64_t due_ms_;
    std::int64_t shown_ms_;
    Now shown_;
    double per_second_ = 0;
    double done_per_second_ = 0;
    std::size_t width_ = 0;  ///< of what stands there
};

}  // namespace mqd::cli
