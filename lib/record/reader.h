#pragma once
// Messages in: lines, NUL-ended chunks, JSON lines, msgpack maps, entries of a journal or one whole
// file, from a descriptor, with bounded memory (mqd-record(5); mqsend(1)).
//
// Threads: one at a time.
// Owner:   the tool's main, one for each file it reads.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "record/record.h"

namespace mqd::record {

enum class Input { lines, nul, json, msgpack, journal, file };

struct ReaderOptions {
    Input input = Input::lines;
    std::size_t record_bytes_max = 4 << 20;  ///< of one line, chunk, map, entry or file
    bool split_long = false;                 ///< lines, nul: cut instead of refusing
    bool skip_empty = false;                 ///< lines, nul, file: empty ones are only counted
    std::string key_delimiter = {};          ///< lines, nul: KEY<D>BODY
    bool follow = false;   ///< an end is not the end: ask again later, until end_here()
    std::uint64_t at = 0;  ///< the descriptor's position, for begin_at() and end_at()
    int stop_fd = -1;      ///< readable: the input ends here
    std::size_t read_bytes_max = 64 << 20;  ///< taken off the input at once
    /// Lines for a person: holes of the file that were passed over.
    std::function<void(std::string_view line)> tell = {};
    /// A key of a record that is not in the table of mqd-record(5), and where; such a record is
    /// refused with `is_strict`.
    std::function<void(std::string_view key, std::string_view where)> unknown_key = {};
    bool is_strict = false;
    /// Gets every byte of a refused record, its delimiter too, in one or more pieces.
    std::function<void(std::string_view piece)> refused = {};
};

class Reader {
public:
    /// `fd` stays the caller's; `name` stands in messages.
    Reader(int fd, std::string name, ReaderOptions options);
    ~Reader();

    /// The next record, good until the next call; nullptr at the end.
    /// corrupt: no record; `what` names where and why. The next call goes on after it.
    /// io: the input fails; nothing more comes.
    Result<const Record*> next();

    /// The bytes the last record was made of, without its delimiter.
    std::string_view raw() const;
    /// Whether next() would answer without waiting for input. The last record is good no longer.
    bool ready();
    /// Waits for one read of the input, whatever that gives: for callers with a poll() of their
    /// own. False: the end, or what is one for now. io as next().
    Result<bool> fill();
    /// With `follow`: nothing more will come, and a last line needs no newline.
    void end_here();
    std::uint64_t number() const;    ///< of the last record, counted from 1, refused ones too
    std::uint64_t begin_at() const;  ///< byte at which the last record began
    std::uint64_t end_at() const;    ///< byte after it: where to go on another day
    std::uint64_t skipped_empty() const;
    /// Whether something after the last record has been taken off the input already.
    bool has_more_here() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace mqd::record
