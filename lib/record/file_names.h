#pragma once
// Names of files that follow one another, and when one gives way to the next (mqpull(1), --name
// and --rotate).
//
// Threads: value types.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/compress_stream.h"
#include "base/result.h"

namespace mqd::record {

/// A pattern with strftime's %Y %y %m %d %j %H %M %S %F %s and %%, in local time. The second file
/// of a name gets `-1` in front of the first dot, the third `-2`.
class FileNames {
public:
    /// invalid: another letter, a slash, nothing, or a name that could be too long for a file.
    static Result<FileNames> parse(std::string_view pattern);

    /// `number` counts the files of one name from 0.
    std::string name(std::int64_t time_ms, int number) const;
    /// Whether name() could have given it.
    bool matches(std::string_view name) const;
    /// By the ending: `.gz`, `.zst`, or none of these.
    Packing packing() const;

private:
    std::string stem_;    // of the pattern: what stands before its first dot
    std::string ending_;  // and from there on
};

struct Rotation {
    std::optional<std::int64_t> every_ms;
    std::optional<std::int64_t> bytes;

    /// When a file that is begun now gives way, in ms since the epoch: at the next multiple of
    /// every_ms on the local clock, so that 1h is at each full hour. Nothing: at no time.
    std::optional<std::int64_t> end_ms(std::int64_t now_ms) const;
};

/// `1h`, `1G`, or both with a comma between. invalid: anything else, also nothing above zero.
Result<Rotation> parse_rotation(std::string_view text);

}  // namespace mqd::record
