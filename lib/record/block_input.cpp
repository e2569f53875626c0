#include "record/block_input.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mqd::record {
namespace {

constexpr std::size_t block_bytes = 1 << 20;
constexpr std::size_t read_bytes_min = 1 << 16;

}  // namespace

BlockInput::BlockInput(int fd, int stop_fd, std::size_t read_bytes_max, std::string name)
    : fd_(fd),
      stop_fd_(stop_fd),
      read_bytes_max_(read_bytes_max),
      name_(std::move(name)),
      data_(std::make_unique_for_overwrite<char[]>(block_bytes + padding_bytes)),
      capacity_(block_bytes) {
    std::memset(data_.get() + capacity_, 0, padding_bytes);
}

void BlockInput::make_room() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (capacity_ - end_ >= read_bytes_min) return;
    const std::size_t kept = end_ - begin_;
    if (kept > capacity_ / 2) {  // one long record: grow, so that moving stays cheap on the whole
        auto bigger = std::make_unique_for_overwrite<char[]>(capacity_ * 2 + padding_bytes);
        std::memcpy(bigger.get(), data_.get() + begin_, kept);
        data_ = std::move(bigger);
        capacity_ *= 2;
    } else {
        std::memmove(data_.get(), data_.get() + begin_, kept);
    }
    begin_ = 0;
    end_ = kept;
}

Result<bool> BlockInput::more() {
    make_room();
    for (;;) {
        // For the input's writer, or the user. Without this wait a signal that comes between a test
        // and read() would be slept through.
        pollfd fds[2] = {{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
        if (::poll(fds, stop_fd_ >= 0 ? 2 : 1, -1) < 0) {
            if (errno == EINTR) continue;
            return errno_error(name_);
        }
        if (stop_fd_ >= 0 && fds[1].revents != 0) {
            stopped_ = true;
            return false;
        }
        const auto n = ::read(fd_, data_.get() + end_, std::min(read_bytes_max_, capacity_ - end_));
        if (n > 0) {
            end_ += static_cast<std::size_t>(n);
            return true;
        }
        if (n == 0) return false;
        if (errno != EINTR && errno != EAGAIN) return errno_error(name_);
    }
}

}  // namespace mqd::record
