#pragma once
// Answers on their way from the I/O thread to the tool's thread, with a descriptor that poll()
// can wait on beside the tool's input.
//
// Threads: put() from any; the rest from the tool's.
// Owner:   shared by who waits and by the calls under way.

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace mqd::client {

template <class T>
class Mailbox {
public:
    Mailbox() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { check(event_ >= 0); }
    ~Mailbox() { ::close(event_); }
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    void put(T item) {
        bool is_first;
        {
            Lock lock(lock_);
            is_first = items_.empty();
            items_.push_back(std::move(item));
        }
        if (is_first) signal();
    }
    /// Wakes a wait() without anything in it.
    void signal() {
        const std::uint64_t one = 1;
        check(::write(event_, &one, sizeof one) == sizeof one);
    }
    /// Swaps what has come with `into`, which must be empty.
    void take(std::vector<T>& into) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto n = ::read(event_, &count, sizeof count);  // EAGAIN: none
        Lock lock(lock_);
        std::swap(items_, into);
    }
    /// Readable while something is there.
    int fd() const { return event_; }

private:
    const int event_;
    Mutex lock_;
    std::vector<T> items_ GUARDED_BY(lock_);
};

/// Waits until one of the two (-1: none) is readable or the time is over (-1: never). A signal
/// may end it early.
inline void wait_for_either(int first, int second, std::int64_t timeout_ms) {
    pollfd fds[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
    const auto bounded = std::clamp<std::int64_t>(timeout_ms, -1, 1'000'000'000);
    [[maybe_unused]] const int n = ::poll(fds, 2, static_cast<int>(bounded));
}

/// Whether the descriptor (-1: never) is readable now.
inline bool is_readable(int fd) {
    pollfd one = {fd, POLLIN, 0};
    return fd >= 0 && ::poll(&one, 1, 0) > 0;
}

}  // namespace mqd::client
