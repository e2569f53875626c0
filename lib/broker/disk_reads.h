#pragma once
// A connection's reads that have to wait for the disk. Only a few run at a time, and none while the
// client does not take its answers, since these take memory.
//
// Threads: the connection's; the reads themselves run on the broker's reader threads.
// Owner:   the connection.

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
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
    /// connection is still open. All three own what they use. `refuse(why)` comes instead of the
    /// answer: at once when too many reads wait, later when the read throws.
    template <class Read, class Answer, class Refuse>
    void run(Read read, Answer answer, Refuse refuse) {
        // One object from here on: three queues take it, and none copies what it owns.
        struct Job {
            Read read;
            Answer answer;
            Refuse refuse;
            std::optional<std::invoke_result_t<Read&>> found;
        };
        auto job =
            std::make_shared<Job>(Job{std::move(read), std::move(answer), std::move(refuse), {}});
        const bool is_taken = add([this, job] {
            readers_.run([this, caller = caller_, job] {
                try {
                    job->found.emplace(job->read());
                } catch (const std::exception& bug) {
                    note_failure(bug);
                }
                caller->post([this, job] {
                    finished();
                    if (job->found)
                        job->answer(std::move(*job->found));
                    else
                        job->refuse(has_failed);
                });
            });
        });
        if (!is_taken) job->refuse(too_many);
    }
    /// The connection closes: reads that have not begun are dropped.
    void clear() { waiting_.clear(); }

private:
    static constexpr int running_max = 4;
    static constexpr std::size_t waiting_max = 1000;
    static constexpr std::size_t unsent_bytes_max = 4 << 20;
    static constexpr std::string_view too_many =
        "too many requests of this connection wait for the disk";
    static constexpr std::string_view has_failed = "the broker could not read; its log says why";
    static void note_failure(const std::exception& bug);
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
