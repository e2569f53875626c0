#pragma once
// The server's end of many connections of one protocol: accepts, keeps, limits and ends sessions.
// It knows no frame format; a protocol derives its session from net::Session.
//
// Threads: a session lives on the thread of its stream; Server is used from the thread that made
//          it, connections() from any.
// Owner:   the Server owns its sessions. Others may hold one for longer; it is closed then.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/stream.h"

namespace mqd::net {

class Session;

/// The sessions of one I/O thread, and the count of all threads' sessions.
struct SessionList {
    std::vector<std::shared_ptr<Session>> sessions;
    std::atomic<std::size_t>* connections = nullptr;
};

/// One connection. What a callback throws is logged; thrown by received(), it ends the session.
class Session {
public:
    explicit Session(std::unique_ptr<Stream> stream);
    virtual ~Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Loop& loop() const { return loop_; }
    const std::string& remote() const { return remote_; }
    /// False once the session has left the server: what is written then goes nowhere.
    bool is_open() const { return stream_ != nullptr; }
    /// Ends the session after the call being made. What was written is still sent.
    void close();

protected:
    virtual void opened() {}
    /// Returns how many bytes it used; the rest comes again with more. An error ends the session.
    virtual Result<std::size_t> received(Bytes bytes) = 0;
    /// Once; the stream still takes output.
    virtual void closing(const Error&) {}
    /// Once, after closing(): the stream is gone. Drops here what belongs to this thread.
    virtual void closed(const Error&) {}

    Stream* stream() const { return stream_.get(); }  ///< none once the session is closed
    bool is_reading() const { return is_reading_; }   ///< received() is running
    bool is_closing() const { return is_closing_; }

private:
    friend class Server;

    void start(SessionList& home, std::shared_ptr<Session> self);
    std::size_t on_bytes(Bytes bytes);
    void finish(const Error& why);
    void leave();
    template <class Call>
    bool guarded(const char* event, Call call);

    std::unique_ptr<Stream> stream_;
    Loop& loop_;
    const std::string remote_;
    SessionList* home_ = nullptr;
    std::size_t index_ = 0;  // in home_->sessions
    bool is_reading_ = false;
    bool is_closing_ = false;
};

class Server {
public:
    /// Makes the session of an accepted stream, on the stream's thread (`thread` of IoThreads).
    using Make =
        std::function<std::shared_ptr<Session>(std::unique_ptr<Stream>, std::size_t thread)>;

    /// As Listener::listen. The connection after the `connections_max`th is closed at once.
    static Result<std::unique_ptr<Server>> listen(IoThreads& threads, const std::string& address,
                                                  const StreamOptions& options,
                                                  std::size_t connections_max, Make make);
    /// Stops accepting, then ends every session on its own thread.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const { return port_; }
    std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }
    void stop_accepting() { listener_.reset(); }

private:
    Server(IoThreads& threads, std::size_t connections_max, Make make);
    void open(std::unique_ptr<Stream> stream);

    IoThreads& threads_;
    const std::size_t connections_max_;
    const Make make_;
    std::atomic<std::size_t> connections_ = 0;
    std::vector<SessionList> lists_;  // as the threads are numbered
    std::unique_ptr<Listener> listener_;
    std::uint16_t port_ = 0;
};

}  // namespace mqd::net
