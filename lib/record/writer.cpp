#include "record/writer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace mqd::record {

Result<> write_all(int fd, std::string_view name, Bytes bytes, std::uint64_t* written,
                   const std::function<bool()>& gives_up) {
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        int why = n < 0 ? errno : 0;
        if (why == EAGAIN) {
            // For its reader, who takes something or goes away; after a signal, for gives_up.
            pollfd wait = {fd, POLLOUT, 0};
            why = ::poll(&wait, 1, -1) < 0 ? errno : 0;
        }
        if (why != 0 && why != EINTR) return Error{Errc::io, errno_error(name, why).what};
        if (n > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            if (written) *written += static_cast<std::uint64_t>(n);
        }
        // A write that a signal ended may have taken a part.
        if (!bytes.empty() && gives_up && gives_up())
            return Error{Errc::io, fmt::format("{}: its reader has not taken everything", name)};
    }
    return {};
}

Result<> Writer::flush() {
    flushed_bytes_ += buffer_.size();
    auto written = write_all(fd_, name_, buffer_.bytes(), &written_bytes_, gives_up_);
    buffer_.clear();
    buffer_.shrink_if_above(64 * block_bytes);
    return written;
}

}  // namespace mqd::record
