#pragma once
// Net's inside: the loop behind the Loop interface, and what lives on one. Not for other rooms:
// this is where Asio begins.
//
// Threads: post(), run_and_wait() from any; all else on the loop's own thread.
// Owner:   IoThreads.

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/io_threads.h"

namespace mqd::net {

/// A connection, or one being made: swept now and then, and told when the loop ends.
class Resident {
public:
    virtual ~Resident() = default;
    /// True when it has been idle for too long: expire() follows.
    virtual bool sweep(std::int64_t now_ms) = 0;
    virtual void expire() = 0;
    virtual void loop_ends() = 0;
    virtual std::shared_ptr<Resident> hold() = 0;

private:
    friend class AsioLoop;
    std::size_t index_ = 0;  // in AsioLoop::residents_
};

/// Has unwritten output that the loop takes care of after the calls it is running.
class Flushable {
public:
    virtual ~Flushable() = default;
    virtual void flush_now() = 0;
};

class AsioLoop final : public Loop {
public:
    AsioLoop();

    void post(std::function<void()> call) override;
    bool is_current_thread() const override;
    std::unique_ptr<Timer> after(std::chrono::milliseconds delay,
                                 std::function<void()> call) override;
    void run_and_wait(std::function<void()> call) override;

    asio::io_context& io() { return io_; }
    void run();  ///< the thread's body
    /// Any thread: ends run() after what is posted; everything that lives here is told first.
    void end();
    /// When the thread has been joined: what came too late still runs, here.
    void ended();

    void add(Resident& resident, std::int64_t idle_ms);
    void remove(Resident& resident);
    void flush_behind(std::shared_ptr<Flushable> stream);
    /// One block for all connections of the loop to read into: idle ones cost no input buffer.
    MutableBytes read_block();

private:
    void run_posted();
    void end_residents();
    void sweep_later();
    void sweep();

    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};

    Mutex posted_lock_;
    std::vector<std::function<void()>> posted_ GUARDED_BY(posted_lock_);
    bool has_ended_ GUARDED_BY(posted_lock_) = false;

    std::vector<std::function<void()>> running_;  // posted_'s other half: both keep their capacity
    std::vector<std::shared_ptr<Flushable>> to_flush_;
    std::vector<Resident*> residents_;
    std::unique_ptr<Timer> sweeper_;
    std::int64_t sweep_every_ms_ = 1000;
    Buffer read_block_;
};

/// Every Loop is one of ours.
inline AsioLoop& asio_loop(Loop& loop) {
    return static_cast<AsioLoop&>(loop);
}

}  // namespace mqd::net
