#include "record/block_input.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace mqd::record {
namespace {

constexpr std::size_t block_bytes = 1 << 20;
constexpr std::size_t read_bytes_min = 1 << 16;
constexpr std::int64_t grain_min = 512, grain_max = 1 << 20;
constexpr int told_max = 10;

}  // namespace

BlockInput::BlockInput(int fd, int stop_fd, std::size_t read_bytes_max, std::string name,
                       Holes holes)
    : fd_(fd),
      stop_fd_(stop_fd),
      read_bytes_max_(read_bytes_max),
      name_(std::move(name)),
      data_(std::make_unique_for_overwrite<char[]>(block_bytes + padding_bytes)),
      capacity_(block_bytes),
      holes_(std::move(holes)) {
    std::memset(data_.get() + capacity_, 0, padding_bytes);
    struct stat is = {};
    has_extents_ = holes_.are_passed && ::fstat(fd_, &is) == 0 && S_ISREG(is.st_mode);
    grain_ = std::clamp<std::int64_t>(is.st_blksize, grain_min, grain_max);
}

void BlockInput::make_room() {
    if (begin_ == end_) {
        check(gaps_.empty());
        begin_ = end_ = 0;
    }
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
    for (auto& gap : gaps_) gap.at -= begin_;
    begin_ = 0;
    end_ = kept;
}

std::uint64_t BlockInput::end_of(std::size_t bytes) const {
    std::uint64_t at = consumed_ + bytes;
    for (const auto& gap : gaps_)
        if (gap.at < begin_ + bytes) at += gap.bytes;
    return at;
}

/// After what has been read.
void BlockInput::add_gap(std::uint64_t bytes) {
    if (begin_ == end_)
        consumed_ += bytes;
    else
        gaps_.push_back({end_, bytes});
}

/// Finds the stretch of data at or after the descriptor's place and goes there. False: there is
/// none now.
bool BlockInput::find_extent() {
    struct stat is = {};
    const auto at = ::lseek(fd_, 0, SEEK_CUR);
    // Those of the system's own files that have no size are no files to it.
    if (at < 0 || ::fstat(fd_, &is) != 0 || is.st_size == 0) return has_extents_ = false, true;
    const auto data = ::lseek(fd_, at, SEEK_DATA);
    if (data < 0 && errno != ENXIO) return has_extents_ = false, true;
    const auto end = data < 0 ? std::max<off_t>(at, is.st_size) : data;
    if (data < 0 && (at >= is.st_size || holes_.may_grow)) return false;
    if (end > at) {
        add_gap(static_cast<std::uint64_t>(end - at));
        padding_left_ = grain_;
        if (holes_.tell && told_++ < told_max)
            holes_.tell(
                fmt::format("{}: skips bytes {} to {}, a hole that no program has written{}", name_,
                            at, end, told_ == told_max ? "; further holes are not reported" : ""));
    }
    const auto hole = data < 0 ? -1 : ::lseek(fd_, data, SEEK_HOLE);
    ::lseek(fd_, end, SEEK_SET);
    if (data < 0) return false;
    if (hole <= data) return has_extents_ = false, true;
    read_at_ = data;
    extent_end_ = hole;
    ends_in_hole_ = hole < is.st_size;
    return true;
}

/// At most `wanted`, and none of a hole; 0: there is nothing to read now.
std::size_t BlockInput::bytes_to_read(std::size_t wanted) {
    if (read_at_ >= extent_end_ && !find_extent()) return 0;
    if (!has_extents_) return wanted;
    const auto left = static_cast<std::size_t>(extent_end_ - read_at_);
    if (wanted >= left) return left;
    // What pads the last block before a hole is looked at as a whole.
    const auto grain = static_cast<std::size_t>(grain_);
    return ends_in_hole_ && left - wanted < grain && wanted > grain ? wanted - grain : wanted;
}

/// Holes are whole blocks: what pads those before and after is theirs. How many of the `bytes`
/// just read are left.
std::size_t BlockInput::without_padding(std::size_t bytes) {
    read_at_ += static_cast<std::int64_t>(bytes);
    char* const front = data_.get() + end_ - bytes;
    std::size_t nuls = 0;
    while (nuls < bytes && static_cast<std::int64_t>(nuls) < padding_left_ && front[nuls] == '\0')
        ++nuls;
    padding_left_ = nuls == bytes ? padding_left_ - static_cast<std::int64_t>(nuls) : 0;
    if (nuls > 0) {
        end_ -= bytes;
        add_gap(nuls);
        std::memmove(front, front + nuls, bytes - nuls);
        end_ += bytes -= nuls;
    }
    if (!ends_in_hole_ || read_at_ < extent_end_) return bytes;
    const auto padding_max = std::min(bytes, static_cast<std::size_t>(grain_));
    std::size_t padding = 0;
    while (padding < padding_max && data_[end_ - padding - 1] == '\0') ++padding;
    if (holes_.keeps_nul && padding > 0 && padding < end_ - begin_) --padding;
    end_ -= padding;
    if (padding > 0) add_gap(padding);
    return bytes - padding;
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
        std::size_t wanted = std::min(read_bytes_max_, capacity_ - end_);
        if (has_extents_) wanted = bytes_to_read(wanted);
        if (wanted == 0) return false;
        const auto n = ::read(fd_, data_.get() + end_, wanted);
        if (n > 0) {
            end_ += static_cast<std::size_t>(n);
            if (!has_extents_ || without_padding(static_cast<std::size_t>(n)) > 0) return true;
            continue;
        }
        if (n == 0) return false;
        if (errno != EINTR && errno != EAGAIN) return errno_error(name_);
    }
}

}  // namespace mqd::record
