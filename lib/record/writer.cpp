#include "record/writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace mqd::record {

Result<> write_all(int fd, std::string_view name, Bytes bytes, std::uint64_t* written) {
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        if (n >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            if (written) *written += static_cast<std::uint64_t>(n);
        } else if (errno == EAGAIN) {
            pollfd wait = {fd, POLLOUT, 0};
            if (::poll(&wait, 1, -1) < 0 && errno != EINTR) return errno_error(name);
        } else if (errno != EINTR) {
            return Error{Errc::io, errno_error(name).what};
        }
    }
    return {};
}

Result<> Writer::flush() {
    flushed_bytes_ += buffer_.size();
    auto written = write_all(fd_, name_, buffer_.bytes(), &written_bytes_);
    buffer_.clear();
    buffer_.shrink_if_above(64 * block_bytes);
    return written;
}

}  // namespace mqd::record
