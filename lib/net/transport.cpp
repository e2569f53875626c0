#include "net/transport.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace mqd::net {
namespace {

using State = Transport::State;

/// `Connection reset by peer`; whoever hears it knows whose connection it is.
Transport::Outcome failed(int error_number) {
    return {State::failed, 0, false, std::generic_category().message(error_number)};
}

}  // namespace

Transport::Outcome PlainTransport::recv(MutableBytes into) {
    const auto n = ::recv(fd_, into.data(), into.size(), 0);
    if (n > 0) return {State::done, static_cast<std::size_t>(n), false, {}};
    if (n == 0) return {State::closed, 0, false, {}};
    if (errno == EAGAIN || errno == EINTR) return {State::wants_read, 0, false, {}};
    return failed(errno);
}

Transport::Outcome PlainTransport::send(std::span<const iovec> parts) {
    for (;;) {
        ssize_t n = 0;
        if (parts.size() == 1) {
            n = ::send(fd_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
        } else {
            msghdr message{};
            // sendmsg() only reads the parts.
            message.msg_iov = const_cast<iovec*>(parts.data());
            message.msg_iovlen = parts.size();
            n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
        }
        if (n >= 0) return {State::done, static_cast<std::size_t>(n), false, {}};
        if (errno == EAGAIN) return {State::wants_write, 0, false, {}};
        if (errno != EINTR) return failed(errno);
    }
}

}  // namespace mqd::net
