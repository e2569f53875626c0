#pragma once
// A connection's reads that have to wait for the disk. Only a few run at a time, and none while the
// client does not take its answers, since these take memory.
//
// Threads: the connection's; the reads themselves run on the broker's reader threads.
// Owner:   the connection.

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "broker/caller.h"
#include "net/io_threads.h"
#include "store/engine/reader_threads.h"

namespace mqd::broker {

class DiskReads {
public:
    DiskReads(store::ReaderThreads& readers, std::shared_ptr<const Caller> caller)
        : readers_(readers), caller_(std::move(caller)) {}

    /// Calls `read` on a reader thread, then `answer(result)` on the connection's thread, if the
    /// connection is still open. Both own what they use. False: too many reads wait, and neither is
    /// called.
    template <class Read, class Answer>
    bool run(Read read, Answer answer) {
        // One object from here on: three queues take it, and none copies what it owns.
        struct Job {
            Read read;
            Answer answer;
            std::optional<std::invoke_result_t<Read&>> found;
        };
        auto job = std::make_shared<Job>(Job{std::move(read), std::move(answer), {}});
        return add([this, job = std::move(job)] {
            readers_.run([this, caller = caller_, job] {
                job->found.emplace(job->read());
                caller->post([this, job] {
                    finished();
                    job->answer(std::move(*job->found));
                });
            });
        });
    }
    /// The connection closes: reads that have not begun are dropped.
    void clear() { waiting_.clear(); }

private:
    static constexpr int running_max = 4;
    static constexpr std::size_t waiting_max = 1000;
    static constexpr std::size_t unsent_bytes_max = 4 << 20;
    bool add(std::function<void()> start);
    void finished();
    void start_some();

    store::ReaderThreads& readers_;
    const std::shared_ptr<const Caller> caller_;
    int running_ = 0;
    std::deque<std::function<void()>> waiting_;
    std::unique_ptr<net::Timer> timer_;  // until the client has taken some of its answers
};

}  // namespace mqd::broker
