#pragma once
// The connection that an answer goes to, and with it the thread that it belongs to. A front end
// makes one for each of its connections.
//
// Threads: post() from any; the others on the connection's, while the connection lives.
// Owner:   the connection, and whatever works for it elsewhere.

#include <cstddef>
#include <functional>

#include "net/io_threads.h"

namespace mqd::broker {

class Caller {
public:
    virtual ~Caller() = default;
    virtual net::Loop& loop() const = 0;
    /// Answers that the client has not taken yet.
    virtual std::size_t unsent_bytes() const = 0;
    /// Runs `call` on the connection's thread, never within what runs there now; not at all once
    /// the connection is closed.
    virtual void post(std::function<void()> call) const = 0;
};

}  // namespace mqd::broker
