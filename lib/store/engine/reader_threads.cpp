#include "store/engine/reader_threads.h"

#include <fmt/format.h>

#include <exception>

#include "base/log.h"
#include "base/named_thread.h"

namespace mqd::store {

ReaderThreads::ReaderThreads(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        threads_.push_back(named_thread(fmt::format("mqd-read-{}", i), [this] { work(); }));
}

void ReaderThreads::run(std::function<void()> job) {
    const Lock lock(lock_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
    changed_.notify_one();
}

void ReaderThreads::work() {
    let_others_first();  // whoever catches up has time; those who send have not
    for (;;) {
        std::function<void()> job;
        {
            const Lock lock(lock_);
            while (jobs_.empty() && !stopping_) changed_.wait(lock_);
            if (stopping_) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        try {
            job();
        } catch (const std::exception& bug) {
            log::error("read_failed", {{"error", bug.what()}});
        }
    }
}

void ReaderThreads::stop() {
    std::deque<std::function<void()>> dropped;
    {
        const Lock lock(lock_);
        stopping_ = true;
        dropped.swap(jobs_);
        changed_.notify_all();
    }
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

}  // namespace mqd::store
