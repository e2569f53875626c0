#pragma once
// The connection that gets an answer, and its thread. A front end makes one for each connection.
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
    /// Runs `call` later on the connection's thread, never inside the current call, and not after
    /// the connection is closed.
    virtual void post(std::function<void()> call) const = 0;
};

}  // namespace mqd::broker
