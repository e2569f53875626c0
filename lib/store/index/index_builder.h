#pragma once
// The index builder: follows the dispatcher through the log and writes the keys of what it passes
// into the index, mqd-store(5), DISPATCH. It gives way to everything else: readers of a queue never
// wait for it, and a query by key may be some milliseconds behind, in a flood of messages 256 MB,
// and while a lost index is built again as far as that has come.
//
// Threads: one of its own (mqd-index) at low priority; follow() and indexed() from any.
// Owner:   the store.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bell.h"
#include "store/index/index_set.h"
#include "store/log/log_walker.h"

namespace mqd::store {

class IndexBuilder {
public:
    /// Goes on where the index ends. `dispatched`: as follow().
    IndexBuilder(const CommitLog& log, IndexSet& index, std::int64_t dispatched);
    ~IndexBuilder() { stop(false); }

    /// The records before `dispatched` may be indexed.
    void follow(std::int64_t dispatched) {
        limit_.store(dispatched, std::memory_order_release);
        bell_.ring();
    }
    /// Ends the thread, at the last mark of follow() if `finish` and the disk lets it.
    void stop(bool finish);
    /// The keys of all records before this can be found.
    std::int64_t indexed() const { return indexed_.load(std::memory_order_acquire); }

private:
    static constexpr std::int64_t batch_bytes_max = 64 << 20;
    static constexpr std::size_t batch_keys_max = 1 << 16;
    static constexpr std::int64_t flood_bytes = 1 << 20;      // in a pause
    static constexpr std::int64_t lag_bytes_max = 256 << 20;  // that a flood is waited for

    void run();
    bool flooded(std::int64_t limit) const;
    void pass_damage(std::int64_t to);
    void collect(std::int64_t limit);
    void add(const message::RecordView& record);
    bool write();
    void wait();
    void release_in_time();

    const CommitLog& log_;
    IndexSet& index_;
    std::optional<LogWalker> walker_;
    IndexSet::Resume known_;  // keys that need not be added again
    std::vector<IndexKey> keys_;
    std::string topic_;  // of the last record
    IndexHash hash_{""};
    bool failing_ = false;
    std::optional<std::int64_t> release_at_ms_;  // monotonic; nothing: no memory to give back
    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> finish_ = false;
    std::atomic<std::int64_t> limit_;
    std::atomic<std::int64_t> indexed_;
    std::thread thread_;
};

}  // namespace mqd::store
