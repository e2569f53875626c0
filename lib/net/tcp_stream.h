#pragma once
// The TCP Stream, over a Transport. The connection proper (TcpCore) may outlive its handle
// (TcpStream): Asio holds it while it waits for the socket, and close() lets it finish sending.
//
// Threads: the loop's own.
// Owner:   a core is shared by its handle and the waits on its socket.

#include <asio/ip/tcp.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "net/loop.h"
#include "net/stream.h"
#include "net/transport.h"

namespace mqd::net {

class TcpCore final : public Resident,
                      public Flushable,
                      public std::enable_shared_from_this<TcpCore> {
public:
    /// `socket` is connected. `transport`: null for the plain one, over which a server's stream
    /// closes on what begins with a TLS hello.
    TcpCore(AsioLoop& loop, asio::ip::tcp::socket socket, const StreamOptions& options,
            bool is_server, std::unique_ptr<Transport> transport);
    ~TcpCore() override;
    TcpCore(const TcpCore&) = delete;
    TcpCore& operator=(const TcpCore&) = delete;

    void start(Stream::Callbacks callbacks);
    void send_pieces(std::vector<Piece> pieces);
    void flush();
    void flush_soon();
    std::size_t unsent_bytes() const;
    void pause_reading() { is_paused_ = true; }
    void resume_reading();
    void close();   ///< Stream::close()
    void detach();  ///< the handle is gone

    bool sweep(std::int64_t now_ms) override;
    void expire() override;
    void loop_ends() override;
    std::shared_ptr<Resident> hold() override { return shared_from_this(); }
    void flush_now() override;

    Buffer& output() { return output_; }
    AsioLoop& loop() { return loop_; }
    const std::string& remote() const { return remote_; }
    const std::string& local() const { return local_; }

private:
    struct QueuedPiece {
        std::size_t at;  // goes out when this much of output_ has
        Piece piece;
    };

    void shake_hands();
    bool may_read() const;
    void wait_readable();
    void socket_readable();
    void readable();
    void read_into_block(MutableBytes block);
    void read_into_input();
    /// True when there are bytes; else it has been dealt with.
    bool received(Transport::Outcome got);
    std::size_t give(Bytes bytes);
    void after_giving();
    void give_again();

    void send_all();
    Transport::Outcome send_some();
    void take_sent(std::size_t n);
    void drop_output();
    void wait_writable();
    void socket_writable();
    void writable();

    void fail(const Error& error);
    void fail_later(Error error);
    void shut();
    void release_callbacks();
    void give_memory_back(std::size_t bytes_max);

    AsioLoop& loop_;
    asio::ip::tcp::socket socket_;
    PlainTransport plain_;
    const std::unique_ptr<Transport> other_;
    Transport& transport_;
    const StreamOptions options_;
    std::string remote_;
    std::string local_;
    Stream::Callbacks callbacks_;

    Buffer input_;  // unconsumed; most reads go to the loop's block and leave nothing here

    Buffer output_;
    std::size_t output_sent_ = 0;
    std::vector<QueuedPiece> pieces_;
    std::size_t piece_next_ = 0;   // pieces_ before it are sent
    std::size_t piece_sent_ = 0;   // bytes of pieces_[piece_next_]
    std::size_t piece_bytes_ = 0;  // unsent, of all pieces

    std::int64_t quiet_since_ms_ = 0;
    int callback_depth_ = 0;
    bool was_active_ = true;  // since the last sweep
    bool is_open_ = false;    // the handshake is over
    bool has_more_ = false;   // the transport has, which the socket does not announce
    bool recv_wants_write_ = false;
    bool send_wants_read_ = false;
    bool refuses_tls_ = false;
    bool is_shut_ = false;
    bool is_closing_ = false;
    bool is_detached_ = false;
    bool is_failing_ = false;
    bool is_paused_ = false;
    bool is_backed_up_ = false;
    bool waits_readable_ = false;
    bool waits_writable_ = false;
    bool flushes_soon_ = false;
};

std::unique_ptr<Stream> make_tcp_stream(AsioLoop& loop, asio::ip::tcp::socket socket,
                                        const StreamOptions& options, bool is_server,
                                        std::unique_ptr<Transport> transport = nullptr);

}  // namespace mqd::net
