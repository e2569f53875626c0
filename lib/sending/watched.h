#pragma once
// Several descriptors as one, which is readable when any of them is.
//
// Threads: one at a time.

#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"

namespace mqd::sending {

class Watched {
public:
    Watched() : fd_(::epoll_create1(EPOLL_CLOEXEC)) { check(fd_ >= 0); }
    ~Watched() { ::close(fd_); }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    /// Until it is closed.
    void add(int fd) const {
        epoll_event event = {};
        event.events = EPOLLIN;
        check(::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    int fd() const { return fd_; }

private:
    const int fd_;
};

}  // namespace mqd::sending
