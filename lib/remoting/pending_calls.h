#pragma once
// The calls of one connection that wait for their answers, by opaque, and their deadlines.
//
// Threads: the connection's loop.
// Owner:   a Session or a Channel.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/io_threads.h"
#include "remoting/session.h"

namespace mqd::remoting {

class PendingCalls {
public:
    using Done = std::function<void(Result<Answer>)>;

    /// A call ran out of time, which is `timeout_ms`; it has been told.
    using Late = std::function<void(const Error&, std::int64_t timeout_ms)>;

    /// `peer` is for `<peer> did not answer within 3000 ms`. Destroying *this with calls inside
    /// drops them unanswered: fail() them before.
    PendingCalls(net::Loop& loop, std::string peer, Late on_late = nullptr)
        : loop_(loop), peer_(std::move(peer)), on_late_(std::move(on_late)) {}
    PendingCalls(const PendingCalls&) = delete;
    PendingCalls& operator=(const PendingCalls&) = delete;

    void add(std::int32_t opaque, std::int64_t timeout_ms, std::int64_t now_ms, Done done);
    /// Gives the answer to the call it is for; one that nobody waits for (any more) is dropped.
    void answered(const wire::Command& response);
    /// All of them get the error.
    void fail(const Error& error);

private:
    // An open table with linear probing. Opaques are numbered in turn, so that a call is nearly
    // always in the very slot of its number.
    struct Slot {
        std::int32_t opaque = 0;
        std::int64_t timeout_ms = 0;
        std::int64_t deadline_ms = 0;
        Done done;  // empty slot: none
    };
    std::size_t home(std::int32_t opaque) const;
    void put(Slot slot);
    void grow();
    void vacate(std::size_t i);
    void sweep_later();
    void sweep();

    net::Loop& loop_;
    const std::string peer_;
    const Late on_late_;
    std::vector<Slot> slots_;  // a power of two of them, at most half used
    std::size_t used_ = 0;
    std::unique_ptr<net::Timer> sweeper_;
};

/// All of it copied out of the frame.
Answer to_answer(const wire::Command& response);

}  // namespace mqd::remoting
