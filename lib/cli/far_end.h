#pragma once
// The far end of an output: whether somebody still reads what is written there, and what of it
// nobody has taken yet. Pipes, FIFOs and sockets have one (mqd(7), SIGNALS; mqpull(1), --group).
//
// Threads: one.
// Owner:   who writes to the descriptor.

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace mqd::cli {

class FarEnd {
public:
    /// `fd` stays the caller's.
    explicit FarEnd(int fd);
    ~FarEnd();
    FarEnd(const FarEnd&) = delete;
    FarEnd& operator=(const FarEnd&) = delete;

    /// False: a file or a terminal; the rest is not to be called then.
    bool exists() const { return kind_ != Kind::none; }
    /// Nobody reads any more.
    bool is_gone() const;
    /// For poll(): ready when the far end is gone, and, with POLLOUT, when it takes something.
    pollfd watch(short events = 0) const { return {fd_, events, 0}; }
    /// Whether what poll() has found there says that nobody reads any more.
    bool says_gone(short revents) const;
    /// How many of the bytes written so far may still lie in between; with several who write
    /// there, those of all of them.
    std::uint64_t unread() const;
    /// Writes what goes without waiting, and says how much that was. io: it cannot be written.
    Result<std::size_t> write_some(Bytes bytes);
    /// Nothing more is written: when `fd` is closed the reader sees the end.
    void close();

private:
    enum class Kind { none, pipe, socket };
    Result<std::size_t> write_piece(Bytes bytes);

    const int fd_;
    Kind kind_ = Kind::none;
    /// The same pipe, opened once more: others who have `fd` must not find that it does not block.
    int not_blocking_ = -1;
    bool has_opened_ = false;
};

/// Ends the program as a filter does that nobody reads any more.
[[noreturn]] void end_by_sigpipe();

/// For tools that print and wait, once in main: from here on wait_readable() (signals.h) ends the
/// program by SIGPIPE when nobody reads standard output any more, though nothing is to be printed.
void watch_standard_output();
/// For a tool's own poll(), and what to do with what that finds. Without
/// watch_standard_output(), and where it has no far end, poll() passes over it.
pollfd watched_output();
void end_if_unread(const pollfd& watched);

}  // namespace mqd::cli
