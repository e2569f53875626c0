#pragma once
// A connection's requests that have to wait for the disk. Few of them are read at a time, and none
// while the client leaves its answers lying: what has been read takes memory.
//
// Threads: the session's; what is read is read on one of the broker's reader threads.
// Owner:   Connection.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "net/io_threads.h"
#include "remoting/session.h"

namespace mqd::front::rocketmq {

class DiskReads {
public:
    /// `start` hands something to a reader thread, which ends in finished(). False: too many wait.
    bool add(remoting::Session& session, std::function<void()> start);
    /// One that was started is done, whatever came of it.
    void finished(remoting::Session& session);
    void clear() { waiting_.clear(); }

private:
    static constexpr int running_max = 4;
    static constexpr std::size_t waiting_max = 1000;
    static constexpr std::size_t unsent_bytes_max = 4 << 20;
    void start_some(remoting::Session& session);

    int running_ = 0;
    std::deque<std::function<void()>> waiting_;
    std::unique_ptr<net::Timer> timer_;  // until the client has taken some of its answers
};

}  // namespace mqd::front::rocketmq
