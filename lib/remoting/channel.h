#pragma once
// The client's end: many requests in flight over one connection that is made on demand and made
// again after it broke. What was in flight when it broke gets Errc::unavailable. A request that ran
// out of time costs its connection, as with RocketMQ's clients: one that went silent without an end
// (a firewall forgot it, a host is gone) shows in no other way, and the next request makes a new
// one.
//
// Threads: call() and oneway() from any thread; `done` and on_request come on the channel's loop.
// Owner:   client::Client, the broker's registrar.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "remoting/session.h"

namespace mqd::remoting {

class Channel {
public:
    struct Options {
        std::int64_t connect_timeout_ms = 3000;
        wire::Encoding encoding = wire::Encoding::json;
        std::size_t unsent_bytes_max = 8 << 20;                ///< wait_writable() waits above this
        std::function<void(const wire::Command&)> on_request;  ///< pushes of the server
        std::function<void(const Error&)> on_disconnect;
        /// The first frame of each connection, before all that waited for it; may be empty. Nobody
        /// waits for its answer.
        std::function<Buffer(std::int32_t opaque)> greeting;
    };
    static std::shared_ptr<Channel> make(net::Loop& loop, std::string host_port, Options options);
    virtual ~Channel() = default;

    /// Errors as send(); invalid: longer than a frame may be (`done` comes at once then).
    template <Header H>
    void call(std::int32_t code, const H& header, Bytes body, std::int64_t timeout_ms,
              std::function<void(Result<Answer>)> done) {
        const std::int32_t opaque = next_opaque();
        Buffer frame;
        wire::Encoder encoder(frame, encoding(), code, opaque, 0);
        wire::write_header(encoder, header);
        if (!encoder.finish(body)) return done(frame_too_long());
        send(std::move(frame), opaque, timeout_ms, std::move(done));
    }
    /// What is longer than a frame may be is not sent.
    template <Header H>
    void oneway(std::int32_t code, const H& header, Bytes body = {}) {
        Buffer frame;
        wire::Encoder encoder(frame, encoding(), code, next_opaque(), wire::flag_oneway);
        wire::write_header(encoder, header);
        if (encoder.finish(body)) send_oneway(std::move(frame));
    }
    /// Answers what on_request was given, from any thread. Like a one-way request it goes with the
    /// connection if that breaks first.
    template <Header H>
    void reply(std::int32_t opaque, wire::Encoding as, std::int32_t code, const H& header,
               Bytes body = {}, std::string_view remark = {}) {
        Buffer frame;
        wire::Encoder encoder(frame, as, code, opaque, wire::flag_response, remark);
        wire::write_header(encoder, header);
        encoder.finish(body);  // too long: it says so instead
        send_oneway(std::move(frame), 0);
    }
    /// To a request that on_request was given; lost if the connection is.
    void answer(const wire::Command& request, std::int32_t code) {
        Buffer frame;
        wire::Encoder encoder(frame, encoding(), code, request.opaque, wire::flag_response);
        if (encoder.finish()) send_oneway(std::move(frame), 0);
    }
    /// Blocks until it answered: not on the loop's thread. unavailable: not reached in time.
    template <Header H>
    Result<Answer> call_and_wait(std::int32_t code, const H& header, Bytes body,
                                 std::int64_t timeout_ms) {
        return wait([&](std::function<void(Result<Answer>)> done) {
            call(code, header, body, timeout_ms, std::move(done));
        });
    }

    /// A frame built by the caller with an opaque of next_opaque(). `done` exactly once:
    /// unavailable when there is no connection, it broke, or the time is over.
    virtual void send(Buffer frame, std::int32_t opaque, std::int64_t timeout_ms,
                      std::function<void(Result<Answer>)> done) = 0;
    /// Handed to the socket or lost with the connection: see take_lost_oneways(). `weight` is what
    /// it counts there, the messages of a batch.
    virtual void send_oneway(Buffer frame, std::size_t weight = 1) = 0;
    virtual std::int32_t next_opaque() = 0;
    virtual wire::Encoding encoding() const = 0;

    /// Blocks until unsent bytes are below the limit; false when `timeout_ms` passed first or the
    /// connection is gone. Not on the loop's thread.
    virtual bool wait_writable(std::int64_t timeout_ms) = 0;
    /// Blocks until all that was sent has been handed to the kernel; errors as send().
    virtual Result<> flush(std::int64_t timeout_ms) = 0;
    /// One-way frames that the kernel had not accepted when a connection broke or could not be
    /// made, since the last call.
    virtual std::size_t take_lost_oneways() = 0;

    virtual bool connected() const = 0;
    virtual const std::string& address() const = 0;
    virtual void close() = 0;

private:
    static Result<Answer> wait(
        const std::function<void(std::function<void(Result<Answer>)>)>& start);
};

}  // namespace mqd::remoting
