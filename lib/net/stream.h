#pragma once
// A TCP connection: bytes come in blocks, go out gathered. The only users are remoting's Session
// and Channel (and later other protocols and TLS, which stands behind this same interface).
//
// Threads: everything on the stream's loop, callbacks too.
// Owner:   whoever made it; destroying it closes it, and no callback comes afterwards.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "net/io_threads.h"

namespace mqd::net {

/// Bytes that stay in place while `pin` lives: parts of an answer that are not copied.
struct Piece {
    Bytes bytes;
    std::shared_ptr<const void> pin;
};

class Stream {
public:
    virtual ~Stream() = default;

    struct Callbacks {
        /// What has been read and not yet consumed. Returns how many bytes were consumed; the
        /// rest comes again with more after it. At least 64 readable bytes lie after the end.
        std::function<std::size_t(Bytes)> on_bytes;
        /// Once, last: the peer closed (Error what "closed"), an error, or idle for too long.
        /// unsent_bytes() tells then what the kernel has not been given any more.
        std::function<void(const Error&)> on_close;
        /// The unsent output has fallen below half of StreamOptions::unsent_bytes_high after having
        /// been above it.
        std::function<void()> on_drained;
        /// Some of the output that had to wait for the peer has gone out.
        std::function<void()> on_progress;
    };
    virtual void start(Callbacks callbacks) = 0;

    /// The output buffer: append to it, then flush(). What is in it when on_bytes returns is
    /// flushed by itself, so all answers to one read leave in one write.
    virtual Buffer& output() = 0;
    /// Queues pieces after what output() holds now.
    virtual void send_pieces(std::vector<Piece> pieces) = 0;
    /// Hands what is queued to the kernel, as far as it takes it; the rest follows by itself.
    virtual void flush() = 0;
    /// The same after the posted calls the loop is running: many answers, one write.
    virtual void flush_soon() = 0;
    virtual std::size_t unsent_bytes() const = 0;
    /// Stops reading and goes on. By itself, a stream does not read while more than
    /// unsent_bytes_high are unsent: a peer that never reads its answers gets no more of them.
    /// What on_bytes left unconsumed comes again when reading goes on.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;
    /// Sends what is queued, then closes, also when the Stream is destroyed at once; no callback
    /// comes any more.
    virtual void close() = 0;

    virtual Loop& loop() = 0;
    virtual const std::string& remote() const = 0;  ///< `127.0.0.1:40454`
    virtual const std::string& local() const = 0;
};

struct StreamOptions {
    std::int64_t idle_ms = 120'000;                 ///< closed when nothing came or went; 0: never
    std::size_t input_bytes_max = 16'777'216 + 64;  ///< one frame at most is kept unconsumed
    std::size_t unsent_bytes_high = 4 << 20;        ///< see pause_reading()
};

class Listener {
public:
    virtual ~Listener() = default;  ///< stops accepting
    virtual std::uint16_t port() const = 0;
    /// Binds and accepts; the sockets are dealt out to the threads in turn, on_stream is called on
    /// the thread that gets it. `address` is `HOST:PORT`; port 0 picks one.
    /// invalid: not an address. refused: the port is in use or may not be bound; `what` says which.
    static Result<std::unique_ptr<Listener>> listen(
        IoThreads& threads, const std::string& address, StreamOptions options,
        std::function<void(std::unique_ptr<Stream>)> on_stream);
};

/// Connects from the loop's thread; `done` is called there. unavailable: refused, no route, no
/// such host, or `timeout_ms` passed.
void connect(Loop& loop, const std::string& host_port, std::int64_t timeout_ms,
             StreamOptions options, std::function<void(Result<std::unique_ptr<Stream>>)> done);

}  // namespace mqd::net
