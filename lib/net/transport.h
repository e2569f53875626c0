#pragma once
// What stands between a stream and its socket: three functions. The plain transport hands bytes to
// the kernel as they are; one that encrypts them is another implementation, and nothing else of the
// stream changes. The stream owns the buffers, waits for the socket, and decides when to call.
//
// Threads: the loop's own.
// Owner:   the stream.

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>

#include "base/bytes.h"

namespace mqd::net {

class Transport {
public:
    enum class State {
        done,         ///< bytes have moved, at least one; of a handshake: it is over
        wants_read,   ///< call again when the socket can be read
        wants_write,  ///< call again when the socket can be written
        closed,       ///< by the peer
        failed
    };
    struct Outcome {
        State state = State::failed;
        std::size_t bytes = 0;
        /// recv(): the transport holds more bytes, which the socket will not announce.
        bool has_more = false;
        std::string why;  ///< it failed
    };

    virtual ~Transport() = default;
    /// Until it is done, the stream neither receives nor sends.
    virtual Outcome handshake() = 0;
    virtual Outcome recv(MutableBytes into) = 0;
    /// Takes some of the parts' bytes, from the first one on. After wants_read and wants_write the
    /// same bytes come again, perhaps elsewhere in memory, and more after them.
    virtual Outcome send(std::span<const iovec> parts) = 0;
};

/// The socket itself.
class PlainTransport final : public Transport {
public:
    explicit PlainTransport(int fd) : fd_(fd) {}
    Outcome handshake() override { return {State::done, 0, false, {}}; }
    Outcome recv(MutableBytes into) override;
    Outcome send(std::span<const iovec> parts) override;

private:
    const int fd_;
};

}  // namespace mqd::net
