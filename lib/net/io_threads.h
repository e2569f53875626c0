#pragma once
// The I/O threads: each runs one event loop of its own, and a connection lives and dies on one of
// them. Names: <name>-0, <name>-1, ...
//
// Threads: post(), at() from any thread; stop() from the owner.
// Owner:   main, or the client library for its one thread.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace mqd::net {

/// A scheduled call; cancel() from the loop's own thread, or destroy, to take it back.
class Timer {
public:
    virtual ~Timer() = default;
    virtual void cancel() = 0;
};

/// One thread's event loop.
class Loop {
public:
    virtual ~Loop() = default;
    virtual void post(std::function<void()> call) = 0;  ///< any thread; dropped after stop()
    virtual bool is_current_thread() const = 0;
    /// Any thread: runs `call` on the loop's and returns when it is done. At once when this is the
    /// loop's thread, or when that has ended.
    virtual void run_and_wait(std::function<void()> call) = 0;
    /// Loop's thread only: calls once after the delay, precise to a millisecond.
    virtual std::unique_ptr<Timer> after(std::chrono::milliseconds delay,
                                         std::function<void()> call) = 0;
};

class IoThreads {
public:
    /// count 0: one per core.
    IoThreads(std::size_t count, std::string_view name);
    ~IoThreads();  ///< stops
    IoThreads(const IoThreads&) = delete;
    IoThreads& operator=(const IoThreads&) = delete;

    std::size_t size() const;
    Loop& at(std::size_t i);
    Loop& next();  ///< in turn
    /// Connections are closed (their on_close comes first), threads are joined, then what had been
    /// posted runs here. Streams and listeners may be destroyed afterwards, but before *this.
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mqd::net
