#include "cli/far_end.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "cli/signals.h"

namespace mqd::cli {
namespace {

/// A pipe that is ready takes so many without waiting.
constexpr std::size_t piece_bytes = 4096;

const FarEnd* watched = nullptr;  // set once, in main

}  // namespace

FarEnd::FarEnd(int fd) : fd_(fd) {
    struct stat is = {};
    if (::fstat(fd, &is) != 0) return;
    if (S_ISSOCK(is.st_mode)) kind_ = Kind::socket;
    if (S_ISFIFO(is.st_mode)) kind_ = Kind::pipe;
}

FarEnd::~FarEnd() {
    close();
}

void FarEnd::close() {
    if (const int fd = std::exchange(not_blocking_, -1); fd >= 0) ::close(fd);
}

bool FarEnd::is_gone() const {
    pollfd one = watch();
    return ::poll(&one, 1, 0) > 0 && says_gone(one.revents);
}

bool FarEnd::says_gone(short revents) const {
    // A socket's other end may have ended its own sending only: that is no POLLHUP.
    return (revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

std::uint64_t FarEnd::unread() const {
    int bytes = 0;
    // Some kinds of sockets cannot tell: what was written counts as taken there. Those within the
    // machine count what the bytes cost, which is more, and 0 when there are none.
    if (::ioctl(fd_, kind_ == Kind::pipe ? FIONREAD : SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
    return static_cast<std::uint64_t>(bytes);
}

Result<std::size_t> FarEnd::write_piece(Bytes bytes) {
    ssize_t n = -1;
    do {
        if (kind_ == Kind::socket) {
            n = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        } else if (not_blocking_ >= 0) {
            n = ::write(not_blocking_, bytes.data(), bytes.size());
        } else {
            pollfd one = watch(POLLOUT);
            if (::poll(&one, 1, 0) <= 0) return std::size_t{0};
            n = ::write(fd_, bytes.data(), std::min(bytes.size(), piece_bytes));
        }
    } while (n < 0 && errno == EINTR);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) return std::size_t{0};
    return Error{Errc::io, errno_error("standard output").what};
}

Result<std::size_t> FarEnd::write_some(Bytes bytes) {
    // It fails for another user's pipe, and without /proc: then pieces that do not wait must do.
    if (kind_ == Kind::pipe && !std::exchange(has_opened_, true))
        not_blocking_ =
            ::open(fmt::format("/proc/self/fd/{}", fd_).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    std::size_t written = 0;
    while (written < bytes.size()) {
        TRY(const std::size_t n, write_piece(bytes.subspan(written)));
        if (n == 0) break;
        written += n;
    }
    return written;
}

void end_by_sigpipe() {
    die_of(SIGPIPE);
}

void watch_standard_output() {
    static const FarEnd end(STDOUT_FILENO);
    if (end.exists()) watched = &end;
}

pollfd watched_output() {
    return watched != nullptr ? watched->watch() : pollfd{-1, 0, 0};
}

void end_if_unread(const pollfd& is) {
    if (watched != nullptr && watched->says_gone(is.revents)) end_by_sigpipe();
}

}  // namespace mqd::cli
